"""AWS: the Pulumi program, the port table and the agent configurations."""
