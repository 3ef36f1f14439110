"""IAM roles: one for each kind of machine and of person, for services, two for GitLab's pipelines; no stored key."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pulumi
from pulumi import Input, Output, ResourceOptions
from pulumi_aws import iam

from infra.access.arns import StackArns
from infra.access.gitlab import GitLabConfig, deploy_audience, deploy_trust, preview_trust
from infra.access.machines import boundary_statements, machine_statements, people_statements
from infra.access.pipelines import DEPLOY, PARTS, PREVIEW
from infra.access.statements import Statement, document
from infra.access.workload import workload_statements, workload_trust
from infra.label import Label
from infra.network.ports import MACHINE_KINDS, MachineKind
from vault_policies.holders import PEOPLE

_HOUR_S = 3600
# No condition on the account: only its own administrators can pass a role to an instance (iam:PassRole), and EC2 does
# not say on whose behalf it asks, so such a condition would refuse every machine.
_MACHINES = Statement(
    sid="Machines", principal={"Service": "ec2.amazonaws.com"}, actions=("sts:AssumeRole",), has_resource=False
)

_PEOPLE = {
    "operator": "People who run {}",
    "developer": "People who write services of {}",
    "auditor": "People who audit {}",
    "access": "People who give services of {} access",
}
"""What each person's role is for."""


@dataclass(frozen=True, kw_only=True, slots=True)
class IdentityArgs:
    """ARNs of keys and buckets by purpose, and the project whose pipelines may assume a role."""

    label: Label
    account_id: str
    region: str
    key_arns: Mapping[str, Input[str]]
    bucket_arns: Mapping[str, Input[str]]
    gitlab: GitLabConfig | None


