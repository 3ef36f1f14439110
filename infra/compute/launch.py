"""What all launches of machines share: images, the encrypted root disk, metadata options, lifecycle hooks, tags."""

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
    """Arguments of every component that launches machines."""

    label: Label
    region: str
    account_id: str
    domain: str
    vpc_id: Input[str]
    key_arns: Mapping[str, Input[str]]
    bucket: Input[str]
    """The bucket with the programs."""
    downloads: Mapping[str, Download]

    def context(self, known: Mapping[str, str], programs: Sequence[str]) -> MachineContext:
        """Give what all machines share; `known` has the bucket's name and the ARN of the key `state`."""
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
    # One hop: a container is two hops away, and so never gets the machine's role.
    "http_put_response_hop_limit": 1,
    "instance_metadata_tags": "disabled",
}


def root_disk(disk: Disk) -> ec2.LaunchTemplateBlockDeviceMappingArgsDict:
    """Describe the root disk to a launch template; AWS deletes it with its machine."""
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
    """Encode user data as EC2 takes it, in base64."""
    return b64encode(user_data.encode()).decode()


def tagged(tags: Mapping[str, str]) -> list[ec2.LaunchTemplateTagSpecificationArgsDict]:
    """Tag the instances and volumes of a launch."""
    return [{"resource_type": kind, "tags": dict(tags)} for kind in ("instance", "volume")]


def group_tags(tags: Mapping[str, str]) -> list[autoscaling.GroupTagArgsDict]:
    """Tag a group; its instances have tags of their own, from their launch template."""
    return [{"key": key, "value": value, "propagate_at_launch": False} for key, value in tags.items()]


def hooks(*, ready_s: int, gone_s: int) -> list[autoscaling.GroupInitialLifecycleHookArgsDict]:
    """Make an auto scaling group wait until a machine completes the lifecycle hook.

    A machine that is not ready within `ready_s` is abandoned. One that is to terminate has `gone_s` to let its jobs
    end; then it is terminated, whether it completed the hook or not.
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
