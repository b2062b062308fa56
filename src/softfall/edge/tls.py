"""Certificates for the services of one installation: a small authority of its own, and who is who.

Guarantees: TLS 1.3 only; private keys are PKCS#8 files that their owner alone can read (0600);
nothing that exists is overwritten. The provider's certificate serves devices and introduces the
provider to the others, the custodian's and the keyholder's introduce them to the dealer (server
and client authentication); the others' serve only, so they can't be used to call a custodian. The
tokens that tell the dealer its parties apart, and console, custodian and keyholder their provider,
are made along with them.
Leaves to the operator: keeping ca.key offline once the certificates are made, and giving each
service only its own two files, its own token and ca.crt.
Source: X.509 profile, RFC 5280.
"""

import ipaddress
import os
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from softfall.edge.console_tokens import console_token_file, make_console_token
from softfall.edge.custodian_tokens import custodian_token_file, make_custodian_token
from softfall.edge.dealer_tokens import PARTIES, make_missing_tokens, make_tokens, token_file
from softfall.edge.keyholder_tokens import keyholder_token_file, make_keyholder_token
from softfall.errors import OperatorError

AUTHORITY_DAYS = 3650
SERVICE_DAYS = 397  # what browsers accept at most
LOCAL_HOSTS = ("localhost", "127.0.0.1", "::1")

_SERVER = ExtendedKeyUsageOID.SERVER_AUTH
_CLIENT = ExtendedKeyUsageOID.CLIENT_AUTH
ROLES: Mapping[str, tuple[x509.ObjectIdentifier, ...]] = {
    "provider": (_SERVER, _CLIENT),
    "custodian": (_SERVER, _CLIENT),
    "dealer": (_SERVER,),
    "enclave": (_SERVER,),
    "console": (_SERVER,),
    "keyholder": (_SERVER, _CLIENT),
}
_LATER_ROLES = frozenset({"console", "keyholder"})  # an older installation lacks their files


class TlsFilesExist(OperatorError):
    """There are keys in this folder already."""

    remedy = "Choose an empty folder, or run `softfall keys renew` to renew the certificates."


class TlsFilesUnusable(OperatorError):
    """A key or certificate is missing, unreadable, expired or not a pair."""

    remedy = "Run `softfall keys init`, or `softfall keys renew` if the certificate has expired."


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """Where one service's files lie."""

    certificate: Path
    key: Path
    authority: Path

    @classmethod
    def of(cls, tls_dir: Path, role: str) -> "TlsFiles":
        """The files of `role` (one of `ROLES`) in `tls_dir`."""
        return cls(tls_dir / f"{role}.crt", tls_dir / f"{role}.key", tls_dir / "ca.crt")


def init_tls(
    tls_dir: Path, now: datetime | None = None, hosts: Sequence[str] = LOCAL_HOSTS
) -> None:
    """Make the authority, the certificates of all services, the dealer's tokens and the console's.

    now: an aware datetime, this moment unless given. hosts: names and addresses under which the
    services are reached.
    Raises TlsFilesExist before anything is written.
    """
    names = ["ca.crt", "ca.key", *(f"{role}.{end}" for role in ROLES for end in ("crt", "key"))]
    names += [token_file(tls_dir, party).name for party in PARTIES]
    names += [console_token_file(tls_dir).name, custodian_token_file(tls_dir).name]
    names.append(keyholder_token_file(tls_dir).name)
    present = [name for name in names if (tls_dir / name).exists()]
    if present:
        raise TlsFilesExist(f"{tls_dir} holds {present[0]} already")
    tls_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    now = now or datetime.now(UTC)
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = _authority(key, now)
    _write_new(tls_dir / "ca.key", _pem(key))
    _write_new(tls_dir / "ca.crt", certificate.public_bytes(Encoding.PEM))
    for role in ROLES:
        _issue(tls_dir, role, key, certificate, now, hosts)
    make_tokens(tls_dir)
    make_console_token(tls_dir)
    make_custodian_token(tls_dir)
    make_keyholder_token(tls_dir)


