"""The `berth` command: one module for each verb."""
