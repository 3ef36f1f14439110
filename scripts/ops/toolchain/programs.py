"""The programs that Berth runs: which version, how Berth recognises it, and where it comes from."""

from collections.abc import Iterator
from dataclasses import dataclass

from nomad_jobs.errors import ConfigError


@dataclass(frozen=True, kw_only=True, slots=True)
class Release:
    """A publisher's archives, and the OpenPGP key that signs their checksums.

    `folder` and the file names may hold `{name}` (the program's file), `{version}`, `{os}` and `{arch}`.
    """

    folder: str
    fingerprint: str
    key_urls: tuple[str, ...]
    archive: str = "{name}_{version}_{os}_{arch}.zip"
    sums: str = "{name}_{version}_SHA256SUMS"
    signature: str = "{name}_{version}_SHA256SUMS.sig"


@dataclass(frozen=True, kw_only=True, slots=True)
class Program:
    """One program, under the name by which `berth tools` knows it.

    `command` is the name of its file, by default `name`. `version` is what Berth installs; on PATH anything from
    `floor` up to the next major version is good. `package` is the Go package, `module` the folder of
    `scripts/toolchain` that pins it, `tags` what Go is told to leave out, `needs_c` whether
    it also needs a C compiler, `version_variable` the Go variable that must
    be told the version. `scripts` are paths inside the Go module `scripts_module` of files that must lie beside the
    program. A program that cannot tell its version (`version_args` is empty) is taken from PATH only beside the
    program it `ships_with`. One that `is_on_demand` is installed only where something asks for it by name.
    """

    name: str
    version: str
    floor: str
    package: str
    module: str
    homepage: str
    version_args: tuple[str, ...] = ()
    version_variable: str = ""
    release: Release | None = None
    no_release: str = ""
    ships_with: str = ""
    scripts_module: str = ""
    scripts: tuple[str, ...] = ()
    command: str = ""
    tags: tuple[str, ...] = ()
    needs_c: bool = False
    is_on_demand: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "command", self.command or self.name)

    @property
    def label(self) -> str:
        """Name and version, for messages."""
        return f"{self.name} {self.version}"

    @property
    def companions(self) -> tuple[str, ...]:
        """File names that lie beside the program."""
        return tuple(path.rsplit("/", 1)[-1] for path in self.scripts)


# Pinned by fingerprint and fetched by it: a key is renewed (this one in April 2026), a frozen copy expires.
_HASHICORP_KEY = "C874011F0AB405110D02105534365D9472D7468F"
_HASHICORP = Release(
    folder="https://releases.hashicorp.com/{name}/{version}",
    fingerprint=_HASHICORP_KEY,
    key_urls=(
        "https://www.hashicorp.com/.well-known/pgp-key.txt",
        f"https://keys.openpgp.org/vks/v1/by-fingerprint/{_HASHICORP_KEY}",
        f"https://keyserver.ubuntu.com/pks/lookup?op=get&options=mr&search=0x{_HASHICORP_KEY}",
    ),
)
# Pulumi signs with Sigstore, so there is no key to pin; the Go checksum database covers its source.
_PULUMI_UNSIGNED = "its archives carry no OpenPGP signature, so Berth does not use them"
_PULUMI_VERSION = "github.com/pulumi/pulumi/sdk/v3/go/common/version.Version"

_VAULT = "github.com/hashicorp/vault"
_VAULT_VERSION = "1.21.1"
_VAULT_PLUGINS = {
    "vault-plugin-secrets-aws": "builtin/logical/aws/cmd/aws",
    "vault-plugin-secrets-consul": "builtin/logical/consul/cmd/consul",
    "vault-plugin-secrets-nomad": "builtin/logical/nomad/cmd/nomad",
    "vault-plugin-database-postgresql": "plugins/database/postgresql/postgresql-database-plugin",
}
"""What a minimal Vault lacks, and the package of Vault's own module that holds it."""


def _plugins() -> Iterator[Program]:
    for name, package in _VAULT_PLUGINS.items():
        yield Program(
            name=name,
            version=_VAULT_VERSION,
            floor=_VAULT_VERSION,
            package=f"{_VAULT}/{package}",
            module="vault",
            homepage="https://developer.hashicorp.com/vault/docs/plugins",
            no_release="it is published only as a part of Vault",
            is_on_demand=True,
        )