class Identity(pulumi.ComponentResource):
    """Roles, and the instance profiles that give them to machines."""

    instance_profiles: dict[MachineKind, Output[str]]
    """Names, by the kind of machine."""
    role_arns: dict[MachineKind, Output[str]]
    """By the kind of machine: a machine logs in to Vault with its role."""
    people_arns: dict[str, Output[str]]
    """By holder: people reach the servers and log in to Vault with theirs."""
    workload_role_arn: Output[str]
    """Vault assumes it for services."""
    preview_role_arn: Output[str] | None
    deploy_role_arn: Output[str] | None

    def __init__(self, name: str, args: IdentityArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("berth:identity:Identity", name, None, opts)
        self._name = name
        self._args = args
        self._child = ResourceOptions(parent=self)
        boundary = self._boundary()
        roles = {kind: self._machine(kind, boundary) for kind in MACHINE_KINDS}
        self.role_arns = {kind: role.arn for kind, (role, _) in roles.items()}
        self.instance_profiles = {kind: profile.name for kind, (_, profile) in roles.items()}
        self.people_arns = {holder: self._person(holder) for holder in PEOPLE}
        self.workload_role_arn = self._workload(boundary)
        self.preview_role_arn, self.deploy_role_arn = self._pipelines(args.gitlab) if args.gitlab else (None, None)
        self.register_outputs({"instance_profiles": {kind.value: one for kind, one in self.instance_profiles.items()}})

    def _boundary(self) -> iam.Policy:
        """Create the policy that no machine's role can exceed, whatever its own policies say."""
        return iam.Policy(
            f"{self._name}-boundary",
            name=self._args.label.name("boundary"),
            description="What no machine's role exceeds",
            policy=self._with_arns(lambda arns: document(boundary_statements(arns))),
            tags=self._args.label.tags("boundary"),
            opts=self._child,
        )

    def _machine(self, kind: MachineKind, boundary: iam.Policy) -> tuple[iam.Role, iam.InstanceProfile]:
        child = f"{self._name}-{kind}"
        own = self._args.label.name(f"machine-{kind}")
        role = iam.Role(
            child,
            name=own,
            description=f"{kind} machines of {self._args.label.prefix}",
            assume_role_policy=document([_MACHINES]),
            permissions_boundary=boundary.arn,
            tags=self._args.label.tags(f"machine-{kind}"),
            opts=self._child,
        )
        below = ResourceOptions(parent=role)
        policy = iam.RolePolicy(
            f"{child}-policy",
            name=own,
            role=role.name,
            policy=self._with_arns(lambda arns: document(machine_statements(kind, arns))),
            opts=below,
        )
        profile = iam.InstanceProfile(
            f"{child}-profile",
            name=own,
            role=role.name,
            tags=self._args.label.tags(f"machine-{kind}"),
            # A machine that boots at once must have its permissions.
            opts=ResourceOptions(parent=role, depends_on=[policy]),
        )
        return role, profile

    @property
    def login_arns(self) -> dict[str, Output[str]]:
        """Give every role that may log in to Vault, by the name of its Vault role."""
        deploy = {} if self.deploy_role_arn is None else {"deploy": self.deploy_role_arn}
        return {**{kind.value: arn for kind, arn in self.role_arns.items()}, **self.people_arns, **deploy}

    def _workload(self, boundary: iam.Policy) -> Output[str]:
        """Create the role whose rights Vault hands on to services, each a part of them."""
        role = iam.Role(
            f"{self._name}-workload",
            name=self._args.label.name("workload"),
            description=f"Services of {self._args.label.prefix}",
            assume_role_policy=self.role_arns[MachineKind.SERVER].apply(lambda arn: document([workload_trust(arn)])),
            permissions_boundary=boundary.arn,
            max_session_duration=_HOUR_S,
            tags=self._args.label.tags("workload"),
            opts=self._child,
        )
        iam.RolePolicy(
            f"{self._name}-workload-policy",
            name=self._args.label.name("workload"),
            role=role.name,
            policy=self._with_arns(lambda arns: document(workload_statements(arns))),
            opts=ResourceOptions(parent=role),
        )
        return role.arn

    def _person(self, holder: str) -> Output[str]:
        """Create the role of one kind of person; the account's IAM decides who may assume it."""
        args = self._args
        root = {"AWS": f"arn:aws:iam::{args.account_id}:root"}
        trust = Statement(sid="Account", principal=root, actions=("sts:AssumeRole",), has_resource=False)
        role = iam.Role(
            f"{self._name}-{holder}",
            name=args.label.name(holder),
            description=_PEOPLE[holder].format(args.label.prefix),
            assume_role_policy=document([trust]),
            max_session_duration=_HOUR_S,
            tags=args.label.tags(holder),
            opts=self._child,
        )
        iam.RolePolicy(
            f"{self._name}-{holder}-policy",
            name=args.label.name(holder),
            role=role.name,
            policy=self._with_arns(lambda arns: document(people_statements(arns))),
            opts=ResourceOptions(parent=role),
        )
        return role.arn

    def _pipelines(self, gitlab: GitLabConfig) -> tuple[Output[str], Output[str]]:
        provider = iam.OpenIdConnectProvider(
            f"{self._name}-gitlab",
            url=gitlab.url,
            client_id_lists=[gitlab.audience, deploy_audience(gitlab)],
            tags=self._args.label.tags("gitlab"),
            opts=self._child,
        )
        trusts = {"preview": (preview_trust, PREVIEW), "deploy": (deploy_trust, DEPLOY)}
        made = [self._pipeline(what, provider, gitlab, *one) for what, one in trusts.items()]
        return made[0], made[1]

    def _pipeline(
        self,
        what: str,
        provider: iam.OpenIdConnectProvider,
        gitlab: GitLabConfig,
        trust: Callable[[str, GitLabConfig], Statement],
        parts: tuple[str, ...],
    ) -> Output[str]:
        child = f"{self._name}-{what}"
        own = self._args.label.name(f"pipeline-{what}")
        role = iam.Role(
            child,
            name=own,
            description=f"GitLab {what} jobs of {gitlab.project_path}",
            assume_role_policy=provider.arn.apply(lambda arn: document([trust(arn, gitlab)])),
            max_session_duration=_HOUR_S,
            tags=self._args.label.tags(f"pipeline-{what}"),
            opts=self._child,
        )
        for part in parts:
            self._attach(role, f"{child}-{part}", f"pipeline-{what}-{part}", PARTS[part])
        return role.arn

    def _attach(
        self, role: iam.Role, child: str, what: str, write: Callable[[StackArns], tuple[Statement, ...]]
    ) -> None:
        below = ResourceOptions(parent=role)
        policy = iam.Policy(
            child,
            name=self._args.label.name(what),
            policy=self._with_arns(lambda arns: document(write(arns))),
            tags=self._args.label.tags(what),
            opts=below,
        )
        iam.RolePolicyAttachment(f"{child}-attached", role=role.name, policy_arn=policy.arn, opts=below)

    def _with_arns(self, write: Callable[[StackArns], str]) -> Output[str]:
        """Write a policy once the ARNs of the stack's keys and buckets are known."""
        args = self._args

        def written(known: list[dict[str, str]]) -> str:
            keys, buckets = known
            arns = StackArns(
                label=args.label, account_id=args.account_id, region=args.region, keys=keys, buckets=buckets
            )
            return write(arns)

        return Output.all(Output.all(**args.key_arns), Output.all(**args.bucket_arns)).apply(written)
