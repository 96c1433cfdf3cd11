"""TLS of the server: a certificate from files, or one of its own making."""

from __future__ import annotations

import datetime
import ipaddress
import os
import secrets
import ssl
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from realtime.config import Config
from realtime.errors import ServeError

LIFETIME = datetime.timedelta(days=397)
# Clocks of other machines may lag.
BACKDATED = datetime.timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Tls:
    """What the server listens with.

    Attributes:
        context: for the listening socket.
        fingerprint: SHA-256 of the certificate, as browsers show it.
        self_signed: no authority vouches for it; a browser asks before it goes on.
    """

    context: ssl.SSLContext
    fingerprint: str
    self_signed: bool


def make_tls(config: Config, names: Iterable[str]) -> Tls | None:
    """The TLS that the settings ask for, None for plain http.

    Args:
        config: the settings.
        names: host names and IP addresses that a certificate of our own is to hold.

    Raises:
        ServeError: the certificate or key cannot be used, or settings contradict each other.
    """
    if bool(config.tls_cert) != bool(config.tls_key):
        raise ServeError("tls: expected --tls-cert and --tls-key together, got one of them")
    if config.tls_cert:
        if config.tls == "auto":
            raise ServeError("tls: expected either --tls auto or --tls-cert and --tls-key, got both")
        return from_files(Path(config.tls_cert), Path(config.tls_key))
    return self_signed(names) if config.tls == "auto" else None


def from_files(certificate: Path, key: Path) -> Tls:
    """TLS with a certificate chain and its key, both PEM.

    Raises:
        ServeError: a file cannot be read, is not PEM, wants a password, or the two do not belong together.
    """
    try:
        leaf = x509.load_pem_x509_certificate(certificate.read_bytes())
    except (OSError, ValueError) as error:
        raise ServeError(f"tls-cert {certificate}: expected a PEM certificate, got: {_line(error)}") from None
    context = _context()
    try:
        # a password would be asked for on the terminal
        context.load_cert_chain(certificate, key, password=lambda: b"")
    except (OSError, ValueError, ssl.SSLError) as error:
        raise ServeError(
            f"tls-key {key}: expected the certificate's own private key, without a password, "
            f"got: {_line(error)}"
        ) from None
    return Tls(context, _fingerprint(leaf), leaf.issuer == leaf.subject)


def self_signed(names: Iterable[str]) -> Tls:
    """TLS with a new certificate for `names`, whose key never leaves the memory readably."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "IFDD Live")])
    now = datetime.datetime.now(datetime.timezone.utc)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATED)
        .not_valid_after(now + LIFETIME)
        .add_extension(x509.SubjectAlternativeName([_general(each) for each in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )
    # ssl reads keys from files only: this one is its owner's alone, encrypted, and gone at once
    password = secrets.token_bytes(32)
    pem = certificate.public_bytes(serialization.Encoding.PEM) + key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(password),
    )
    context = _context()
    handle, path = tempfile.mkstemp(prefix="ifdd-live-", suffix=".pem")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(pem)
        context.load_cert_chain(path, password=password)
    finally:
        os.unlink(path)
    return Tls(context, _fingerprint(certificate), True)


def _context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    return context


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name.encode("idna").decode())


def _fingerprint(certificate: x509.Certificate) -> str:
    return certificate.fingerprint(hashes.SHA256()).hex(":").upper()


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