_ALL = (
    Program(
        name="nomad",
        version="1.11.1",
        floor="1.10.0",
        package="github.com/hashicorp/nomad",
        module="nomad",
        needs_c=True,
        homepage="https://developer.hashicorp.com/nomad/install",
        version_args=("version",),
        release=_HASHICORP,
    ),
    Program(
        name="consul",
        version="1.20.2",
        floor="1.20.0",
        package="github.com/hashicorp/consul",
        module="consul",
        homepage="https://developer.hashicorp.com/consul/install",
        version_args=("version",),
        release=_HASHICORP,
    ),
    Program(  # the laptop's: a release holds every engine, a build only those that few laptops lack
        name="vault-minimal",
        command="vault",
        version=_VAULT_VERSION,
        floor="1.19.0",
        package=_VAULT,
        module="vault",
        tags=("minimal",),
        homepage="https://developer.hashicorp.com/vault/install",
        version_args=("version",),
        release=_HASHICORP,
    ),
    Program(  # the cloud's, with every engine
        name="vault",
        version=_VAULT_VERSION,
        floor="1.19.0",
        package=_VAULT,
        module="vault",
        homepage="https://developer.hashicorp.com/vault/install",
        version_args=("version",),
        release=_HASHICORP,
    ),
    *_plugins(),
    Program(
        name="consul-template",
        version="0.41.1",
        floor="0.39.0",
        package="github.com/hashicorp/consul-template",
        module="consul-template",
        homepage="https://releases.hashicorp.com/consul-template",
        version_args=("-version",),
        release=_HASHICORP,
    ),
    Program(  # looks for secrets in the repository; no platform runs it
        name="gitleaks",
        version="8.30.1",
        floor="8.25.0",
        package="github.com/zricethezav/gitleaks/v8",
        module="gitleaks",
        homepage="https://github.com/gitleaks/gitleaks",
        version_args=("version",),
        version_variable="github.com/zricethezav/gitleaks/v8/version.Version",
        no_release="its releases carry no OpenPGP signature, so Berth does not use them",
        is_on_demand=True,
    ),
    Program(  # Nomad looks for the plugin under this very file name
        name="example-fs-device",
        version="1.11.1",
        floor="1.11.1",
        package="github.com/hashicorp/nomad/plugins/device/cmd/example/cmd",
        module="nomad",
        homepage="https://github.com/hashicorp/nomad/tree/v1.11.1/plugins/device/cmd/example",
        no_release="it is not published as a program",
    ),
    Program(
        name="pulumi",
        version="3.210.0",
        floor="3.210.0",
        package="github.com/pulumi/pulumi/pkg/v3/cmd/pulumi",
        module="pulumi",
        homepage="https://www.pulumi.com/docs/install",
        version_args=("version",),
        version_variable=_PULUMI_VERSION,
        no_release=_PULUMI_UNSIGNED,
    ),
    Program(
        name="pulumi-language-python",
        version="3.76.0",
        floor="3.76.0",
        package="github.com/pulumi/pulumi/sdk/v3/python/cmd/pulumi-language-python",
        module="pulumi-language-python",
        homepage="https://www.pulumi.com/docs/install",
        version_variable=_PULUMI_VERSION,
        no_release=_PULUMI_UNSIGNED,
        ships_with="pulumi",
        scripts_module="github.com/pulumi/pulumi/sdk/v3",
        scripts=(
            "python/cmd/pulumi-language-python-exec",
            "python/dist/pulumi-analyzer-policy-python",
        ),
    ),
)

LAPTOP = ("consul", "vault-minimal", "nomad", "example-fs-device")
"""What a laptop's platform runs, in the order of installing."""
PROGRAMS: dict[str, Program] = {program.name: program for program in _ALL}
ON_DEMAND = tuple(program.name for program in _ALL if program.is_on_demand)


def named(name: str) -> Program:
    """Return the program `name`.

    Raises:
        ConfigError: there is no such program; the message lists those that are.

    """
    if name not in PROGRAMS:
        raise ConfigError(name, "Berth knows no such program", "`berth tools list` shows them")
    return PROGRAMS[name]
