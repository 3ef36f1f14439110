"""Counting tokens without a tokenizer: a word-piece rule that is close to English text and says so.

A token is a word of at most seven letters with the space before it (a longer word is several tokens), one to
three digits, a run of white space, or one other character; a letter of a script without spaces (CJK and the
like) is a token of its own. English prose comes to about 1.3 tokens a word, the usual rule of thumb; code and
other languages are off by more. Real counts need the model's own tokenizer.
"""

import re
from collections.abc import Iterator

_PIECE = re.compile(
    r" ?[^\W\d_⺀-\U0010ffff]{1,7}"  # up to seven letters
    r"| ?\d{1,3}"
    r"| ?[^\w\s]"  # punctuation and symbols
    r"|\s+"
    r"|.",  # "_", and what the letters above leave out
    re.DOTALL,
)


def pieces(text: str) -> Iterator[str]:
    """Split `text` into its tokens; joined again they are `text`."""
    return (match.group() for match in _PIECE.finditer(text))


def count(text: str) -> int:
    """Count the tokens of `text`."""
    return sum(1 for _ in pieces(text))
