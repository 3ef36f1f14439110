"""Builds, pushes and checks the images of our own: Debian's packages, wheels and sources, the same bytes each time."""
