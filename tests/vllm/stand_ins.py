"""Stand-ins for the NVIDIA libraries that PyPI's torch is linked to: it loads without them, and finds no GPU.

Every function that torch asks a missing library for is there, under the version it asks for, and returns 100
(CUDA's "no device"). Needs readelf and gcc, which every Debian build machine has.
"""

import re
import subprocess
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

_SYSTEM = re.compile(r"^(ld-linux|lib(c|m|dl|rt|pthread|gcc_s|stdc\+\+|gomp|util)[.-])")
# Which library has a name that carries no version, by the name's beginning; the longest beginning decides.
_BEGINNINGS = {
    "nccl": "libnccl.",
    "cudnn": "libcudnn.",
    "cupti": "libcupti.",
    "cuFile": "libcufile.",
    "cusparseLt": "libcusparseLt.",
    "nvshmem": "libnvshmem_host.",
    "cuda": "libcudart.",
    "__cuda": "libcudart.",
    "cublasLt": "libcublasLt.",
    "cublas": "libcublas.",
    "cusparse": "libcusparse.",
    "cufft": "libcufft.",
    "curand": "libcurand.",
    "cusolver": "libcusolver.",
    "nvrtc": "libnvrtc.",
    "cu": "libcuda.",
}

Symbols = dict[str, dict[str, set[str]]]
"""Names by library and version; the version is empty where the linker gave none."""


@dataclass(slots=True)
class Links:
    """What torch's own libraries ask others for."""

    own: set[str]
    libraries: set[str] = field(default_factory=set)
    defined: set[str] = field(default_factory=set)
    wanted: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Name to version and library, either of them empty where unknown."""


def make_stand_ins(site: Path) -> None:
    """Write the stand-ins beside torch's libraries in `site`, the environment's site-packages."""
    folder = site / "torch" / "lib"
    links = _links([*folder.glob("*.so*"), *(site / "torch").glob("_C*.so")])
    for library, versions in _shared_out(links).items():
        _compile(folder / library, versions)


def _links(objects: list[Path]) -> Links:
    links = Links(own={path.name for path in objects})
    for path in objects:
        needed = re.findall(r"NEEDED.*\[(.+?)\]", _readelf("-d", path))
        links.libraries |= {name for name in needed if name not in links.own and not _SYSTEM.match(name)}
        owners = dict(_owners(_readelf("-V", path)))
        for name, version, is_defined, is_weak in _symbols(_readelf("--dyn-syms", path)):
            if is_defined:
                links.defined.add(name)
            elif version or not is_weak:
                links.wanted[name] = version, owners.get(version, "")
    return links


def _owners(text: str) -> Iterator[tuple[str, str]]:
    """Yield each version that is asked for, and the library it is asked of."""
    library = ""
    for line in text.splitlines():
        if found := re.search(r"File: (\S+)", line):
            library = found[1]
        elif found := re.search(r"Name: (\S+)\s+Flags", line):
            yield found[1], library


def _symbols(text: str) -> Iterator[tuple[str, str, bool, bool]]:
    """Yield name, version, whether it is defined here, and whether it is weak."""
    for line in text.splitlines():
        match line.split():
            case [_, _, _, _, binding, _, index, symbol, *_] if index != "Ndx":
                name, _, version = symbol.partition("@")
                yield name, version.strip("@"), index != "UND", binding == "WEAK"


def _shared_out(links: Links) -> Symbols:
    found: Symbols = {library: defaultdict(set) for library in sorted(links.libraries)}
    for name, (version, library) in links.wanted.items():
        if version and library in found:
            found[library][version].add(name)
        elif not version and name not in links.defined and (guessed := _by_beginning(name, links)):
            found[guessed][""].add(name)
    return found


def _by_beginning(name: str, links: Links) -> str:
    for beginning in sorted(_BEGINNINGS, key=len, reverse=True):
        if name.startswith(beginning):
            return next((one for one in sorted(links.libraries) if one.startswith(_BEGINNINGS[beginning])), "")
    return ""


def _compile(library: Path, versions: dict[str, set[str]]) -> None:
    names = sorted(set().union(*versions.values()))
    code = "".join(f"long {name}(void) {{ return 100; }}\n" for name in names) or "int nothing;\n"
    script = "".join(
        f"{version} {{ global: {' '.join(f'{name};' for name in sorted(given))} }};\n"
        for version, given in versions.items()
        if version
    )
    with tempfile.TemporaryDirectory() as folder:
        source, exports = Path(folder, "library.c"), Path(folder, "library.map")
        source.write_text(code)
        exports.write_text(script)
        options = ["-shared", "-fPIC", "-O1", "-w", "-fno-builtin", f"-Wl,-soname,{library.name}"]
        options += [f"-Wl,--version-script,{exports}"] if script else []
        subprocess.run(["gcc", *options, "-o", str(library), str(source)], check=True)


def _readelf(option: str, path: Path) -> str:
    argv = ["readelf", "-W", option, str(path)]
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout
