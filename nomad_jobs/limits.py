"""Limits that services, their programs and the nodes share; the programs import nothing else of the catalogue."""

LONGEST_STREAM_S = 300
"""The longest answer that a model streams, and so the longest that the chat page passes on."""
MAX_KILL_TIMEOUT_S = 600
"""Nodes cap every job's `kill_timeout` here, in the cloud and on a laptop."""
