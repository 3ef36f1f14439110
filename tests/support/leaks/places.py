"""What a platform has on this machine: every file below its folder, every process's arguments and environment."""

import gzip
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil

_GZIP = b"\x1f\x8b"


def files(root: Path) -> Iterator[tuple[str, bytes]]:
    """Yield each regular file below `root`, databases included, by its path there; what is compressed also unpacked."""
    for path in sorted(root.rglob("*")):
        with suppress(FileNotFoundError):  # a platform that runs removes files meanwhile
            if not stat.S_ISREG(path.lstat().st_mode):
                continue
            raw = path.read_bytes()
            name = str(path.relative_to(root))
            yield name, raw
            if raw.startswith(_GZIP):
                with suppress(OSError, EOFError):
                    yield f"{name} (unpacked)", gzip.decompress(raw)


def processes(found: list[psutil.Process]) -> Iterator[tuple[str, bytes]]:
    """Yield arguments and environment of each process, by the kind, the process's name and its id."""
    for process in found:
        with suppress(psutil.NoSuchProcess, ProcessLookupError, FileNotFoundError):
            name = process.name()
            for kind in ("cmdline", "environ"):
                raw = Path(f"/proc/{process.pid}/{kind}").read_bytes()
                yield f"{kind} of {name} {process.pid}", raw
