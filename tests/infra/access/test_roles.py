import fnmatch
import json
from typing import Any

import pytest

from infra.access.gitlab import GitLabConfig
from infra.access.key_policies import PURPOSES
from infra.access.roles import Identity, IdentityArgs
from infra.label import Label
from infra.network.ports import MACHINE_KINDS, MachineKind
from infra.storage import BUCKETS
from tests.support.graph import ACCOUNT, REGION, Graph, record
from tests.support.policies import lint
from vault_policies.holders import PEOPLE

GITLAB = GitLabConfig(
    url="https://gitlab.example.com",
    project_path="platform/berth",
    project_id=22,
    audience="https://gitlab.example.com",
    branch="main",
    environment="prod",
)
MANAGED_POLICY_MAX = 6144
INLINE_POLICIES_MAX = 10240


def identity(gitlab: GitLabConfig | None = GITLAB) -> Graph:
    args = IdentityArgs(
        label=Label("prod"),
        account_id=ACCOUNT,
        region=REGION,
        key_arns={purpose: f"arn:aws:kms:{REGION}:{ACCOUNT}:key/{purpose}" for purpose in PURPOSES},
        bucket_arns={bucket: f"arn:aws:s3:::berth-prod-{bucket}-{ACCOUNT}" for bucket in BUCKETS},
        gitlab=gitlab,
    )
    return record(lambda: Identity("identity", args), stack="prod")


@pytest.fixture(scope="module")
def graph() -> Graph:
    return identity()


def policies(graph: Graph) -> dict[str, str]:
    """Every policy document by the name of its resource."""
    kinds = {"Policy", "RolePolicy"}
    return {node.name: node.inputs["policy"] for kind in kinds for node in graph.of(kind)}


def trust(graph: Graph, role: str) -> dict[str, Any]:
    (statement,) = json.loads(graph[role].inputs["assumeRolePolicy"])["Statement"]
    return dict(statement)


def allowed(graph: Graph, *names: str) -> set[str]:
    found = policies(graph)
    return {
        action for name in names for statement in json.loads(found[name])["Statement"] for action in statement["Action"]
    }


def test_every_action_is_named_and_real_and_fits_its_resource(graph: Graph) -> None:
    for name, policy in policies(graph).items():
        assert "*" not in "".join(
            action for statement in json.loads(policy)["Statement"] for action in statement["Action"]
        ), name
        assert lint(policy) == [], name


def test_what_is_no_action_would_be_found() -> None:
    unknown = {"Effect": "Allow", "Action": ["ecr:Images"], "Resource": ["*"]}
    of_objects = {"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": ["arn:aws:s3:::bucket"]}
    found = lint(json.dumps({"Version": "2012-10-17", "Statement": [unknown, of_objects]}))
    assert [finding.split(" ")[0] for finding in found] == ["UNKNOWN_ACTION", "RESOURCE_MISMATCH"]


def test_policies_fit_into_awss_limits(graph: Graph) -> None:
    for node in graph.of("Policy"):
        assert len(node.inputs["policy"]) <= MANAGED_POLICY_MAX, node.name
    for node in graph.of("RolePolicy"):
        assert len(node.inputs["policy"]) <= INLINE_POLICIES_MAX, node.name


def test_each_kind_of_machine_has_its_role_and_profile(graph: Graph) -> None:
    for kind in MACHINE_KINDS:
        assert graph[f"identity-{kind}-profile"].inputs["role"] == f"berth-prod-machine-{kind}"
        assert trust(graph, f"identity-{kind}")["Principal"] == {"Service": "ec2.amazonaws.com"}
        assert graph[f"identity-{kind}-policy"].urn in graph[f"identity-{kind}-profile"].dependencies


def test_no_machines_role_exceeds_the_boundary(graph: Graph) -> None:
    boundary = allowed(graph, "identity-boundary")
    for kind in MACHINE_KINDS:
        assert graph[f"identity-{kind}"].inputs["permissionsBoundary"].endswith("policy/identity-boundary")
        assert allowed(graph, f"identity-{kind}-policy") <= boundary


