"""A logistic regression that tells bots among new subscribers, behind `POST /predict`."""
