"""Lints IAM policies with parliament: unknown actions, resources and conditions that an action does not have."""

import json
import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # parliament still imports pkg_resources
    import parliament

_NO_FAULT = {
    "RESOURCE_STAR",  # most of EC2 can be asked of everything only; conditions on region and tags narrow it
    "MISMATCHED_TYPE_BUT_USABLE",  # iam:PermissionsBoundary as a string, which is how AWS's own guide writes it
}


def lint(policy: str) -> list[str]:
    """Say what is wrong with what a policy allows, one line for each finding; to deny too much does no harm."""
    allows = [one for one in json.loads(policy)["Statement"] if one["Effect"] == "Allow"]
    if not allows:
        return []
    found = parliament.analyze_policy_string(json.dumps({"Version": "2012-10-17", "Statement": allows})).findings
    return [f"{finding.issue} {finding.detail}" for finding in found if finding.issue not in _NO_FAULT]
