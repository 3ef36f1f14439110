"""Examines the laptop's platform, and changes nothing."""
