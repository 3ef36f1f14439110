"""The library behind the verbs: the only code with effects."""
