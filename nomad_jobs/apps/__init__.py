"""Small programs of our own that the catalogue runs without Docker."""
