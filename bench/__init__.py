"""What Berth promises about speed and size, measured: `make bench`."""
