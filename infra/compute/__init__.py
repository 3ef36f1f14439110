"""Machines: which there are, how they are launched, and what each is told when it starts."""
