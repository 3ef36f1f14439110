"""Leads from what a container said at its end to the field of its service that takes the refusal away.

Berth's containers are stricter than Docker's own: an image that somebody else built may need what they lack.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from nomad_jobs.model import Container

_BECOMES_ANOTHER = ("chown", "setgid", "setuid")
_OTHERS_FILES = ("dac_override",)
_FILES_CAPABILITY = ("net_bind_service",)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Cause:
    """What programs say when Berth's defaults refuse them something, and what allows it."""

    said: re.Pattern[str]
    fix: Callable[[Container], str]
    """Empty where the container has it already: then the cause is another one."""


def fix_of(text: str, container: Container) -> str:
    """Name the field to set, given what Nomad and the `container` said; empty where the words tell nothing.

    The last line that tells something decides: what a program survived stands above it.
    """
    for line in reversed(text.splitlines()):
        for cause in _CAUSES:
            if cause.said.search(line) and (fix := cause.fix(container)):
                return fix
    return _PORT if _UNANSWERED.search(text) and not _ENDED.search(text) else ""


def tells(line: str) -> bool:
    """Whether a program's `line` leads to a field."""
    return any(cause.said.search(line) for cause in _CAUSES)


def _said(*words: str) -> re.Pattern[str]:
    return re.compile("|".join(words), re.IGNORECASE)


def _writable(container: Container) -> str:
    if container.is_root_writable:
        return ""
    return "it writes to its image's files: is_root_writable=True in its Container lets it"


def _memory(_: Container) -> str:
    return "it took more memory than it has: memory_mb in its Size, or in an Override of this stack"


def _space(container: Container) -> str:
    if container.is_root_writable:
        return ""
    return "its /tmp has 64 MB: with is_root_writable=True in its Container it has the node's disk"


def _file_capability(container: Container) -> str:
    if fix := _capabilities(container, _FILES_CAPABILITY):
        return f"its program's file asks for a capability that it lacks: {fix} in its Container gives it"
    return ""


def _start_user(container: Container) -> str:
    if container.user:
        return ""
    return "its entrypoint becomes another user: user=User(uid=…, gid=…) in its Container starts it as that one"


def _root_rights(container: Container) -> str:
    if fix := _capabilities(container, _BECOMES_ANOTHER):
        return f"it does what only root may: {fix} in its Container lets it give files away and become another user"
    return ""


def _reader(container: Container) -> str:
    if container.user:
        return ""
    return "its files belong to root, and its image runs as another user: user=User(uid=…, gid=…) in its Container"


def _foreign_file(container: Container) -> str:
    if container.user:
        return "that file is another user's: leave user out of its Container, or name whom the image is made for"
    fix = _capabilities(container, _OTHERS_FILES)
    user = "that file is another user's: user=User(uid=…, gid=…) in its Container starts it as that one"
    return user + (f"; where it must be root, {fix} opens the file to it" if fix else "")


def _capabilities(container: Container, wanted: tuple[str, ...]) -> str:
    """Write the field with those that are lacking; empty where none is."""
    if set(wanted) <= set(container.capabilities):
        return ""
    return f"capabilities={tuple(sorted({*container.capabilities, *wanted}))}"


# The first that fits is named, so what is certain stands above what is likely.
_CAUSES = (
    _Cause(said=_said(r"OOM killed"), fix=_memory),
    _Cause(said=_said(r"no space left on device"), fix=_space),
    _Cause(said=_said(r"exec:? .*operation not permitted"), fix=_file_capability),
    _Cause(said=_said(r"read-only file system(?!\?)"), fix=_writable),
    _Cause(said=_said(r"(/secrets/|/local/|NOMAD_).*permission denied"), fix=_reader),
    _Cause(said=_said(r"(failed switching to|gosu|su-exec|setpriv|runuser).*operation not permitted"), fix=_start_user),
    _Cause(said=_said(r"operation not permitted"), fix=_root_rights),
    _Cause(said=_said(r"permission denied"), fix=_foreign_file),
)
_UNANSWERED = _said(r"is critical: .*(connection refused|connection reset|EOF)")
_ENDED = _said(r"^task '[^']*' ended")
_PORT = (
    "nothing answers on that port of the container: Port(container=…) must be the one that the image listens on, "
    "and for everybody (0.0.0.0), not for 127.0.0.1 alone"
)
