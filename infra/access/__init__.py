"""Who may do what in AWS: keys, and the roles of machines, people and pipelines."""
