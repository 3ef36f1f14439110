"""Who may do what in Vault: a policy for each kind of person, pipeline and machine, each in a file of `rules/`.

A cloud's machines run this too: standard library and Python 3.9.
"""

from __future__ import annotations

import pkgutil

PEOPLE = ("operator", "developer", "auditor", "access")
PIPELINES = ("plan", "deploy", "rotate")
ACTING = (*PEOPLE, *PIPELINES)
"""Those that act for somebody, and not for a machine."""
MACHINES = ("server", "node")
ALL = (*ACTING, *MACHINES)
EXACT_CLAIMS = {
    "bound_claims_type": "string",
    "groups_claim": "",
    "expiration_leeway": 0,
    "not_before_leeway": 0,
    "clock_skew_leeway": 0,
}
"""What each login by a signed token says besides: Vault keeps what a write does not name, and this could widen it."""


def policy_name(holder: str) -> str:
    """Name a holder's policy in Vault. Services' begin with `berth-`: whoever writes those cannot write these."""
    return f"platform-{holder}"


def rules(holder: str) -> str:
    """Read the rules of a holder; `@login@` in a node's stands for the accessor of the AWS login.

    Raises:
        FileNotFoundError: there is no such holder, or this program was packed without it.

    """
    text = pkgutil.get_data("vault_policies", f"rules/{holder}.hcl")
    if text is None:
        raise FileNotFoundError(f"vault_policies/rules/{holder}.hcl")
    return text.decode()
