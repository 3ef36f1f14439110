"""Who may log in to a stack's Vault, and as what: a part of the Platform record, and nothing in it is secret."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Issuer = Annotated[str, StringConstraints(pattern=r"^https://[A-Za-z0-9.-]+(:\d+)?$")]


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PipelineLogins(_Record):
    """The GitLab project whose pipelines may log in."""

    issuer: Issuer
    project_id: Annotated[int, Field(ge=1)]
    branch: str
    """The protected branch from which pipelines deploy and rotate."""
    environment: str
    """GitLab's environment that their jobs name."""


class PeopleLogins(_Record):
    """The OIDC provider that says who a person is."""

    issuer: Issuer
    client_id: str
    groups_claim: str
    groups: dict[str, str]
    """The provider's group of each holder."""


class Logins(_Record):
    """All ways to log in to a stack's Vault."""

    iam_roles: dict[str, str] = {}
    """ARN of an IAM role by the name of the Vault role."""
    pipelines: PipelineLogins | None = None
    people: PeopleLogins | None = None
