"""Starts, changes and stops the programs of the platform on one machine."""
