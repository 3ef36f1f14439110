"""Finds the programs that Berth runs, on PATH or in its cache, or installs them: a signed release, a Go build."""