def test_only_servers_unseal_and_write_trust(graph: Graph) -> None:
    server = allowed(graph, "identity-server-policy")
    others = allowed(graph, "identity-client-policy", "identity-ingress-policy")
    assert {"kms:Encrypt", "ssm:PutParameter", "ec2:AttachVolume"} <= server
    assert not {"kms:Encrypt", "ssm:PutParameter", "ec2:AttachVolume", "ssm:DeleteParameter"} & others


def test_a_server_overwrites_no_trust_and_reads_no_recovery_key(graph: Graph) -> None:
    statements = json.loads(policies(graph)["identity-server-policy"])["Statement"]
    (write,) = [statement for statement in statements if "ssm:PutParameter" in statement["Action"]]
    assert write["Condition"] == {"StringEquals": {"ssm:Overwrite": "false"}}
    recovery = f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/berth/prod/state/recovery/vault"
    for statement in statements:
        if "ssm:GetParameter" in statement["Action"]:
            assert not any(fnmatch.fnmatch(recovery, pattern) for pattern in statement["Resource"])


@pytest.mark.parametrize("kind", [MachineKind.CLIENT, MachineKind.INGRESS])
def test_nodes_read_only_the_public_half_of_the_trust(graph: Graph, kind: MachineKind) -> None:
    for statement in json.loads(policies(graph)[f"identity-{kind}-policy"])["Statement"]:
        if "ssm:GetParameter" in statement["Action"]:
            assert statement["Resource"] == [f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/berth/prod/state/agent/*"]


def test_keys_are_used_through_their_service_only(graph: Graph) -> None:
    for kind in MACHINE_KINDS:
        for statement in json.loads(policies(graph)[f"identity-{kind}-policy"])["Statement"]:
            uses = [resource for resource in statement["Resource"] if ":key/s" in resource]
            assert not uses or "kms:ViaService" in statement["Condition"]["StringEquals"]


def test_gitlabs_tokens_are_bound_to_branch_and_environment(graph: Graph) -> None:
    assert graph["identity-gitlab"].inputs["url"] == "https://gitlab.example.com"
    assert graph["identity-gitlab"].inputs["clientIdLists"] == [
        "https://gitlab.example.com",
        "https://gitlab.example.com/prod",
    ]
    deploy = trust(graph, "identity-deploy")
    assert deploy["Action"] == ["sts:AssumeRoleWithWebIdentity"]
    assert deploy["Condition"] == {
        "StringEquals": {
            "gitlab.example.com:aud": "https://gitlab.example.com/prod",
            "gitlab.example.com:sub": "project_path:platform/berth:ref_type:branch:ref:main",
        }
    }
    assert trust(graph, "identity-preview")["Condition"] == {
        "StringEquals": {"gitlab.example.com:aud": "https://gitlab.example.com"},
        "StringLike": {"gitlab.example.com:sub": "project_path:platform/berth:ref_type:branch:ref:*"},
    }


@pytest.mark.parametrize(
    "sub",
    [
        "project_path:platform/berth:ref_type:tag:ref:main",
        "project_path:platform/berth-fork:ref_type:branch:ref:main",
        "project_path:other/berth:ref_type:branch:ref:main",
        "project_path:platform/berth",
    ],
)
def test_another_project_or_a_tag_does_not_even_preview(graph: Graph, sub: str) -> None:
    pattern = trust(graph, "identity-preview")["Condition"]["StringLike"]["gitlab.example.com:sub"]
    assert not fnmatch.fnmatchcase(sub, pattern)


def test_a_preview_changes_nothing_and_reads_nobodys_data(graph: Graph) -> None:
    names = ("identity-preview-state", "identity-preview-look")
    verbs = {action.split(":")[1] for action in allowed(graph, *names)}
    assert all(verb.startswith(("Describe", "Get", "List", "View", "Decrypt")) for verb in verbs)
    for statement in json.loads(policies(graph)["identity-preview-look"])["Statement"]:
        assert not {"s3:GetObject", "s3:ListBucket", "ssm:GetParameter", "kms:Decrypt"} & set(statement["Action"])
    attached = {node.inputs["policyArn"] for node in graph.of("RolePolicyAttachment") if "preview" in node.name}
    assert len(attached) == 2


def test_a_pipeline_cannot_change_what_trust_rests_on(graph: Graph) -> None:
    deploy = allowed(graph, *(name for name in policies(graph) if name.startswith("identity-deploy-")))
    assert {"ec2:CreateVpc", "autoscaling:CreateAutoScalingGroup", "iam:PassRole"} <= deploy
    assert not deploy & {
        "iam:CreatePolicyVersion",
        "iam:CreateOpenIDConnectProvider",
        "iam:DeleteRolePermissionsBoundary",
        "iam:PutRolePermissionsBoundary",
        "kms:PutKeyPolicy",
        "kms:ScheduleKeyDeletion",
        "kms:DisableKey",
        "s3:PutBucketPolicy",
        "s3:DeleteBucket",
        "s3:PutLifecycleConfiguration",
        "sts:AssumeRole",
    }


def test_a_pipeline_grants_only_to_machines_and_below_the_boundary(graph: Graph) -> None:
    for statement in json.loads(policies(graph)["identity-deploy-names"])["Statement"]:
        grants = {"iam:PutRolePolicy", "iam:AttachRolePolicy", "iam:CreateRole"} & set(statement["Action"])
        if grants:
            arn = f"arn:aws:iam::{ACCOUNT}:policy/berth-prod-boundary"
            assert statement["Condition"] == {"StringEquals": {"iam:PermissionsBoundary": arn}}
        if any(action.startswith("iam:") and "ServiceLinked" not in action for action in statement["Action"]):
            assert all("/berth-prod-machine-" in resource for resource in statement["Resource"])


def test_without_gitlab_no_pipeline_has_access() -> None:
    graph = identity(None)
    assert not graph.of("OpenIdConnectProvider")
    assert {node.name for node in graph.of("Role")} == {
        *(f"identity-{kind}" for kind in MACHINE_KINDS),
        *(f"identity-{holder}" for holder in PEOPLE),
        "identity-workload",
    }


def test_servers_alone_hand_on_the_rights_of_services(graph: Graph) -> None:
    role = graph["identity-workload"]
    assert trust(graph, "identity-workload")["Principal"] == {"AWS": f"arn:aws:iam::{ACCOUNT}:role/identity-server"}
    assert role.inputs["permissionsBoundary"].endswith("policy/identity-boundary")
    assert allowed(graph, "identity-workload-policy") <= allowed(graph, "identity-boundary")
    who = {name: "sts:AssumeRole" in allowed(graph, name) for name in policies(graph) if name.endswith("-policy")}
    assert [name for name, may in who.items() if may] == ["identity-server-policy"]


def test_services_have_no_bucket_of_the_platforms_own(graph: Graph) -> None:
    named = {
        one
        for statement in json.loads(policies(graph)["identity-workload-policy"])["Statement"]
        for one in statement["Resource"]
    }
    buckets = {f"arn:aws:s3:::berth-prod-{bucket}-{ACCOUNT}" for bucket in ("benchmarks", "models")}
    assert named == {*buckets, *(f"{one}/*" for one in buckets), f"arn:aws:kms:{REGION}:{ACCOUNT}:key/storage"}


@pytest.mark.parametrize("holder", PEOPLE)
def test_people_open_ways_to_this_stacks_machines_and_nothing_else(graph: Graph, holder: str) -> None:
    assert trust(graph, f"identity-{holder}")["Principal"] == {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}
    statements = {one["Sid"]: one for one in json.loads(policies(graph)[f"identity-{holder}-policy"])["Statement"]}
    assert statements["Open"]["Condition"] == {"StringEquals": {"ssm:resourceTag/berth:stack": "prod"}}
    assert statements["OwnSessions"]["Resource"] == [f"arn:aws:ssm:{REGION}:{ACCOUNT}:session/${{aws:userid}}-*"]
    assert allowed(graph, f"identity-{holder}-policy") == {
        "ec2:DescribeInstances",
        "ssm:StartSession",
        "ssm:ResumeSession",
        "ssm:TerminateSession",
    }
