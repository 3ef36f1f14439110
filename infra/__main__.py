"""AWS as a table of contents: each part after those that it needs. Pulumi runs it."""

import sys

import pulumi
from pulumi_aws import get_caller_identity

from infra import parts
from infra.compute.program_files import gather
from infra.config.stack import StackConfig
from infra.outputs import platform
from infra.policy.guard import guard
from nomad_jobs.errors import BerthError, ManyErrors


def build(site: parts.Site) -> None:
    """Make a stack, and export what those who use it need."""
    network = parts.network(site)
    keys = parts.keys(site)
    storage = parts.storage(site, keys)
    parts.flow_logs(site, network, storage)
    s3 = parts.s3_endpoint(site, network, storage)
    firewall = parts.firewall(site, network, s3)
    parts.endpoints(site, network, firewall)
    identity = parts.identity(site, keys, storage)
    programs = parts.programs(site, storage)
    servers = parts.control_plane(site, network, firewall, keys, storage, identity, programs)
    parts.on_premises(site, storage, servers)
    pools = parts.node_pools(site, network, firewall, keys, storage, identity, programs, servers)
    ingress = parts.ingress(site, network, pools)
    parts.budget(site)
    pulumi.export("platform", platform(site.config, servers.urls, ingress.address, storage.buckets))
    pulumi.export("address", ingress.address)
    pulumi.export("operator_role", identity.operator_role_arn)
    pulumi.export("preview_role", identity.preview_role_arn)
    pulumi.export("deploy_role", identity.deploy_role_arn)


def main() -> None:
    """Read the configuration, find the programs, make the stack; a fault is a line each, and no traceback."""
    guard()
    try:
        config = StackConfig.load()
        files = gather(needs_gpus=any(pool.type.gpu for pool in config.pools))
    except BerthError as error:
        for one in error.errors if isinstance(error, ManyErrors) else (error,):
            pulumi.log.error(str(one))
        sys.exit(error.code)
    build(parts.Site(config, get_caller_identity().account_id, files))


if __name__ == "__main__":
    main()
