"""An AWS account for the machines: moto under AWS's own names, with a stack's keys, roles, bucket and programs."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError

from infra.compute.agent_configs import MachineContext
from infra.compute.program_files import AGENT_VERSIONS, pack
from infra.label import Label
from infra.machine.facts import Download
from infra.network.ports import MachineKind
from tests.support.machines import network
from tests.support.machines.certificates import Authority
from vault_policies.holders import PEOPLE

REGION = "eu-west-1"
ACCOUNT = "123456789012"
BUCKET = "berth-live-binaries"
LABEL = Label("live")
_SERVICES = ("autoscaling", "ec2", "kms", "ssm", "sts", f"{BUCKET}.s3", "s3")
_ROOT = Path(__file__).parents[3]


@dataclass(kw_only=True)
class Account:
    """What the stack has in AWS before its first machine."""

    hooks: Path
    """The file to which completed lifecycle hooks are written."""
    authority: Authority
    role_arns: dict[str, str]
    key_arns: dict[str, str]
    subnet: str
    downloads: dict[str, Download]

    @property
    def hosts(self) -> list[tuple[str, str]]:
        """Give AWS's host names and their addresses."""
        return [(network.GATEWAY, f"{service}.{REGION}.amazonaws.com") for service in _SERVICES]

    @property
    def context(self) -> MachineContext:
        """Give the stack's facts that user data holds."""
        programs = {name: self.downloads[name] for name in AGENT_VERSIONS}
        return MachineContext(
            label=LABEL,
            region=REGION,
            account_id=ACCOUNT,
            domain="live.example.com",
            bucket=BUCKET,
            state_key_arn=self.key_arns["state"],
            program=self.downloads["machine"],
            programs=programs,
        )

    def client(self, service: str) -> Any:
        """Talk to a service as an administrator."""
        return _client(service, self.authority)

    def session(self, role: str, name: str) -> dict[str, str]:
        """Assume one of the stack's roles."""
        taken = self.client("sts").assume_role(RoleArn=self.role_arns[role], RoleSessionName=name)["Credentials"]
        kept = {"AccessKeyId": "AccessKeyId", "SecretAccessKey": "SecretAccessKey", "Token": "SessionToken"}
        return {ours: taken[theirs] for ours, theirs in kept.items()}

    def instance(self, address: str, tags: dict[str, str]) -> str:
        """Make an instance with this address, for EC2's API to describe."""
        ec2 = self.client("ec2")
        interface = ec2.create_network_interface(SubnetId=self.subnet, PrivateIpAddress=address)["NetworkInterface"]
        own = [{"Key": key, "Value": value} for key, value in {**LABEL.tags("machine"), **tags}.items()]
        made = ec2.run_instances(
            ImageId="ami-12c6146b",
            MinCount=1,
            MaxCount=1,
            NetworkInterfaces=[{"DeviceIndex": 0, "NetworkInterfaceId": interface["NetworkInterfaceId"]}],
            TagSpecifications=[{"ResourceType": "instance", "Tags": own}],
        )
        return str(made["Instances"][0]["InstanceId"])

    def metadata(self, instance: str, address: str, kind: MachineKind) -> dict[str, str]:
        """Give what an instance's metadata service answers."""
        role = self.role_arns[kind.value].rpartition("/")[2]
        soon = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3600))
        granted = {"Code": "Success", "Type": "AWS-HMAC", "LastUpdated": "2026-01-01T00:00:00Z", "Expiration": soon}
        identity = {"instanceId": instance, "privateIp": address, "region": REGION, "accountId": ACCOUNT}
        credentials = "meta-data/iam/security-credentials/"
        return {
            "dynamic/instance-identity/document": json.dumps(identity),
            credentials: role,
            f"{credentials}{role}": json.dumps({**granted, **self.session(kind.value, instance)}),
            "meta-data/instance-id": instance,
            "meta-data/placement/region": REGION,
        }


@contextmanager
def account(folder: Path) -> Iterator[Account]:
    """Serve AWS at the gateway of this thread's network, and make what a stack has there."""
    authority = Authority(folder / "aws-authority")
    hooks = folder / "hooks.log"
    cert, key = authority.issue([f"*.{REGION}.amazonaws.com", f"*.s3.{REGION}.amazonaws.com"], network.GATEWAY)
    argv = (*network.WITH_US, sys.executable, "-m", "tests.support.machines.aws_server", "--host", network.GATEWAY)
    files = ("--cert", str(cert), "--key", str(key), "--log", str(hooks))
    env = {**os.environ, "PYTHONPATH": str(_ROOT)}
    log = (folder / "moto.log").open("w")
    with log, subprocess.Popen((*argv, *files), env=env, stdout=log, stderr=log) as moto:
        try:
            _await(authority, moto, Path(log.name))
            yield _made(hooks, authority)
        finally:
            moto.kill()


def _made(hooks: Path, authority: Authority) -> Account:
    def client(service: str) -> Any:
        return _client(service, authority)

    keys = {what: client("kms").create_key()["KeyMetadata"]["Arn"] for what in ("vault", "nomad", "state")}
    trust = json.dumps({"Version": "2012-10-17", "Statement": []})
    names = {who: LABEL.name(f"machine-{who}") for who in ("server", "client", "ingress")}
    names |= {**{holder: LABEL.name(holder) for holder in PEOPLE}, "stranger": "stranger"}
    made = {
        what: client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=trust) for what, name in names.items()
    }
    client("s3").create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    ec2 = client("ec2")
    cidr = f"{network.ADDRESS}.0/24"
    vpc = ec2.create_vpc(CidrBlock=cidr)["Vpc"]["VpcId"]
    return Account(
        hooks=hooks,
        authority=authority,
        role_arns={what: one["Role"]["Arn"] for what, one in made.items()},
        key_arns=keys,
        subnet=ec2.create_subnet(VpcId=vpc, CidrBlock=cidr)["Subnet"]["SubnetId"],
        downloads=_programs(client("s3")),
    )


def _programs(s3: Any) -> dict[str, Download]:
    """Put into the bucket the machines' own program, and for each agent a script that starts the real one."""
    texts = {
        name: f'#!/bin/sh\nexec /opt/programs/{name}/{version}_linux_amd64/{name} "$@"\n'.encode()
        for name, version in AGENT_VERSIONS.items()
    }
    downloads = {}
    for name, text in {**texts, "machine": pack()}.items():
        digest = sha256(text).hexdigest()
        s3.put_object(Bucket=BUCKET, Key=f"programs/{name}/{digest}", Body=text)
        downloads[name] = Download(key=f"programs/{name}/{digest}", sha256=digest)
    return downloads


def _client(service: str, authority: Authority) -> Any:
    return boto3.client(
        service,
        region_name=REGION,
        endpoint_url=f"https://{network.GATEWAY}",
        verify=str(authority.certificate_file),
        config=Config(proxies={}),  # the environment's proxy does not reach the machines' network
        aws_access_key_id="testing",
        aws_secret_access_key="testing",
    )


def _await(authority: Authority, moto: "subprocess.Popen[bytes]", log: Path) -> None:
    end = time.monotonic() + 30
    while True:
        try:
            _client("sts", authority).get_caller_identity()
        except BotoCoreError:
            assert moto.poll() is None, f"moto has ended: {log.read_text()}"
            assert time.monotonic() < end, "moto did not start within 30 s"
            time.sleep(0.3)
        else:
            return
