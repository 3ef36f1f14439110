"""People: the OIDC provider that says who they are, and which of its groups is which holder."""

from dataclasses import dataclass, field
from ipaddress import IPv4Network
from urllib.parse import urlsplit

from vault_policies.holders import PEOPLE

_HTTPS = 443


@dataclass(frozen=True, kw_only=True, slots=True)
class PeopleConfig:
    """The OIDC provider at which people log in to Vault, such as GitLab; Vault's servers call it themselves."""

    url: str = field(metadata={"example": "https://gitlab.example.com"})
    """The provider's issuer, as its tokens give it under `iss`."""
    client_id: str = field(metadata={"example": "0a1b2c3d"})
    """The application's ID at the provider. Its secret is no setting: `berth vault apply` asks for it."""
    network: IPv4Network = field(metadata={"example": "192.168.10.0/24"})
    """The private network in which the servers reach the provider: they have no way to the internet."""
    groups_claim: str = field(default="groups_direct", metadata={"example": "groups_direct"})
    """The claim with a person's groups. GitLab's `groups_direct` is in the ID token; it leaves out groups above."""
    operator: str | None = field(default=None, metadata={"example": "platform/operators"})
    """Full path of the group whose members are operators; without one nobody logs in as such here."""
    developer: str | None = field(default=None, metadata={"example": "platform/developers"})
    """The same for developers."""
    auditor: str | None = field(default=None, metadata={"example": "platform/auditors"})
    """The same for auditors."""
    access: str | None = field(default=None, metadata={"example": "platform/access"})
    """The same for those who give services access."""

    @property
    def groups(self) -> dict[str, str]:
        """Give the group of each holder that has one."""
        found = {holder: getattr(self, holder) for holder in PEOPLE}
        return {holder: group for holder, group in found.items() if group is not None}

    @property
    def port(self) -> int:
        """Give the provider's port."""
        return urlsplit(self.url).port or _HTTPS
