"""Measures what Berth promises about speed and size: `make bench`."""
