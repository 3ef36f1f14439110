"""The variables that a job gives its task in plain text."""

from collections.abc import Iterator
from posixpath import basename

from nomad_jobs.contents import is_literal
from nomad_jobs.model import ENGINE_SHUTDOWN_S, DynamicAws, Env, Service
from nomad_jobs.model.file import VAULT_CA
from nomad_jobs.model.interpolation import GPUS
from nomad_jobs.platform import Platform

_ANY_ADDRESS = "0.0.0.0"  # noqa: S104 - in a container, which only its host's port opens to others


def plain_env(service: Service, platform: Platform) -> tuple[Env, ...]:
    """Give the variables that the platform sets, and those of the service that the job itself may hold."""
    longest_s = platform.max_kill_timeout_s - ENGINE_SHUTDOWN_S
    front_door = (
        Env(name="BERTH_TLS_ROUTES", value=str(platform.tls_routes).lower()),
        Env(name="BERTH_LONGEST_REQUEST_S", value=str(longest_s)),
    )
    gpus = service.size.gpus
    return (
        # A process listens on the laptop's loopback, so that nobody outside reaches it.
        Env(name="BERTH_BIND", value=_ANY_ADDRESS if platform.runs_containers else platform.entry),
        Env(name="BERTH_STACK", value=platform.stack),
        *((Env(name=GPUS, value=str(gpus.count)),) if gpus else ()),
        *(front_door if service.is_front_door else ()),
        *_engine_env(service, platform),
        *(env for env in service.env if is_literal(env)),
    )


def _engine_env(service: Service, platform: Platform) -> Iterator[Env]:
    """Say where AWS is to whom it gives keys, and where Vault is to who must ask it."""
    if any(isinstance(one, DynamicAws) for one in service.credentials):
        for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):  # boto3 reads the one, and the other SDKs the other
            yield Env(name=name, value=platform.aws.region)
        if platform.aws.url:
            yield Env(name="AWS_ENDPOINT_URL", value=platform.aws.url)
    if service.transit:
        yield Env(name="VAULT_ADDR", value=platform.vault_url)
        if platform.speaks_tls:
            yield Env(name="VAULT_CACERT", value=f"${{NOMAD_SECRETS_DIR}}/{basename(VAULT_CA)}")
