"""What a stack exports: the Platform record, from which everything above the machines is rendered."""

from collections.abc import Mapping
from dataclasses import dataclass

from pulumi import Output

from infra.access.gitlab import GitLabConfig
from infra.access.people import PeopleConfig
from infra.compute.pools import node_pools
from infra.config.stack import StackConfig
from infra.holdings.names import CA_FILE
from infra.network.ports import BY_NAME
from nomad_jobs.limits import MAX_KILL_TIMEOUT_S
from nomad_jobs.logins import Logins, PeopleLogins, PipelineLogins
from nomad_jobs.platform import Aws, Driver, Platform


@dataclass(frozen=True, kw_only=True, slots=True)
class Arns:
    """What the record names by ARN."""

    workload_role: Output[str]
    """What Vault assumes for services."""
    storage_key: Output[str]
    """The buckets' KMS key."""
    logins: Mapping[str, Output[str]]
    """IAM roles that may log in to Vault, by Vault role."""


def platform(
    config: StackConfig, urls: Mapping[str, str], entry: Output[str], buckets: Mapping[str, Output[str]], arns: Arns
) -> Output[str]:
    """Write the Platform record as JSON, without secrets; `entry` is the load balancer's DNS name."""

    def written(everything: list[Mapping[str, str]]) -> str:
        known, aws, logins = everything
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
            aws=Aws(region=config.region, **aws),
            logins=_logins(config, logins),
        ).to_json()

    aws = Output.all(workload_role=arns.workload_role, storage_key=arns.storage_key)
    return Output.all(Output.all(entry=entry, **buckets), aws, Output.all(**arns.logins)).apply(written)


def _logins(config: StackConfig, arns: Mapping[str, str]) -> Logins:
    gitlab, people = config.gitlab, config.people
    return Logins(
        iam_roles=dict(arns),
        pipelines=_pipelines(gitlab) if gitlab else None,
        people=_people(people) if people else None,
    )


def _pipelines(gitlab: GitLabConfig) -> PipelineLogins:
    return PipelineLogins(
        issuer=gitlab.url, project_id=gitlab.project_id, branch=gitlab.branch, environment=gitlab.environment
    )


def _people(people: PeopleConfig) -> PeopleLogins:
    return PeopleLogins(
        issuer=people.url, client_id=people.client_id, groups_claim=people.groups_claim, groups=people.groups
    )
