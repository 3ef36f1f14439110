"""Finds the programs that Berth runs, on PATH or in its cache, or installs them: a signed release, a Go build."""

from scripts.ops.toolchain.cache import bin_dir
from scripts.ops.toolchain.order import install, look, resolve

__all__ = ["bin_dir", "install", "look", "resolve"]
