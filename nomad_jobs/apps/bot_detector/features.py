"""The classifier's features: ten numbers from 0 to 1 for each subscriber."""

import re
from collections.abc import Callable

from nomad_jobs.apps.bot_detector.subscribers import Subscriber

_CHEAP_ENDINGS = (".xyz", ".top", ".click", ".icu", ".buzz", ".online", ".site", ".shop", ".work")
_LINK = re.compile(r"https?:|www\.|\.[a-z]{2,6}(/|\s|$)", re.IGNORECASE)
_CONSONANTS = re.compile(r"[bcdfghjklmnpqrstvwxz]+")
_SWITCH = re.compile(r"(?<=[a-z])(?=\d)|(?<=\d)(?=[a-z])")
_USUAL_VOWELS = 0.4
_HARD_TO_SAY = 0.5  # a run of more than four consonants


def _local(subscriber: Subscriber) -> str:
    return subscriber.email.rpartition("@")[0].lower()


def _share(text: str, counted: str) -> float:
    return sum(text.count(character) for character in counted) / max(len(text), 1)


def _consonant_run(text: str) -> float:
    return min(max(map(len, _CONSONANTS.findall(text.lower())), default=0), 8) / 8


def _name_in_address(subscriber: Subscriber) -> float:
    words = [word for word in re.findall(r"\w+", subscriber.name.lower()) if len(word) > 1]
    found = sum(word in _local(subscriber) for word in words)
    return found / len(words) if words else 0.0


def _odd_vowels(subscriber: Subscriber) -> float:
    letters = "".join(filter(str.isalpha, _local(subscriber)))
    return abs(_share(letters, "aeiou") - _USUAL_VOWELS)


FEATURES: dict[str, Callable[[Subscriber], float]] = {
    "address_length": lambda subscriber: min(len(_local(subscriber)), 32) / 32,
    "address_digits": lambda subscriber: _share(_local(subscriber), "0123456789"),
    "address_consonant_run": lambda subscriber: _consonant_run(_local(subscriber)),
    "address_letter_digit_switches": lambda subscriber: min(len(_SWITCH.findall(_local(subscriber))), 6) / 6,
    "address_odd_vowels": _odd_vowels,
    "address_separator": lambda subscriber: float(any(mark in _local(subscriber) for mark in "._-")),
    "cheap_domain": lambda subscriber: float(subscriber.email.lower().endswith(_CHEAP_ENDINGS)),
    "name_missing": lambda subscriber: float(not subscriber.name.strip()),
    "name_in_address": _name_in_address,
    "name_odd": lambda subscriber: float(
        bool(re.search(r"\d", subscriber.name) or _LINK.search(subscriber.name))
        or _consonant_run(subscriber.name) > _HARD_TO_SAY
    ),
}


def vector(subscriber: Subscriber) -> tuple[float, ...]:
    """Compute all features, in the order of `FEATURES`."""
    return tuple(feature(subscriber) for feature in FEATURES.values())
