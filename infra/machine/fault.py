"""The one error, in one line: systemd logs it and starts the program again."""


class Fault(Exception):  # noqa: N818 - it is what systemd shows, in one line
    """Something is not there yet, or refuses; the step is repeated."""
