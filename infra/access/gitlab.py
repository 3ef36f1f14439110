"""GitLab's pipelines: which project's may come in, and what their tokens must say to take a role on."""

from dataclasses import dataclass, field

from infra.access.statements import Condition, Statement


@dataclass(frozen=True, kw_only=True, slots=True)
class GitLabConfig:
    """The project whose pipelines may preview and deploy this stack, without any stored key."""

    url: str = field(metadata={"example": "https://gitlab.example.com"})
    """Where GitLab is, as its tokens name it under `iss`."""
    project_path: str = field(metadata={"example": "group/project"})
    """As in its address, such as `platform/berth`."""
    audience: str = field(metadata={"example": "https://gitlab.example.com"})
    """What `id_tokens:` of the pipeline says under `aud`."""
    branch: str = field(default="main")
    """The protected branch whose jobs may deploy."""
    environment: str = field(metadata={"example": "prod"})
    """GitLab's environment that the deploying job names."""


def deploy_audience(gitlab: GitLabConfig) -> str:
    """Name the audience that only the deploying job asks for: AWS reads `aud` and `sub` of a token, nothing else.

    Who may run a job of the environment is GitLab's to say (protected environments); the branch is in `sub`.
    """
    return f"{gitlab.audience}/{gitlab.environment}"


def preview_trust(provider_arn: str, gitlab: GitLabConfig) -> Statement:
    """Let any branch of the project preview."""
    issuer = gitlab.url.removeprefix("https://")
    branches = f"project_path:{gitlab.project_path}:ref_type:branch:ref:*"
    return _web_identity(
        provider_arn,
        {"StringEquals": {f"{issuer}:aud": gitlab.audience}, "StringLike": {f"{issuer}:sub": branches}},
    )


def deploy_trust(provider_arn: str, gitlab: GitLabConfig) -> Statement:
    """Let the protected branch deploy, as the environment's job."""
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
