"""What every launch of a machine has in common: the image, a sealed disk, a guarded metadata service, hooks, tags."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pulumi import Input
from pulumi_aws import autoscaling, ec2

from infra.compute.agent_configs import MachineContext
from infra.compute.program_files import MACHINES
from infra.label import Label
from infra.machine.facts import Download
from infra.machine.lifecycle import GONE, READY

# Amazon Linux 2023, and AWS's deep learning image on it, which has NVIDIA's driver, its container runtime, the fabric
# manager and EFA. EC2 looks the name up at each launch, so that no image is written here, and a new one replaces no
# machine by itself. Names: "Reference the latest AMIs using Systems Manager public parameters" (EC2 user guide),
# and the release notes of the "Base OSS Nvidia Driver GPU AMI (Amazon Linux 2023)" (DLAMI developer guide).
PLAIN_IMAGE = "resolve:ssm:/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64"
GPU_IMAGE = (
    "resolve:ssm:/aws/service/deeplearning/ami/x86_64/base-oss-nvidia-driver-gpu-amazon-linux-2023/latest/ami-id"
)
ROOT_DEVICE = "/dev/xvda"
"""Of both images."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LaunchArgs:
    """What every component that launches machines is made from."""

    label: Label
    region: str
    account_id: str
    domain: str
    vpc_id: Input[str]
    key_arns: Mapping[str, Input[str]]
    bucket: Input[str]
    """Where the programs are."""
    downloads: Mapping[str, Download]

    def context(self, known: Mapping[str, str], programs: Sequence[str]) -> MachineContext:
        """Give what a machine is told of its stack; `known` has the bucket's name and the ARN of the key `state`."""
        return MachineContext(
            label=self.label,
            region=self.region,
            account_id=self.account_id,
            domain=self.domain,
            bucket=known["bucket"],
            state_key_arn=known["state"],
            program=self.downloads[MACHINES],
            programs={name: self.downloads[name] for name in programs},
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Disk:
    """A machine's root disk."""

    size_gb: int
    key_arn: Input[str]


METADATA: ec2.LaunchTemplateMetadataOptionsArgsDict = {
    "http_endpoint": "enabled",
    "http_tokens": "required",
    # One hop: a container is a second one away, and never gets the machine's role.
    "http_put_response_hop_limit": 1,
    "instance_metadata_tags": "disabled",
}


def root_disk(disk: Disk) -> ec2.LaunchTemplateBlockDeviceMappingArgsDict:
    """Describe the disk to a launch template; it goes with its machine."""
    return {
        "device_name": ROOT_DEVICE,
        "ebs": {
            "volume_type": "gp3",
            "volume_size": disk.size_gb,
            "encrypted": "true",
            "kms_key_id": disk.key_arn,
            "delete_on_termination": "true",
        },
    }


def encoded(user_data: str) -> str:
    """Write user data as EC2 takes it."""
    return b64encode(user_data.encode()).decode()


def tagged(tags: Mapping[str, str]) -> list[ec2.LaunchTemplateTagSpecificationArgsDict]:
    """Tag what a launch makes."""
    return [{"resource_type": kind, "tags": dict(tags)} for kind in ("instance", "volume")]


def group_tags(tags: Mapping[str, str]) -> list[autoscaling.GroupTagArgsDict]:
    """Tag a group; its instances have tags of their own, from their launch template."""
    return [{"key": key, "value": value, "propagate_at_launch": False} for key, value in tags.items()]


def hooks(*, ready_s: int, gone_s: int) -> list[autoscaling.GroupInitialLifecycleHookArgsDict]:
    """Make a group wait for a machine's own word.

    A machine that is not ready in time is given up. One that is to go may take `gone_s` to let its jobs end; then it
    goes whether it spoke or not.
    """
    return [
        {
            "name": READY,
            "lifecycle_transition": "autoscaling:EC2_INSTANCE_LAUNCHING",
            "default_result": "ABANDON",
            "heartbeat_timeout": ready_s,
        },
        {
            "name": GONE,
            "lifecycle_transition": "autoscaling:EC2_INSTANCE_TERMINATING",
            "default_result": "CONTINUE",
            "heartbeat_timeout": gone_s,
        },
    ]
