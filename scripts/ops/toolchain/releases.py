"""Installs programs from official release archives, after it has checked signature and checksum."""

import re
import shutil
import zipfile
from collections.abc import Mapping
from pathlib import Path

from nomad_jobs.errors import BerthError
from scripts.ops.progress import Step
from scripts.ops.toolchain import cache, download, signature, turns
from scripts.ops.toolchain.programs import Program, Release
from scripts.ops.toolchain.ways import UnavailableError, bar

# Checksums whose signature was verified once; from then on they decide, on every machine of the team.
LOCK = Path(__file__).parents[2] / "toolchain" / "releases.lock"
_SUM = re.compile(r"([0-9a-f]{64}) [ *](\S+)")
_MB = 1_000_000


def obtain(program: Program, folder: Path, step: Step) -> None:
    """Put the program of the official archive for this machine into `folder`.

    Raises:
        UnavailableError: there is no such release, or it cannot be reached.
        BerthError: signature or checksum is wrong; nothing is installed, and no other way is tried.

    """
    if program.release is None:
        raise UnavailableError(program.no_release)
    archive = _filled(program.release.archive, program)
    step.says("release: checking the signature")
    expected = _expected(program, program.release, archive)
    part = cache.root() / "downloads" / f"{archive}.part"
    url = f"{_filled(program.release.folder, program)}/{archive}"
    with turns.turn(archive):  # another program may be in the same archive
        was_begun = part.exists()
        _download(url, part, step)
        if was_begun and cache.sha256(part) != expected:  # a power cut may have spoiled what an earlier run left
            part.unlink()
            _download(url, part, step)
        _verify(part, archive, expected)
        _extract(part, archive, program.command, folder)
        part.unlink()


def _download(url: str, part: Path, step: Step) -> None:
    download.fetch(url, part, lambda have, total: step.says(f"release, {total // _MB} MB {bar(have, total)}"))


def _filled(template: str, program: Program) -> str:
    system, processor = cache.machine()
    return template.format(name=program.command, version=program.version, os=system, arch=processor)


def _expected(program: Program, release: Release, archive: str) -> str:
    if (known := _locked().get(archive)) is not None:
        return known
    base = _filled(release.folder, program)
    text = download.read(f"{base}/{_filled(release.sums, program)}")
    signed = download.read(f"{base}/{_filled(release.signature, program)}")
    signature.check(program.label, text, signed, release)
    sums: dict[str, str] = {name: digest for digest, name in _SUM.findall(text.decode(errors="replace"))}
    if archive not in sums:
        raise UnavailableError(f"there is no {archive}")
    _lock(sums)
    return sums[archive]


def _locked() -> dict[str, str]:
    text = LOCK.read_text(encoding="utf-8", errors="replace") if LOCK.exists() else ""
    return {name: digest for digest, name in _SUM.findall(text)}


def _lock(sums: Mapping[str, str]) -> None:
    """Write the checksums of the archives for every machine that Berth runs on, in the format of `sha256sum`."""
    ours = {name: digest for name, digest in sums.items() if re.search(r"_(linux|darwin)_(amd64|arm64)\.", name)}
    with turns.turn("releases"):
        lines = [f"{digest}  {name}\n" for name, digest in sorted((_locked() | ours).items())]
        fresh = LOCK.with_suffix(".new")
        try:
            fresh.write_text("".join(lines), encoding="utf-8")
            fresh.replace(LOCK)
        except OSError:  # Berth is installed read-only, so the signature is checked again next time
            fresh.unlink(missing_ok=True)


def _verify(part: Path, archive: str, expected: str) -> None:
    if (actual := cache.sha256(part)) != expected:
        part.unlink()  # or the next run would append to wrong bytes
        what = f"wrong checksum, refused: SHA-256 is {actual}, the publisher's is {expected}"
        raise BerthError(archive, what, "run the same command again; if it stays, something alters your downloads")


def _extract(part: Path, archive: str, name: str, folder: Path) -> None:
    try:
        with (
            zipfile.ZipFile(part) as opened,
            opened.open(name) as source,
            (folder / name).open("wb") as target,
        ):
            shutil.copyfileobj(source, target)
    except KeyError as error:
        raise BerthError(archive, f"holds no program {name}", "report it to the publisher") from error
    except zipfile.BadZipFile as error:
        raise BerthError(archive, f"is damaged ({error})", "report it to the publisher") from error
