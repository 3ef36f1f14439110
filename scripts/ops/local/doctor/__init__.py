"""Looks at the laptop's platform and changes nothing."""
