import gzip
import json
import re
from importlib import resources
from typing import Any

import pytest

from infra.compute.instance_types import INSTANCE_TYPES, Gpu, InstanceType, Nvme

REPORTED = {
    "A100": ("NVIDIA A100-SXM4-40GB", "NVIDIA A100-SXM4-80GB"),
    "A10G": ("NVIDIA A10G",),
    "H100": ("NVIDIA H100 80GB HBM3",),
    "H200": ("NVIDIA H200",),
    "L4": ("NVIDIA L4",),
    "L40S": ("NVIDIA L40S",),
}
"""What NVML calls each model of the table."""


@pytest.fixture(scope="module")
def recorded() -> Any:
    """AWS's own answer to DescribeInstanceTypes, as moto ships it."""
    path = resources.files("moto.ec2.resources") / "instance_types.json.gz"
    return json.loads(gzip.decompress(path.read_bytes()))


@pytest.mark.parametrize("name", INSTANCE_TYPES)
def test_a_row_says_what_aws_says(name: str, recorded: Any) -> None:
    said = recorded[name]
    gpus = [
        Gpu(model=gpu["Name"], count=gpu["Count"], memory_mib=gpu["MemoryInfo"]["SizeInMiB"])
        for gpu in said.get("GpuInfo", {}).get("Gpus", [])
    ]
    disks = [
        Nvme(count=disk["Count"], size_gb=disk["SizeInGB"])
        for disk in said.get("InstanceStorageInfo", {}).get("Disks", [])
    ]
    network = said["NetworkInfo"]
    assert INSTANCE_TYPES[name] == InstanceType(
        name=said["InstanceType"],
        vcpus=said["VCpuInfo"]["DefaultVCpus"],
        memory_gib=said["MemoryInfo"]["SizeInMiB"] // 1024,
        network=network["NetworkPerformance"],
        gpu=gpus[0] if gpus else None,
        nvme=disks[0] if disks else None,
        efa_interfaces=network.get("EfaInfo", {}).get("MaximumEfaInterfaces", 0),
        takes_capacity_blocks="capacity-block" in said["SupportedUsageClasses"],
        takes_cluster_placement="cluster" in said["PlacementGroupInfo"]["SupportedStrategies"],
    )
    assert len(gpus) <= 1
    assert len(disks) <= 1
    assert said["ProcessorInfo"]["SupportedArchitectures"] == ["x86_64"]


def test_an_efa_type_has_a_card_for_each_efa_interface(recorded: Any) -> None:
    for row in INSTANCE_TYPES.values():
        if row.efa_interfaces:
            assert recorded[row.name]["NetworkInfo"]["MaximumNetworkCards"] == row.efa_interfaces


def test_a_model_is_a_whole_word_of_what_its_gpus_are_called_and_of_no_other() -> None:
    assert {row.gpu.model for row in INSTANCE_TYPES.values() if row.gpu} == set(REPORTED)
    for model in REPORTED:
        word = re.compile(rf"(?<!\w){model}(?!\w)")
        assert [one for one, names in REPORTED.items() if any(map(word.search, names))] == [model]
