"""What Vault's agent writes on a node: its certificate, the agents' secrets, its introduction, the registry's login."""

import json

from infra.agents.render import AgentFile, Tls
from infra.holdings.names import ADDRESS, CA_FILE, NODE_CERTIFICATE
from infra.machine.nodes import DOCKER_CONFIG
from nomad_jobs.mounts import KV_MOUNT
from nomad_jobs.platform import Platform
from nomad_jobs.registry import REGISTRY

# One file for both, so that certificate and key change at once.
NODE_TLS = Tls(ca_file=CA_FILE, cert_file=NODE_CERTIFICATE, key_file=NODE_CERTIFICATE)
_NAMESPACE: str = Platform.model_fields["namespace"].default
REGISTRY_LOGIN = f"{KV_MOUNT}/data/{REGISTRY.login_path(_NAMESPACE)}"
"""Path in Vault of the registry's login, the same for every node."""


def node_files(region: str, login: str) -> tuple[AgentFile, ...]:
    """List the files that Vault's agent writes on a node; Vault knows the node as `login`."""
    consul = {"encrypt": _kept("consul_gossip"), "acl": {"tokens": {"agent": _kept("consul_agent")}}}
    nomad = {"consul": {"token": _kept("consul_nomad")}}
    introduction = _with_secret(f"platform/data/introduction/{login}", _kept("token"))
    return (
        AgentFile(path=NODE_TLS.cert_file, text=_certificate(region), group="berth"),
        AgentFile(path="/etc/consul.d/secrets.json", text=_from_platform(consul), group="consul"),
        AgentFile(path="/etc/nomad.d/secrets.json", text=_from_platform(nomad)),
        AgentFile(path="/data/nomad/client/intro_token.jwt", text=introduction),
        AgentFile(path=str(DOCKER_CONFIG), text=_docker_config(), is_awaited=False),
    )


def _certificate(region: str) -> str:
    names = f'"common_name=client.{region}.nomad" "alt_names=client.{region}.consul,localhost"'
    return (
        f'{{{{ with pkiCert "pki/issue/node" {names} "ip_sans=127.0.0.1,{ADDRESS}" "ttl=72h" }}}}'
        "{{ .Cert }}{{ .CA }}{{ .Key }}{{ end }}"
    )


def _docker_config() -> str:
    """Write Docker's configuration; base64 keeps every character of the password.

    Nomad pulls nothing at all while the file has an empty user name, so half a login is written as none.
    """
    username, password = (f"(index .Data.data `{field}`)" for field in REGISTRY.login.fields)
    login = {REGISTRY.host: {"auth": f"{{{{ printf `%v:%v` {username} {password} | base64Encode }}}}"}}
    whole = json.dumps({"auths": login})
    none = json.dumps({"auths": {}})
    text = f"{{{{ if and {username} {password} }}}}{whole}{{{{ else }}}}{none}{{{{ end }}}}"
    return _with_secret(REGISTRY_LOGIN, text)


def _from_platform(values: object) -> str:
    return _with_secret("platform/data/node", json.dumps(values))


def _with_secret(path: str, text: str) -> str:
    return f'{{{{ with secret "{path}" }}}}{text}{{{{ end }}}}'


def _kept(name: str) -> str:
    return f"{{{{ .Data.data.{name} }}}}"
