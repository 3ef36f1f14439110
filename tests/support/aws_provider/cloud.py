"""boto3 clients of the moto server, and the faults that a test asks for."""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

EXPIRES_AFTER = "BERTH_AWS_TOKEN_EXPIRES_AFTER"
"""Environment variable: after so many changing calls the token has expired, as after a laptop's sleep."""
_READS = ("Describe", "Get", "List", "Head")


class Cloud:
    """Clients by service, in one region; endpoint and credentials come from the environment."""

    def __init__(self, region: str) -> None:
        self.region = region
        self._session = boto3.Session(region_name=region)
        self._clients: dict[str, Any] = {}
        self._lock = threading.Lock()
        self._remembered: dict[str, Any] = {}
        self._changes = 0
        limit = os.environ.get(EXPIRES_AFTER)
        self._changes_left = int(limit) if limit else None

    def __call__(self, service: str, region: str = "") -> Any:
        with self._lock:
            key = f"{service} {region}"
            if key not in self._clients:
                # One try, so that retries hide no fault.
                config = Config(retries={"max_attempts": 1}, s3={"addressing_style": "path"}, max_pool_connections=32)
                client = self._session.client(service, region_name=region or self.region, config=config)
                client.meta.events.register("before-call", self._before)
                client.meta.events.register("after-call", self._after)
                self._clients[key] = client
            return self._clients[key]

    def remember(self, key: str, ask: Callable[[], Any]) -> Any:
        """Cache the answer until something changes: a refresh asks the same for every rule of a group."""
        with self._lock:
            if key in self._remembered:
                return self._remembered[key]
            changes = self._changes
        answer = ask()
        with self._lock:
            if changes == self._changes:  # no change began or ended meanwhile
                self._remembered[key] = answer
        return answer

    @cached_property
    def account(self) -> str:
        """The account's 12 digits."""
        return str(self("sts").get_caller_identity()["Account"])

    def arn(self, service: str, resource: str, *, region: bool = True) -> str:
        """Write an ARN of this account."""
        return f"arn:aws:{service}:{self.region if region else ''}:{self.account}:{resource}"

    def _before(self, model: Any, **_: Any) -> None:
        """Drop the cache before a change; fail with an expired token where a test asks for it."""
        is_change = not model.name.startswith(_READS)
        with self._lock:
            if is_change:
                self._forget()
            if self._changes_left is None:
                return
            self._changes_left -= is_change
            if self._changes_left >= 0:
                return
        message = "The security token included in the request is expired"
        raise ClientError({"Error": {"Code": "ExpiredToken", "Message": message}}, model.name)

    def _after(self, model: Any, **_: Any) -> None:
        if not model.name.startswith(_READS):
            with self._lock:
                self._forget()

    def _forget(self) -> None:
        self._remembered = {}
        self._changes = self._changes + 1


def found(ask: Callable[[], Any]) -> Any:
    """Ask AWS; None where it answers that there is no such thing."""
    try:
        return ask()
    except ClientError as error:
        if is_missing(error):
            return None
        raise


@contextmanager
def gone_is_fine() -> Iterator[None]:
    """Allow that what is deleted is gone already."""
    try:
        yield
    except ClientError as error:
        if not is_missing(error):
            raise


def is_missing(error: ClientError) -> bool:
    """Whether AWS says that what was asked for does not exist."""
    code = str(error.response["Error"]["Code"])
    marks = ("NotFound", "NoSuch", "NotExist", "404", "DoesNotExist", "ParameterNotFound", "ValidationErrorGone")
    return any(mark in code for mark in marks)
