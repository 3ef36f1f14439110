"""What all ways to get a program share: the error that leads to the next way, and a bar of progress."""


class UnavailableError(Exception):
    """This way does not work, for the reason in the text; the next one is tried."""


def bar(what: str, done: float, total: float) -> str:
    """Return a 20-cell bar; it changes every 5 %, so that a log without a terminal stays short."""
    cells = min(20, int(20 * done / total)) if total else 0
    return f"{what} {'━' * cells:<20} {5 * cells:3} %"
