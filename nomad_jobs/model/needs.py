"""What a service needs of Vault, as its variables and files say."""

from nomad_jobs.model.credentials import Credentials, TransitKey
from nomad_jobs.model.file import Env, File
from nomad_jobs.model.secret import Secret


class VaultNeeds:
    """The part of a service that answers what it asks Vault for."""

    __slots__ = ()
    env: tuple[Env, ...]
    files: tuple[File, ...]
    transit: tuple[TransitKey, ...]

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """Every secret it reads, once each, in the order of first use."""
        return tuple(dict.fromkeys(ref.secret for one in self._holders for ref in one.refs))

    @property
    def followed_secrets(self) -> tuple[Secret, ...]:
        """The secrets whose new versions its task takes up while it runs."""
        return tuple(dict.fromkeys(secret for file in self.files if file.follows for secret in file.secrets))

    @property
    def pinned_secrets(self) -> tuple[Secret, ...]:
        """The secrets that its task reads once, when it begins."""
        once: tuple[Env | File, ...] = (*self.env, *(file for file in self.files if not file.follows))
        return tuple(dict.fromkeys(ref.secret for one in once for ref in one.refs))

    @property
    def credentials(self) -> tuple[Credentials, ...]:
        """All credentials that Vault makes for it, once each, in the order of first use."""
        return tuple(dict.fromkeys(found for one in self._holders for found in one.credentials))

    @property
    def asks_vault(self) -> bool:
        """Whether Vault gives it anything, with the job's own identity."""
        return bool(self.secrets or self.credentials or self.transit)

    @property
    def _holders(self) -> tuple[Env | File, ...]:
        return (*self.env, *self.files)
