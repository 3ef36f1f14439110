"""What runs: the service catalogue, the platform record, and the jobs rendered from both."""
