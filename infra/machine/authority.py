"""The stack's certificate authority: made by the first server, kept in Parameter Store, used by servers only.

Servers issue their own certificates, so that Vault can serve before anything else does. Nodes get theirs from Vault,
which holds the same authority and issues no certificate with a server's name.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from infra.holdings import names
from infra.machine.aws import Parameters
from infra.machine.facts import Facts
from infra.machine.fault import Fault
from infra.machine.system import folder, run, write

TLS = Path(names.TLS_FOLDER)
CA = Path(names.CA_FILE)
CERT = Path(names.SERVER_CERTIFICATE)
KEY = Path(names.SERVER_KEY)
CERTIFIED = "berth"
"""Group that may read the machine's key."""
LEAF_DAYS = 3
_CA_DAYS = 3650
_CA_PARAMETER = "agent/authority"
"""The CA certificate, for every machine."""
_AUTHORITY_PARAMETER = "server/authority"
"""Certificate and key, for servers only."""
_RUN = "/run"
"""In memory: the authority's key never touches a disk."""


def install_ca(parameters: Parameters) -> None:
    """Install the stack's CA certificate.

    Raises:
        Fault: there is no authority yet: the first server makes it.

    """
    certificate = parameters.get(_CA_PARAMETER)
    if certificate is None:
        raise Fault("no certificate authority yet: the first server makes it")
    folder(TLS, 0o750, group=CERTIFIED)
    write(CA, certificate)


def certify(facts: Facts, address: str, parameters: Parameters) -> bool:
    """Issue this server a certificate for three days, with all names that agents use; return whether it is new."""
    secret = _secret(facts, parameters)
    folder(TLS, 0o750, group=CERTIFIED)
    write(CA, _certificate_of(secret))
    if CERT.exists() and _is_fresh():
        return False
    with tempfile.TemporaryDirectory(dir=_RUN) as aside:
        authority = Path(aside) / "authority.pem"
        request = Path(aside) / "request.pem"
        extensions = Path(aside) / "extensions"
        key, cert = Path(aside) / "key.pem", Path(aside) / "cert.pem"
        authority.write_text(secret)
        extensions.write_text(_extensions(facts, address))
        _new_key(key)
        name = f"/CN=server.{facts.region}.nomad"
        run("openssl", "req", "-new", "-key", str(key), "-subj", name, "-out", str(request))
        run(
            *("openssl", "x509", "-req", "-in", str(request), "-CA", str(authority), "-CAkey", str(authority)),
            *("-days", str(LEAF_DAYS), "-sha256", "-extfile", str(extensions), "-out", str(cert)),
        )
        # All three agents read it, each as its own user.
        write(KEY, key.read_bytes(), 0o640, group=CERTIFIED)
        return write(CERT, cert.read_bytes() + CA.read_bytes())


def bundle(facts: Facts, parameters: Parameters) -> str:
    """Give the authority itself, key and certificate, for Vault to hold."""
    return _secret(facts, parameters)


def _secret(facts: Facts, parameters: Parameters) -> str:
    """Read the authority, or make it: if servers try at once, one of them writes it and all read what it wrote."""
    secret = parameters.get(_AUTHORITY_PARAMETER)
    if secret is None:
        parameters.put(_AUTHORITY_PARAMETER, _new_authority(facts), is_secret=True)
        secret = parameters.get(_AUTHORITY_PARAMETER)
    if secret is None:
        raise Fault("the certificate authority was written, but cannot be read yet")
    parameters.put(_CA_PARAMETER, _certificate_of(secret), is_secret=False)
    return secret


def _new_authority(facts: Facts) -> str:
    with tempfile.TemporaryDirectory(dir=_RUN) as aside:
        key, cert = Path(aside) / "key.pem", Path(aside) / "cert.pem"
        _new_key(key)
        run(
            *("openssl", "req", "-x509", "-new", "-key", str(key), "-days", str(_CA_DAYS), "-sha256"),
            *("-subj", f"/CN=Berth {facts.stack} authority", "-out", str(cert)),
            *("-addext", "basicConstraints=critical,CA:TRUE,pathlen:0"),
            *("-addext", "keyUsage=critical,keyCertSign,cRLSign"),
        )
        return key.read_text() + cert.read_text()


def _new_key(path: Path) -> None:
    path.touch(0o600)
    run("openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", str(path))


def _extensions(facts: Facts, address: str) -> str:
    """Name the roles that Nomad and Consul look for, the servers' DNS names, and this machine."""
    names = [
        f"server.{facts.region}.nomad",
        f"server.{facts.region}.consul",
        *(f"{program}.{facts.zone}" for program in ("nomad", "consul", "vault")),
        "localhost",
    ]
    alternatives = [*(f"DNS:{name}" for name in names), "IP:127.0.0.1", f"IP:{address}"]
    return (
        "basicConstraints=critical,CA:FALSE\n"
        "keyUsage=critical,digitalSignature\n"
        "extendedKeyUsage=serverAuth,clientAuth\n"
        f"subjectAltName={','.join(alternatives)}\n"
    )


def _certificate_of(secret: str) -> str:
    return secret[secret.index("-----BEGIN CERTIFICATE-----") :]


def _is_fresh() -> bool:
    """Whether the certificate is valid for two more days, so that a missed day of renewals does no harm."""
    try:
        run("openssl", "x509", "-in", str(CERT), "-noout", "-checkend", str(2 * 24 * 3600))
        run("openssl", "verify", "-CAfile", str(CA), str(CERT))
    except Fault:
        return False
    return True
