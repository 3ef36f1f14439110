"""A certificate that clients or NGINX would refuse is refused before anybody has it; nothing of its key is said."""

import datetime as dt

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from scripts.ops.secrets.certificates import covers, faults

NOW = dt.datetime(2030, 1, 1, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)
HOSTS = ["chat.example.com", "llama.example.com"]


class Made:
    """A certificate and its key, signed by `issuer` or by itself."""

    def __init__(
        self,
        name: str,
        hosts: list[str],
        issuer: "Made | None" = None,
        *,
        begins: dt.datetime = NOW - DAY,
        ends: dt.datetime = NOW + 90 * DAY,
    ) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        builder = (
            x509.CertificateBuilder()
            .subject_name(self.subject)
            .issuer_name(issuer.subject if issuer else self.subject)
            .public_key(self.key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(begins)
            .not_valid_after(ends)
        )
        if hosts:
            names = x509.SubjectAlternativeName([x509.DNSName(host) for host in hosts])
            builder = builder.add_extension(names, critical=False)
        self.made = builder.sign(issuer.key if issuer else self.key, hashes.SHA256())

    @property
    def pem(self) -> str:
        return self.made.public_bytes(serialization.Encoding.PEM).decode()

    def key_pem(self, password: bytes = b"") -> str:
        how = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
        return self.key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, how).decode()


CA = Made("authority", [])
GOOD = Made("good", HOSTS, CA)
OTHER = Made("other", HOSTS, CA)


def said(certificate: str, private_key: str) -> list[str]:
    return list(faults(certificate, private_key, HOSTS, NOW))


def test_a_good_chain_and_its_key_have_no_fault() -> None:
    assert said(GOOD.pem + CA.pem, GOOD.key_pem()) == []
    assert said(GOOD.pem, GOOD.key_pem()) == []


@pytest.mark.parametrize(
    ("certificate", "key", "wanted"),
    [
        ("nothing", GOOD.key_pem(), "certificate: holds no PEM certificate"),
        (GOOD.pem, "nothing", "private_key: holds no PEM key that NGINX could read"),
        (GOOD.pem, GOOD.key_pem(b"x"), "private_key: is encrypted, and a node has no password for it"),
        (GOOD.pem, OTHER.key_pem(), "private_key: belongs to another certificate than that of CN=good"),
        (GOOD.pem + Made("stranger", []).pem, GOOD.key_pem(), "certificate: that of CN=good is not signed by the one"),
    ],
    ids=["no certificate", "no key", "encrypted", "another's key", "stranger"],
)
def test_each_fault_is_named(certificate: str, key: str, wanted: str) -> None:
    (found,) = said(certificate, key)
    assert found.startswith(wanted)


def test_the_order_of_a_chain_is_checked() -> None:
    found = said(CA.pem + GOOD.pem, GOOD.key_pem())
    assert "certificate: that of CN=good, to which the key belongs, must come first" in found


def test_what_expired_or_is_not_valid_yet_is_named_also_in_the_middle_of_the_chain() -> None:
    old = Made("old", HOSTS, CA, begins=NOW - 9 * DAY, ends=NOW - DAY)
    assert said(old.pem, old.key_pem()) == ["certificate: that of CN=old expired on 2029-12-31"]
    young = Made("young", HOSTS, CA, begins=NOW + DAY)
    assert said(young.pem, young.key_pem()) == ["certificate: that of CN=young is valid from 2030-01-02 on"]
    old_ca = Made("old authority", [], begins=NOW - 9 * DAY, ends=NOW)
    leaf = Made("leaf", HOSTS, old_ca)
    assert said(leaf.pem + old_ca.pem, leaf.key_pem()) == [
        "certificate: that of CN=old authority expired on 2030-01-01"
    ]


def test_hosts_that_it_does_not_cover_are_named() -> None:
    one = Made("one", HOSTS[:1], CA)
    assert said(one.pem, one.key_pem()) == ["certificate: does not cover llama.example.com"]
    none = Made("chat.example.com", [], CA)
    assert said(none.pem, none.key_pem()) == ["certificate: does not cover chat.example.com, llama.example.com"]


@pytest.mark.parametrize(
    ("host", "is_covered"),
    [("a.example.com", True), ("example.com", False), ("a.b.example.com", False), ("a.localhost", False)],
)
def test_a_wildcard_stands_for_one_label_and_never_for_one_below_the_top(host: str, *, is_covered: bool) -> None:
    assert covers(Made("wild", ["*.example.com", "*.localhost"]).made, host) is is_covered


def test_no_fault_shows_anything_of_a_key() -> None:
    lines = [line for line in OTHER.key_pem().splitlines() if "-" not in line]
    shown = " ".join([*said(GOOD.pem, OTHER.key_pem()), *said("x", lines[0]), *said(GOOD.pem, lines[0])])
    assert not any(line in shown for line in lines)
