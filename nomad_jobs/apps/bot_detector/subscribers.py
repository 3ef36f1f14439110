"""Makes a synthetic, labelled list of subscribers by rule and seed; it holds no real person's data.

Most humans build their address from their name; most bots fill in random or machine-made text. The two overlap on
purpose (people with odd addresses, bots that copy a person's pattern), so no classifier can be right about all of
them. The accuracy on this list says how well a classifier finds these rules again, and nothing about real traffic:
for that, train on real labels.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

SEED = 20261121
_FIRST_NAMES = (
    "Ada Ahmed Aiko Alice Amara Ana Andrei Anna Arjun Ben Carla Chen Chloe Daniel David Elena Emma Eric Fatima Felix"
    " Grace Hana Hugo Ines Ivan Jack Jan Jana Javier Jonas Julia Karim Kate Lara Leo Lena Liam Lucia Marco Maria"
    " Mateo Maya Mia Mohamed Nadia Nina Noah Olga Omar Oscar Pablo Paul Priya Rosa Ryan Sara Sofia Tom Wei Zoe"
)
_LAST_NAMES = (
    "Adams Ali Becker Bianchi Brown Chen Clark Costa Diaz Dubois Evans Fischer Garcia Gupta Haas Hansen Ivanov"
    " Jensen Johnson Kim Klein Kowalski Kumar Larsen Lee Lopez Martin Mehta Meyer Miller Moreau Nakamura Novak"
    " Okafor Olsen Park Patel Perez Petrov Rossi Sato Schmidt Silva Singh Smith Suzuki Tanaka Taylor Torres Tran"
    " Varga Wagner Walker Wang Weber White Wilson Wolf Yilmaz Zhang"
)
_COMMON_DOMAINS = ("mail.example", "post.example", "inbox.example", "company.example", "university.example")
_CHEAP_DOMAINS = ("promo.xyz", "deals.top", "win.click", "offer.icu", "mail.buzz", "site.online")
_BOTS = 0.5
_CHEAP_BOTS = 0.4
_CHEAP_HUMANS = 0.03
_ODD_HUMANS = 0.08
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_DIGITS = "0123456789"
_CONSONANTS = "bcdfghjklmnprstvz"
_VOWELS = "aeiou"


@dataclass(frozen=True, slots=True)
class Subscriber:
    """What a sign-up form sends: an address, and perhaps a name."""

    email: str
    name: str


def generate(rows: int, seed: int = SEED) -> Iterator[tuple[Subscriber, bool]]:
    """Make `rows` subscribers, each with whether it is a bot; the same seed makes the same list."""
    # We call `random()` alone: it is the one method whose sequence Python promises to keep.
    rng = random.Random(seed)  # noqa: S311 - makes up data
    for _ in range(rows):
        is_bot = rng.random() < _BOTS
        yield (_bot(rng) if is_bot else _human(rng)), is_bot


def _human(rng: random.Random) -> Subscriber:
    first, last = _pick(rng, _FIRST_NAMES.split()), _pick(rng, _LAST_NAMES.split())
    local = _pick(rng, _addresses(rng, first.lower(), last.lower()))
    if rng.random() < _ODD_HUMANS:
        local = _text(rng, _LETTERS, 2, 5) + _text(rng, _DIGITS, 2, 5)
    domain = _domain(rng, _CHEAP_HUMANS)
    return Subscriber(f"{local}@{domain}", _pick(rng, (f"{first} {last}",) * 8 + (first, "")))


def _bot(rng: random.Random) -> Subscriber:
    first, last = _pick(rng, _FIRST_NAMES.split()), _pick(rng, _LAST_NAMES.split())
    noise = _text(rng, _LETTERS + _DIGITS, 6, 16)
    spoken = "".join(_pick(rng, _CONSONANTS) + _pick(rng, _VOWELS) for _ in range(_between(rng, 3, 5)))
    copied = _pick(rng, _addresses(rng, _pick(rng, _FIRST_NAMES.split()).lower(), last.lower()))
    local = _pick(rng, (noise,) * 5 + (spoken + _text(rng, _DIGITS, 2, 5),) * 4 + (copied,))
    domain = _domain(rng, _CHEAP_BOTS)
    names = (f"{first} {last}", f"{first} {last}", noise, local, "", f"Win now www.{domain}")
    return Subscriber(f"{local}@{domain}", _pick(rng, names))


def _addresses(rng: random.Random, first: str, last: str) -> tuple[str, ...]:
    year = str(_between(rng, 60, 99))
    return (
        f"{first}.{last}",
        f"{first}{last}",
        f"{first[0]}.{last}",
        f"{first}_{last}",
        f"{first}{year}",
        last + first[0],
    )


def _domain(rng: random.Random, cheap: float) -> str:
    return _pick(rng, _CHEAP_DOMAINS if rng.random() < cheap else _COMMON_DOMAINS)


def _between(rng: random.Random, low: int, high: int) -> int:
    return low + int(rng.random() * (high - low + 1))


def _pick(rng: random.Random, options: Sequence[str]) -> str:
    return options[int(rng.random() * len(options))]


def _text(rng: random.Random, alphabet: str, low: int, high: int) -> str:
    return "".join(_pick(rng, alphabet) for _ in range(_between(rng, low, high)))
