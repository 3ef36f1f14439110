"""The Pulumi program: makes the parts of a stack, each after those that it needs."""

import sys

import pulumi
from pulumi_aws import get_caller_identity

from infra import parts
from infra.compute.program_files import gather
from infra.config.stack import StackConfig
from infra.outputs import Arns, platform
from infra.policy.guard import guard
from nomad_jobs.errors import BerthError, ManyErrors


def build(inputs: parts.StackInputs) -> None:
    """Make the stack, and export its Platform record, its address and the roles that people and pipelines assume."""
    network = parts.network(inputs)
    keys = parts.keys(inputs)
    storage = parts.storage(inputs, keys)
    parts.flow_logs(inputs, network, storage)
    s3 = parts.s3_endpoint(inputs, network, storage)
    firewall = parts.firewall(inputs, network, s3)
    parts.endpoints(inputs, network, firewall)
    identity = parts.identity(inputs, keys, storage)
    programs = parts.programs(inputs, storage)
    servers = parts.control_plane(inputs, network, firewall, keys, storage, identity, programs)
    parts.on_premises(inputs, storage, servers)
    pools = parts.node_pools(inputs, network, firewall, keys, storage, identity, programs, servers)
    ingress = parts.ingress(inputs, network, pools)
    parts.budget(inputs)
    arns = Arns(workload_role=identity.workload_role_arn, storage_key=keys.arns["storage"], logins=identity.login_arns)
    pulumi.export("platform", platform(inputs.config, servers.urls, ingress.address, storage.buckets, arns))
    pulumi.export("address", ingress.address)
    for holder, arn in identity.people_arns.items():
        pulumi.export(f"{holder}_role", arn)
    pulumi.export("preview_role", identity.preview_role_arn)
    pulumi.export("deploy_role", identity.deploy_role_arn)


def main() -> None:
    """Read the configuration, find the programs and make the stack; print each fault on a line, without a traceback."""
    guard()
    try:
        config = StackConfig.load()
        files = gather(needs_gpus=any(pool.type.gpu for pool in config.pools))
    except BerthError as error:
        for one in error.errors if isinstance(error, ManyErrors) else (error,):
            pulumi.log.error(str(one))
        sys.exit(error.code)
    build(parts.StackInputs(config, get_caller_identity().account_id, files))


if __name__ == "__main__":
    main()
