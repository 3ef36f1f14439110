"""One module for each service of the catalogue."""
