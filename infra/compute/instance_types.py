"""What an instance type has: the numbers that pools, storage and the scheduler's checks need."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

# Source of every number: AWS's DescribeInstanceTypes, field by field as named below; its user guide has them too, at
# https://docs.aws.amazon.com/ec2/latest/instancetypes/ac.html (GPU), gp.html, co.html and mo.html (CPU).
# A test holds the table against a recorded answer of that call. Only x86_64: the programs we ship are built for it.


@dataclass(frozen=True, kw_only=True, slots=True)
class Gpu:
    """GpuInfo.Gpus: `model` is its Name, a whole word of what NVML, and so Nomad's device plugin, calls the GPU."""

    model: str
    count: int
    memory_mib: int
    """Of each one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Nvme:
    """InstanceStorageInfo.Disks: gone when the instance stops."""

    count: int
    size_gb: int
    """Of each one, in units of 10⁹ bytes."""


@dataclass(frozen=True, kw_only=True, slots=True)
class InstanceType:
    """One row of the table."""

    name: str
    vcpus: int
    """VCpuInfo.DefaultVCpus."""
    memory_gib: int
    """MemoryInfo.SizeInMiB / 1024."""
    network: str
    """NetworkInfo.NetworkPerformance, in AWS's words."""
    gpu: Gpu | None = None
    nvme: Nvme | None = None
    efa_interfaces: int = 0
    """NetworkInfo.EfaInfo.MaximumEfaInterfaces: with one on each network card."""
    takes_capacity_blocks: bool = False
    """Whether SupportedUsageClasses has `capacity-block`."""
    takes_cluster_placement: bool = True
    """Whether PlacementGroupInfo.SupportedStrategies has `cluster`."""


# Columns: type, vCPUs, memory GiB | GPUs, model, MiB of each | disks, GB of each | EFA interfaces, network.
_CLUSTERED = """
p5en.48xlarge 192 2048  8 H200 144384  8 3800  16 3200 Gigabit
p5e.48xlarge  192 2048  8 H200 144384  8 3800  32 3200 Gigabit
p5.48xlarge   192 2048  8 H100  81920  8 3800  32 3200 Gigabit
p5.4xlarge     16  256  1 H100  81920  1 3800   1 100 Gigabit
p4de.24xlarge  96 1152  8 A100  81920  8 1000   4 4x 100 Gigabit
p4d.24xlarge   96 1152  8 A100  40960  8 1000   4 4x 100 Gigabit
"""
_GRAPHICS = """
g6e.48xlarge  192 1536  8 L40S  45776  4 1900   4 400 Gigabit
g6e.24xlarge   96  768  4 L40S  45776  2 1900   2 200 Gigabit
g6e.12xlarge   48  384  4 L40S  45776  2 1900   1 100 Gigabit
g6e.16xlarge   64  512  1 L40S  45776  2  950   1 35 Gigabit
g6e.8xlarge    32  256  1 L40S  45776  2  450   1 25 Gigabit
g6e.4xlarge    16  128  1 L40S  45776  1  600   0 20 Gigabit
g6e.2xlarge     8   64  1 L40S  45776  1  450   0 Up to 20 Gigabit
g6e.xlarge      4   32  1 L40S  45776  1  250   0 Up to 20 Gigabit
g6.48xlarge   192  768  8 L4    22888  8  940   1 100 Gigabit
g6.24xlarge    96  384  4 L4    22888  4  940   1 50 Gigabit
g6.12xlarge    48  192  4 L4    22888  4  940   1 40 Gigabit
g6.16xlarge    64  256  1 L4    22888  2  940   1 25 Gigabit
g6.8xlarge     32  128  1 L4    22888  2  450   1 25 Gigabit
g6.4xlarge     16   64  1 L4    22888  1  600   0 Up to 25 Gigabit
g6.2xlarge      8   32  1 L4    22888  1  450   0 Up to 10 Gigabit
g6.xlarge       4   16  1 L4    22888  1  250   0 Up to 10 Gigabit
g5.48xlarge   192  768  8 A10G  22888  2 3800   1 100 Gigabit
g5.24xlarge    96  384  4 A10G  22888  1 3800   1 50 Gigabit
g5.12xlarge    48  192  4 A10G  22888  1 3800   1 40 Gigabit
g5.16xlarge    64  256  1 A10G  22888  1 1900   1 25 Gigabit
g5.8xlarge     32  128  1 A10G  22888  1  900   1 25 Gigabit
g5.4xlarge     16   64  1 A10G  22888  1  600   0 Up to 25 Gigabit
g5.2xlarge      8   32  1 A10G  22888  1  450   0 Up to 10 Gigabit
g5.xlarge       4   16  1 A10G  22888  1  250   0 Up to 10 Gigabit
"""
# Columns: type, vCPUs, memory GiB, network.
_GENERAL = """
c7i.large    2   4 Up to 12.5 Gigabit
c7i.xlarge   4   8 Up to 12.5 Gigabit
c7i.2xlarge  8  16 Up to 12.5 Gigabit
c7i.4xlarge 16  32 Up to 12.5 Gigabit
c7i.8xlarge 32  64 12.5 Gigabit
m7i.large    2   8 Up to 12.5 Gigabit
m7i.xlarge   4  16 Up to 12.5 Gigabit
m7i.2xlarge  8  32 Up to 12.5 Gigabit
m7i.4xlarge 16  64 Up to 12.5 Gigabit
m7i.8xlarge 32 128 12.5 Gigabit
r7i.large    2  16 Up to 12.5 Gigabit
r7i.xlarge   4  32 Up to 12.5 Gigabit
r7i.2xlarge  8  64 Up to 12.5 Gigabit
r7i.4xlarge 16 128 Up to 12.5 Gigabit
"""
_BURSTING = """
t3.medium  2  4 Up to 5 Gigabit
t3.large   2  8 Up to 5 Gigabit
t3.xlarge  4 16 Up to 5 Gigabit
t3.2xlarge 8 32 Up to 5 Gigabit
"""


def _gpu_rows(text: str, *, takes_capacity_blocks: bool) -> Iterator[InstanceType]:
    for row in text.strip().splitlines():
        name, vcpus, memory, gpus, model, mib, disks, size, efa, network = row.split(maxsplit=9)
        yield InstanceType(
            name=name,
            vcpus=int(vcpus),
            memory_gib=int(memory),
            network=network,
            gpu=Gpu(model=model, count=int(gpus), memory_mib=int(mib)),
            nvme=Nvme(count=int(disks), size_gb=int(size)),
            efa_interfaces=int(efa),
            takes_capacity_blocks=takes_capacity_blocks,
        )


def _cpu_rows(text: str, *, takes_cluster_placement: bool) -> Iterator[InstanceType]:
    for row in text.strip().splitlines():
        name, vcpus, memory, network = row.split(maxsplit=3)
        yield InstanceType(
            name=name,
            vcpus=int(vcpus),
            memory_gib=int(memory),
            network=network,
            takes_cluster_placement=takes_cluster_placement,
        )


_ROWS = (
    *_gpu_rows(_CLUSTERED, takes_capacity_blocks=True),
    *_gpu_rows(_GRAPHICS, takes_capacity_blocks=False),
    *_cpu_rows(_GENERAL, takes_cluster_placement=True),
    *_cpu_rows(_BURSTING, takes_cluster_placement=False),
)

INSTANCE_TYPES: Mapping[str, InstanceType] = {row.name: row for row in _ROWS}
"""Every type that a pool or a server may have, by name."""
