"""Machines: which a stack has, how AWS launches them, and their user data."""
