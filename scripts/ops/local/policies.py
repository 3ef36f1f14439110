"""Reads the access rules of agents and people, which the cloud's machines share."""

from importlib import resources


def rules(name: str) -> str:
    """Read a policy of Consul or Vault.

    Raises:
        FileNotFoundError: there is no policy of this name.

    """
    return (resources.files("infra.agents") / "policies" / f"{name}.hcl").read_text()
