"""L5 to L8 of the LEAK rules, over rendered text: how agents and jobs of a cloud stack must be configured."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from infra.policy.hcl import settings
from infra.policy.resource import Violation
from infra.policy.secret_rules import secret_in


@dataclass(frozen=True, kw_only=True, slots=True)
class _Must:
    """A setting that its block must have, wherever the block occurs."""

    rule: str
    path: str
    value: str
    within: str = ""
    """The block without which the setting is not required; empty: it always is."""


_NOMAD = (
    _Must(rule="L6", path="acl.enabled", value="true"),
    _Must(rule="L6", path="tls.http", value="true"),
    _Must(rule="L6", path="tls.rpc", value="true"),
    _Must(rule="L6", path="tls.verify_server_hostname", value="true"),
    _Must(rule="L7", path="plugin.raw_exec.config.enabled", value="false", within="client"),
    _Must(rule="L7", path="client.options.driver.allowlist", value="docker", within="client"),
    _Must(rule="L7", path="plugin.docker.config.allow_privileged", value="false", within="client"),
    _Must(rule="L7", path="plugin.docker.config.volumes.enabled", value="false", within="client"),
    _Must(rule="L8", path="vault.default_identity.env", value="false", within="vault"),
    _Must(rule="L8", path="vault.default_identity.file", value="false", within="vault"),
)
_CONSUL = (
    _Must(rule="L6", path="acl.enabled", value="true"),
    _Must(rule="L6", path="acl.default_policy", value="deny"),
    _Must(rule="L6", path="encrypt_verify_incoming", value="true"),
    _Must(rule="L6", path="encrypt_verify_outgoing", value="true"),
    _Must(rule="L6", path="tls.defaults.verify_outgoing", value="true"),
    _Must(rule="L6", path="tls.internal_rpc.verify_server_hostname", value="true"),
    _Must(rule="L6", path="disable_remote_exec", value="true"),
    _Must(rule="L6", path="enable_script_checks", value="false"),
    _Must(rule="L6", path="client_addr", value="127.0.0.1"),
)
_VAULT = (
    _Must(rule="L6", path="listener.tcp.tls_min_version", value="tls13"),
    _Must(rule="L6", path="seal.awskms.kms_key_id", value="*"),
)
_AGENTS: Mapping[str, tuple[_Must, ...]] = {"nomad": _NOMAD, "consul": _CONSUL, "vault": _VAULT}

_NEVER = {"driver": ("raw_exec", "exec", "java", "qemu"), "config.privileged": ("true",)}


def agent(program: str, text: str, where: str) -> Iterator[Violation]:
    """Yield what is wrong with the configuration of `nomad`, `consul` or `vault`, found at `where`."""
    found = settings(text)
    for must in _AGENTS[program]:
        if must.within and must.within not in found:
            continue
        values = found.get(must.path, ())
        if not values or any(must.value not in {"*", value} for value in values):
            said = f"is {', '.join(values)}" if values else "is not set"
            fix = f"set it to {must.value}" if must.value != "*" else "name the key"
            yield Violation(rule=must.rule, resource=where, what=f"{must.path} {said}", fix=fix)
    yield from _secret(text, where)


def job(text: str, where: str) -> Iterator[Violation]:
    """Yield what is wrong with a job of the cloud."""
    found = settings(text)
    for path, values in found.items():
        for ending, bad in _NEVER.items():
            if _is_of_task(path, ending) and set(values) & set(bad):
                what = f"{path} is {', '.join(values)}"
                fix = "run it in its container, without privileges"
                yield Violation(rule="L7", resource=where, what=what, fix=fix)
        if path.endswith(".vault") and (found.get(f"{path}.env") != ("false",) or _shows_token(found, path)):
            what = f"{path} shows the task its token"
            fix = "set env = false and disable_file = true"
            yield Violation(rule="L8", resource=where, what=what, fix=fix)
    yield from _secret(text, where)


def _shows_token(found: Mapping[str, tuple[str, ...]], path: str) -> bool:
    return found.get(f"{path}.disable_file") != ("true",)


def _is_of_task(path: str, ending: str) -> bool:
    return ".task." in path and path.endswith(f".{ending}")


def _secret(text: str, where: str) -> Iterator[Violation]:
    found = secret_in(text)
    if found:
        fix = "fetch it on the machine, with the machine's or the job's own identity"
        yield Violation(rule="L5", resource=where, what=f"holds {found}", fix=fix)