def renew_tls(tls_dir: Path, now: datetime) -> None:
    """Replace the services' keys and certificates; the authority stays, so devices notice nothing.

    Each keeps its names. Each file is replaced whole. What an installation from before a service
    lacks is made: the service's certificate, with the provider's names, and its token.
    Raises TlsFilesUnusable where ca.key, ca.crt or a certificate can't be read.
    """
    try:
        key = load_pem_private_key((tls_dir / "ca.key").read_bytes(), None)
        certificate = x509.load_pem_x509_certificate((tls_dir / "ca.crt").read_bytes())
        hosts = {role: _hosts_of(_named_by(tls_dir, role)) for role in ROLES}
    except (OSError, ValueError, TypeError, x509.ExtensionNotFound):
        raise TlsFilesUnusable(
            f"the authority or a certificate in {tls_dir} can't be read"
        ) from None
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise TlsFilesUnusable(f"ca.key in {tls_dir} is not one that Softfall made")
    for role in ROLES:
        _issue(tls_dir, role, key, certificate, now, hosts[role])
    make_missing_tokens(tls_dir)
    if not console_token_file(tls_dir).exists():
        make_console_token(tls_dir)
    if not custodian_token_file(tls_dir).exists():
        make_custodian_token(tls_dir)
    if not keyholder_token_file(tls_dir).exists():
        make_keyholder_token(tls_dir)


def client_context(tls_dir: Path, role: str | None = None) -> ssl.SSLContext:
    """For calling a service: trusts ca.crt alone, and presents `role`'s certificate if given.

    Raises TlsFilesUnusable.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    try:
        context.load_verify_locations(tls_dir / "ca.crt")
        if role is not None:
            files = TlsFiles.of(tls_dir, role)
            context.load_cert_chain(files.certificate, files.key)
    except (OSError, ssl.SSLError):
        raise TlsFilesUnusable(f"the TLS files in {tls_dir} can't be used") from None
    return context


def check_tls(files: TlsFiles, now: datetime) -> datetime:
    """When the certificate ends. Raises TlsFilesUnusable if it can't be served now."""
    try:
        certificate = x509.load_pem_x509_certificate(files.certificate.read_bytes())
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(files.certificate, files.key)
        context.load_verify_locations(files.authority)
    except (OSError, ssl.SSLError, ValueError):
        raise TlsFilesUnusable(f"{files.certificate}, its key or ca.crt can't be used") from None
    if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
        raise TlsFilesUnusable(f"{files.certificate} is not valid at this time")
    return certificate.not_valid_after_utc


def _authority(key: ec.EllipticCurvePrivateKey, now: datetime) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Softfall local authority")])
    usage = x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
    return (
        _builder(name, name, key.public_key(), now, AUTHORITY_DAYS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )


def _issue(
    tls_dir: Path,
    role: str,
    authority_key: ec.EllipticCurvePrivateKey,
    authority: x509.Certificate,
    now: datetime,
    hosts: Sequence[str],
) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"Softfall {role}")])
    of_authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key())
    of_key = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    certificate = (
        _builder(subject, authority.subject, key.public_key(), now, SERVICE_DAYS)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage(ROLES[role]), critical=False)
        .add_extension(x509.SubjectAlternativeName([_host(host) for host in hosts]), critical=False)
        .add_extension(of_key, critical=False)
        .add_extension(of_authority, critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    files = TlsFiles.of(tls_dir, role)
    for path, content in (
        (files.key, _pem(key)),
        (files.certificate, certificate.public_bytes(Encoding.PEM)),
    ):
        fresh = path.with_name(path.name + ".new")
        fresh.unlink(missing_ok=True)
        _write_new(fresh, content)
        fresh.replace(path)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime, days: int
) -> x509.CertificateBuilder:
    start = now.astimezone(UTC) - timedelta(minutes=5)  # clocks differ a little
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=days))
    )


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _named_by(tls_dir: Path, role: str) -> Path:
    """The certificate whose names `role` keeps."""
    own = TlsFiles.of(tls_dir, role).certificate
    is_new = role in _LATER_ROLES and not own.exists()
    return TlsFiles.of(tls_dir, "provider").certificate if is_new else own


def _hosts_of(certificate: Path) -> list[str]:
    names = x509.load_pem_x509_certificate(certificate.read_bytes()).extensions
    return [
        str(name.value) for name in names.get_extension_for_class(x509.SubjectAlternativeName).value
    ]


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _write_new(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
