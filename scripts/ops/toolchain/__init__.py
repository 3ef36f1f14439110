"""Resolves and installs the programs Berth runs: PATH, its cache, the signed release, a Go build."""

from scripts.ops.toolchain.cache import bin_dir
from scripts.ops.toolchain.order import install, look, resolve

__all__ = ["bin_dir", "install", "look", "resolve"]
