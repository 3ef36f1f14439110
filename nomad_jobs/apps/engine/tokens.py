"""Counts tokens without a tokenizer, by a word-piece rule that is close to a tokenizer's count for English.

A token is a word of at most seven letters with the space before it (a longer word is several tokens), one to
three digits, up to eight characters of white space, or one other character; a letter of a script without spaces
(CJK and the like) is a token of its own. English prose comes to about 1.3 tokens a word, the usual rule of thumb;
code and other languages are off by more. Real counts need the model's own tokenizer.
"""

import re
from collections.abc import Iterable, Iterator

_PIECE = re.compile(
    r" ?[^\W\d_⺀-\U0010ffff]{1,7}"  # up to seven letters
    r"| ?\d{1,3}"
    r"| ?[^\w\s]"  # punctuation and symbols
    r"|\s{1,8}"
    r"|.",  # "_", and what the letters above leave out
    re.DOTALL,
)
# In front of each token's bytes, so that none begins with a zero.
_MARK = b"\1"


def pieces(text: str) -> Iterator[str]:
    """Split `text` into its tokens; joined again they are `text`."""
    return (match.group() for match in _PIECE.finditer(text))


def count(text: str) -> int:
    """Count the tokens of `text`."""
    return sum(1 for _ in pieces(text))


def ids(text: str) -> list[int]:
    """Number the tokens of `text`: an id is the token's own bytes as a number, so there is no vocabulary to keep."""
    return ids_of(pieces(text))


def ids_of(given: Iterable[str]) -> list[int]:
    """Number `given` tokens."""
    return [int.from_bytes(_MARK + piece.encode(errors="surrogatepass"), "big") for piece in given]


def from_ids(given: Iterable[int]) -> str:
    """Turn ids back into text; raises ValueError for a number that is no token's."""
    return "".join(_piece(token) for token in given)


def _piece(token: int) -> str:
    data = token.to_bytes((token.bit_length() + 7) // 8, "big")
    if not data.startswith(_MARK):
        raise ValueError(f"{token} is no token")
    return data.removeprefix(_MARK).decode(errors="surrogatepass")
