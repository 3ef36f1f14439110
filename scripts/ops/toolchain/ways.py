"""What all ways to get a program share: the error that leads to the next way, and a bar of progress."""


class UnavailableError(Exception):
    """This way does not work, for the reason in the text; the next one is tried. `fix` would make it work."""

    def __init__(self, reason: str, fix: str = "") -> None:
        super().__init__(reason)
        self.fix = fix


def bar(done: float, total: float) -> str:
    """Return a 10-cell bar; it changes every 5 %, so that a log without a terminal stays short."""
    steps = min(20, int(20 * done / total)) if total else 0
    return f"{'━' * (steps // 2):<10} {5 * steps:3} %"
