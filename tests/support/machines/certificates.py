"""An authority that stands in for those that certify AWS."""

import subprocess
from pathlib import Path


class Authority:
    """Keys and certificates below a folder."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self._folder = folder
        self.certificate_file = folder / "ca.pem"
        self._key = folder / "ca.key"
        _key(self._key)
        _openssl(
            *(
                "req",
                "-x509",
                "-new",
                "-key",
                str(self._key),
                "-days",
                "2",
                "-subj",
                "/CN=Stand-in for AWS's authorities",
            ),
            *("-out", str(self.certificate_file)),
        )

    def issue(self, names: list[str], address: str) -> tuple[Path, Path]:
        """Certify names and an address."""
        key, request, cert, extensions = (self._folder / f"leaf.{kind}" for kind in ("key", "csr", "pem", "ext"))
        _key(key)
        extensions.write_text(f"subjectAltName={','.join([*(f'DNS:{name}' for name in names), f'IP:{address}'])}\n")
        _openssl("req", "-new", "-key", str(key), "-subj", "/CN=AWS", "-out", str(request))
        _openssl(
            *("x509", "-req", "-in", str(request), "-CA", str(self.certificate_file), "-CAkey", str(self._key)),
            *("-CAcreateserial", "-days", "2", "-extfile", str(extensions), "-out", str(cert)),
        )
        return cert, key


def _key(path: Path) -> None:
    _openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", str(path))


def _openssl(*argv: str) -> None:
    subprocess.run(("/usr/bin/openssl", *argv), check=True, capture_output=True)
