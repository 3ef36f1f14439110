"""Sizes of the machines' disks, for what launches them and for what counts their cost."""

from infra.compute.pools import PoolConfig

SERVER_ROOT_GB = 20
"""A server's root disk."""
SERVER_DATA_GB = 50
"""A server's volume, which outlives it."""
_NODE_ROOT_GB = 100
"""Images and containers are on the root disk of a node whose type has no disks of its own."""
_GPU_NODE_ROOT_GB = 150
"""AWS's image for GPUs alone fills 75 GB."""


def root_gb(pool: PoolConfig) -> int:
    """Size the root disk of a pool's nodes."""
    return _GPU_NODE_ROOT_GB if pool.type.gpu else _NODE_ROOT_GB
