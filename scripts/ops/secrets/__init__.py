"""The secrets of a stack: which versions there are, which are pinned, and which each instance uses."""
