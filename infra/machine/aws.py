"""The few AWS calls that a machine makes, signed with its own role's credentials (Signature Version 4)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
import urllib.parse
import xml.etree.ElementTree as ET
from collections.abc import Callable
from typing import Any

from infra.machine.fault import Fault
from infra.machine.web import Refused, call

_ALGORITHM = "AWS4-HMAC-SHA256"
_DOWNLOAD_S = 300
_VERSIONS = {"ec2": "2016-11-15", "autoscaling": "2011-01-01"}
"""Of the query APIs."""


def sign(
    credentials: dict[str, str],
    region: str,
    service: str,
    method: str,
    url: str,
    headers: dict[str, str],
    body: bytes,
    now: float,
) -> dict[str, str]:
    """Give the headers that sign the request as the role: `headers`, the date and the signature."""
    parts = urllib.parse.urlsplit(url)
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))
    signed = {**headers, "X-Amz-Date": stamp, "X-Amz-Security-Token": credentials["Token"]}
    if service == "s3":
        signed["X-Amz-Content-Sha256"] = hashlib.sha256(body).hexdigest()
    lines = sorted((name.lower(), value.strip()) for name, value in {**signed, "Host": parts.netloc}.items())
    names = ";".join(name for name, _ in lines)
    request = "\n".join(
        (
            method,
            parts.path or "/",
            parts.query,
            "".join(f"{name}:{value}\n" for name, value in lines),
            names,
            hashlib.sha256(body).hexdigest(),
        )
    )
    scope = f"{stamp[:8]}/{region}/{service}/aws4_request"
    text = f"{_ALGORITHM}\n{stamp}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
    key = f"AWS4{credentials['SecretAccessKey']}".encode()
    for part in (stamp[:8], region, service, "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    signature = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
    credential = f"{credentials['AccessKeyId']}/{scope}"
    return {
        **signed,
        "Authorization": f"{_ALGORITHM} Credential={credential}, SignedHeaders={names}, Signature={signature}",
    }


class Aws:
    """AWS, as this machine's role."""

    def __init__(self, region: str, credentials: Callable[[], dict[str, str]]) -> None:
        """Call `credentials` for every request: they expire."""
        self.region = region
        self._credentials = credentials

    def ssm(self, action: str, body: dict[str, Any]) -> dict[str, Any]:
        """Call Systems Manager."""
        headers = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": f"AmazonSSM.{action}"}
        return dict(json.loads(self._post("ssm", headers, json.dumps(body).encode()) or b"{}"))

    def query(self, service: str, action: str, **fields: str) -> ET.Element:
        """Call EC2 or auto scaling; a field such as `Name.1` is written `Name_1` here."""
        form = {
            "Action": action,
            "Version": _VERSIONS[service],
            **{name.replace("_", "."): one for name, one in fields.items()},
        }
        headers = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
        answer = self._post(service, headers, urllib.parse.urlencode(form).encode())
        return _without_namespaces(ET.fromstring(answer))  # noqa: S314 - AWS's own answer, over verified TLS

    def download(self, bucket: str, key: str, sha256: str) -> bytes:
        """Fetch an object, and refuse it unless its SHA-256 is `sha256`."""
        url = f"https://{bucket}.s3.{self.region}.amazonaws.com/{urllib.parse.quote(key)}"
        headers = sign(self._credentials(), self.region, "s3", "GET", url, {}, b"", time.time())
        _, body = call("GET", url, headers=headers, timeout_s=_DOWNLOAD_S)
        if (found := hashlib.sha256(body).hexdigest()) != sha256:
            raise Fault(f"s3://{bucket}/{key} has SHA-256 {found}, not {sha256}: refused")
        return body

    def vault_login(self, server_id: str) -> dict[str, str]:
        """Write the body of Vault's AWS login: a signed request to STS, by which Vault learns the role."""
        url = f"https://sts.{self.region}.amazonaws.com/"
        body = b"Action=GetCallerIdentity&Version=2011-06-15"
        plain = {
            "Content-Type": "application/x-www-form-urlencoded; charset=utf-8",
            "X-Vault-AWS-IAM-Server-ID": server_id,
        }
        headers = sign(self._credentials(), self.region, "sts", "POST", url, plain, body, time.time())
        return {
            "iam_http_request_method": "POST",
            "iam_request_url": _base64(url.encode()),
            "iam_request_body": _base64(body),
            "iam_request_headers": _base64(json.dumps({**headers, "Host": url.split("/")[2]}).encode()),
        }

    def _post(self, service: str, headers: dict[str, str], body: bytes) -> bytes:
        url = f"https://{service}.{self.region}.amazonaws.com/"
        return call(
            "POST",
            url,
            body,
            sign(self._credentials(), self.region, service, "POST", url, headers, body, time.time()),
        )[1]


class Parameters:
    """The stack's parameters in Parameter Store, which are written once and never overwritten."""

    def __init__(self, aws: Aws, folder: str, key_id: str) -> None:
        """Work below `folder`, such as `/berth/prod/1a2b3c4d`; encrypt secrets with the KMS key `key_id`."""
        self._aws = aws
        self._folder = folder
        self._key_id = key_id

    def get(self, name: str) -> str | None:
        """Read a parameter; None if there is none."""
        try:
            found = self._aws.ssm("GetParameter", {"Name": f"{self._folder}/{name}", "WithDecryption": True})
        except Refused as error:
            if "ParameterNotFound" in error.body:
                return None
            raise
        return str(found["Parameter"]["Value"])

    def put(self, name: str, value: str, *, is_secret: bool) -> bool:
        """Write a parameter unless it exists; return whether it was written."""
        locked = {"Type": "SecureString", "KeyId": self._key_id} if is_secret else {"Type": "String"}
        body = {"Name": f"{self._folder}/{name}", "Value": value, "Overwrite": False, **locked}
        try:
            self._aws.ssm("PutParameter", body)
        except Refused as error:
            if "ParameterAlreadyExists" in error.body:
                return False
            raise
        return True

    def delete(self, name: str) -> None:
        """Delete a parameter."""
        self._aws.ssm("DeleteParameter", {"Name": f"{self._folder}/{name}"})


def _base64(value: bytes) -> str:
    return base64.b64encode(value).decode()


def _without_namespaces(root: ET.Element) -> ET.Element:
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    return root
