"""How large the disks of machines are: what launches them and what counts their cost say the same."""

from infra.compute.pools import PoolConfig

SERVER_ROOT_GB, SERVER_DATA_GB = 20, 50
"""A server's own disk, and the volume that outlives it."""
_NODE_ROOT_GB, _GPU_NODE_ROOT_GB = 100, 150
"""Images and containers are on the root disk where a node has none of its own; AWS's image for GPUs fills 75 GB."""


def root_gb(pool: PoolConfig) -> int:
    """Size the root disk of a pool's nodes."""
    return _GPU_NODE_ROOT_GB if pool.type.gpu else _NODE_ROOT_GB
