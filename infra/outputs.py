"""What a stack exports: the Platform record, from which everything above the machines is rendered."""

from collections.abc import Mapping

from pulumi import Output

from infra.compute.pools import node_pools
from infra.config.stack import StackConfig
from infra.holdings.names import CA_FILE
from infra.network.ports import BY_NAME
from nomad_jobs.limits import MAX_KILL_TIMEOUT_S
from nomad_jobs.platform import Aws, Driver, Platform


def platform(
    config: StackConfig,
    urls: Mapping[str, str],
    entry: Output[str],
    buckets: Mapping[str, Output[str]],
    aws: Mapping[str, Output[str]],
) -> Output[str]:
    """Write the Platform record as JSON, without secrets.

    `entry` is the load balancer's DNS name, `aws` the ARNs of the `workload_role` and of the buckets' `storage_key`.
    """

    def written(known: Mapping[str, str]) -> str:
        return Platform(
            stack=config.stack,
            region=config.region,
            datacenter=config.region,
            driver=Driver.DOCKER,
            gpu_device="nvidia/gpu",
            nomad_url=urls["nomad"],
            consul_url=urls["consul"],
            vault_url=urls["vault"],
            ca_file=CA_FILE,
            domain=config.domain,
            http_port=BY_NAME["http"].first,
            https_port=BY_NAME["https"].first,
            entry=known["entry"].lower(),
            max_kill_timeout_s=MAX_KILL_TIMEOUT_S,
            pools=dict(node_pools(config.pools)),
            buckets={name: known[name] for name in buckets},
            aws=Aws(region=config.region, **{name: known[name] for name in aws}),
        ).to_json()

    return Output.all(entry=entry, **buckets, **aws).apply(written)
