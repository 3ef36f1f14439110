"""Limits that services and their programs share; the programs import nothing else of the catalogue."""

LONGEST_STREAM_S = 300
"""The longest answer that a model streams, and so the longest that the chat page passes on."""
