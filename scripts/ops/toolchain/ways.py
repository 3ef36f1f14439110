"""What every way to get a program shares: saying why it did not work, and how far it is."""


class UnavailableError(Exception):
    """This way cannot give the program, for the reason in the text; the next way is tried."""


def bar(what: str, done: float, total: float) -> str:
    """Return a 20-cell bar; it changes every 5 %, so that a log without a terminal stays short."""
    cells = min(20, int(20 * done / total)) if total else 0
    return f"{what} {'━' * cells:<20} {5 * cells:3} %"
