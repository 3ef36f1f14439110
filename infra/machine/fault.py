"""The one error: what is in the way, in one line. systemd shows it and starts the program again."""


class Fault(Exception):  # noqa: N818 - it is what systemd shows, in one line
    """Something is not there yet, or refuses; every step may be repeated."""
