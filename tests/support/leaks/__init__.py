"""Looks for known values in whatever a platform writes, runs and answers."""
