"""GitLab's pipelines: which project's may assume a role, and what their tokens must say."""

from dataclasses import dataclass, field

from infra.access.statements import Condition, Statement


@dataclass(frozen=True, kw_only=True, slots=True)
class GitLabConfig:
    """The project whose pipelines may preview and deploy this stack, without any stored key."""

    url: str = field(metadata={"example": "https://gitlab.example.com"})
    """GitLab's URL, as its tokens give it under `iss`."""
    project_path: str = field(metadata={"example": "group/project"})
    """As in its address, such as `platform/berth`."""
    project_id: int = field(metadata={"example": 22})
    """GitLab's number of the project: unlike a path, nobody else can have it later."""
    audience: str = field(metadata={"example": "https://gitlab.example.com"})
    """What `id_tokens:` of the pipeline says under `aud`."""
    branch: str = field(default="main")
    """The protected branch whose jobs may deploy."""
    environment: str = field(metadata={"example": "prod"})
    """GitLab's environment that the deploying job names."""


def deploy_audience(gitlab: GitLabConfig) -> str:
    """Name the audience that only the deploying job asks for: AWS reads `aud` and `sub` of a token, nothing else.

    GitLab decides who may run a job of the environment (protected environments); the branch is in `sub`.
    """
    return f"{gitlab.audience}/{gitlab.environment}"


def preview_trust(provider_arn: str, gitlab: GitLabConfig) -> Statement:
    """Allow jobs of any branch of the project to preview."""
    issuer = gitlab.url.removeprefix("https://")
    branches = f"project_path:{gitlab.project_path}:ref_type:branch:ref:*"
    return _web_identity(
        provider_arn,
        {"StringEquals": {f"{issuer}:aud": gitlab.audience}, "StringLike": {f"{issuer}:sub": branches}},
    )


def deploy_trust(provider_arn: str, gitlab: GitLabConfig) -> Statement:
    """Allow the environment's job on the protected branch to deploy."""
    issuer = gitlab.url.removeprefix("https://")
    branch = f"project_path:{gitlab.project_path}:ref_type:branch:ref:{gitlab.branch}"
    both = {f"{issuer}:aud": deploy_audience(gitlab), f"{issuer}:sub": branch}
    return _web_identity(provider_arn, {"StringEquals": both})


def _web_identity(provider_arn: str, condition: Condition) -> Statement:
    return Statement(
        sid="GitLab",
        principal={"Federated": provider_arn},
        actions=("sts:AssumeRoleWithWebIdentity",),
        condition=condition,
        has_resource=False,
    )
