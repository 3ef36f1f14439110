"""The access rules of agents and people, read from where they are kept for machines too."""

from importlib import resources


def rules(name: str) -> str:
    """Text of a policy of Consul or Vault.

    Raises:
        FileNotFoundError: there is none of this name.

    """
    return (resources.files("infra.agents") / "policies" / f"{name}.hcl").read_text()
