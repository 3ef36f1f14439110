"""A stack's settings, read and checked before the program makes anything."""
