"""Signatures held against botocore's own, and Parameter Store's entries that are written once."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from unittest.mock import patch

import pytest
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st

from infra.machine import aws as module
from infra.machine.aws import Aws, Parameters, sign
from infra.machine.fault import Fault
from infra.machine.web import Refused

KEYS = {"AccessKeyId": "AKIDEXAMPLE", "SecretAccessKey": "made-up", "Token": "made-up-session"}
NOW = datetime(2026, 11, 21, 9, 30, 5, tzinfo=UTC)
texts = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=20)


def by_botocore(service: str, method: str, url: str, headers: dict[str, str], body: bytes) -> str:
    request = AWSRequest(method=method, url=url, headers=headers, data=body)
    signer: Any = S3SigV4Auth if service == "s3" else SigV4Auth
    with patch("botocore.auth.get_current_datetime", return_value=NOW.replace(tzinfo=None)):
        signer(Credentials("AKIDEXAMPLE", "made-up", "made-up-session"), service, "eu-west-1").add_auth(request)
    return str(request.headers["Authorization"])


@given(
    service=st.sampled_from(["ssm", "ec2", "sts", "autoscaling"]),
    headers=st.dictionaries(st.sampled_from(["X-Amz-Target", "Content-Type", "X-Vault-AWS-IAM-Server-ID"]), texts),
    body=st.binary(max_size=200),
)
def test_a_call_is_signed_as_aws_own_library_signs_it(service: str, headers: dict[str, str], body: bytes) -> None:
    url = f"https://{service}.eu-west-1.amazonaws.com/"
    signed = sign(KEYS, "eu-west-1", service, "POST", url, headers, body, NOW.timestamp())
    assert signed["Authorization"] == by_botocore(service, "POST", url, headers, body)


@given(key=st.from_regex(r"\A[a-z0-9./_-]{1,60}\Z"))
def test_a_download_is_signed_as_aws_own_library_signs_it(key: str) -> None:
    url = f"https://bucket.s3.eu-west-1.amazonaws.com/{key}"
    signed = sign(KEYS, "eu-west-1", "s3", "GET", url, {}, b"", NOW.timestamp())
    assert signed["Authorization"] == by_botocore("s3", "GET", url, {}, b"")


def test_other_bytes_than_the_named_ones_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "call", lambda *_, **__: (200, b"something else"))
    with pytest.raises(Fault, match=r"has SHA-256 \w+, not 00: refused"):
        Aws("eu-west-1", lambda: KEYS).download("bucket", "programs/nomad", "00")


class Store:
    """Parameter Store, as far as it matters here."""

    def __init__(self) -> None:
        self.entries: dict[str, dict[str, Any]] = {}

    def ssm(self, action: str, body: dict[str, Any]) -> dict[str, Any]:
        name = body["Name"]
        if action == "PutParameter":
            if name in self.entries:
                raise Refused("ssm", 400, '{"__type": "ParameterAlreadyExists"}')
            assert body["Overwrite"] is False
            self.entries[name] = body
        elif action == "GetParameter":
            if name not in self.entries:
                raise Refused("ssm", 400, '{"__type": "ParameterNotFound"}')
            return {"Parameter": {"Value": self.entries[name]["Value"]}}
        else:
            del self.entries[name]
        return {}


@pytest.fixture
def store() -> Any:
    return Store()


@pytest.fixture
def parameters(store: Any) -> Parameters:
    return Parameters(store, "/berth/prod/key", "arn:key")


def test_what_was_written_first_stays(parameters: Parameters) -> None:
    assert parameters.get("server/authority") is None
    assert parameters.put("server/authority", "first", is_secret=True)
    assert not parameters.put("server/authority", "second", is_secret=True)
    assert parameters.get("server/authority") == "first"


def test_secrets_are_encrypted_with_our_key_and_the_rest_is_plain(parameters: Parameters, store: Any) -> None:
    parameters.put("server/authority", "a", is_secret=True)
    parameters.put("agent/authority", "b", is_secret=False)
    secret, plain = store.entries["/berth/prod/key/server/authority"], store.entries["/berth/prod/key/agent/authority"]
    assert (secret["Type"], secret["KeyId"]) == ("SecureString", "arn:key")
    assert (plain["Type"], plain.get("KeyId")) == ("String", None)


@pytest.mark.parametrize("act", [lambda p: p.get("x"), lambda p: p.put("x", "y", is_secret=False)])
def test_another_refusal_is_not_taken_for_an_answer(act: Callable[[Parameters], object], store: Any) -> None:
    def refuse(*_: object) -> dict[str, Any]:
        raise Refused("ssm", 400, json.dumps({"__type": "AccessDeniedException"}))

    store.ssm = refuse
    with pytest.raises(Refused, match="AccessDenied"):
        act(Parameters(store, "/berth/prod/key", "arn:key"))
