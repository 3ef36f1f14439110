"""A web page that streams from the model."""
