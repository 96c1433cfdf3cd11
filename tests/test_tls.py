from __future__ import annotations

import ipaddress
import socket
import ssl
import tempfile
import threading
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from realtime.config import Config
from realtime.errors import ServeError
from realtime.serving.tls import Tls, from_files, make_tls, self_signed
from tests.certificates import authority, signed, write_pair


def shown(tls: Tls, client: ssl.SSLContext, name: str) -> bytes:
    """The certificate that a client gets, who asks for `name`; DER."""
    ours, theirs = socket.socketpair()
    ended: list[BaseException] = []

    def serve() -> None:
        try:
            with tls.context.wrap_socket(ours, server_side=True) as inside:
                inside.recv(1)
        except (OSError, ssl.SSLError) as error:
            ended.append(error)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        with client.wrap_socket(theirs, server_hostname=name) as outside:
            found = outside.getpeercert(binary_form=True)
            assert outside.version() in ("TLSv1.2", "TLSv1.3")
            assert found is not None
            return found
    finally:
        theirs.close()
        ours.close()
        thread.join(5)


def test_a_certificate_of_its_own_holds_the_names_and_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    tls = self_signed(["cam.lan", "192.168.1.4", "::1"])
    assert tls.self_signed
    assert list(tmp_path.iterdir()) == []
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    certificate = x509.load_der_x509_certificate(shown(tls, client, "cam.lan"))
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["cam.lan"]
    assert names.get_values_for_type(x509.IPAddress) == [
        ipaddress.ip_address("192.168.1.4"),
        ipaddress.ip_address("::1"),
    ]
    assert certificate.fingerprint(hashes.SHA256()).hex(":").upper() == tls.fingerprint
    assert isinstance(certificate.public_key(), ec.EllipticCurvePublicKey)


def test_its_key_is_another_one_each_time() -> None:
    assert self_signed(["a.lan"]).fingerprint != self_signed(["a.lan"]).fingerprint


@pytest.mark.parametrize("name", ["cam.lan", "192.168.1.4"])
def test_a_client_that_trusts_the_certificate_finds_the_name_in_it(name: str) -> None:
    tls = self_signed(["cam.lan", "192.168.1.4"])
    plain = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    plain.check_hostname, plain.verify_mode = False, ssl.CERT_NONE
    trusting = ssl.create_default_context(cadata=ssl.DER_cert_to_PEM_cert(shown(tls, plain, name)))
    shown(tls, trusting, name)
    with pytest.raises(ssl.SSLCertVerificationError):
        shown(tls, trusting, "other.lan")


def test_files_are_used_and_one_signed_by_an_authority_is_told_apart(tmp_path: Path) -> None:
    certificate, key = write_pair(tmp_path, *signed("cam.lan", *authority()))
    assert not from_files(certificate, key).self_signed
    certificate, key = write_pair(tmp_path, *authority())
    assert from_files(certificate, key).self_signed


def test_files_that_do_not_fit_are_one_clear_line(tmp_path: Path) -> None:
    certificate, key = write_pair(tmp_path, *authority())
    other = tmp_path / "other"
    other.mkdir()
    _, foreign_key = write_pair(other, *authority())
    nonsense = tmp_path / "nonsense.pem"
    nonsense.write_text("nonsense")
    locked = tmp_path / "locked.pem"
    locked.write_bytes(
        ec.generate_private_key(ec.SECP256R1()).private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"password"),
        )
    )
    for pair, words in (
        ((nonsense, key), "tls-cert .*expected a PEM certificate"),
        ((tmp_path / "absent.pem", key), "tls-cert .*No such file"),
        ((certificate, nonsense), "tls-key .*expected the certificate's own private key"),
        ((certificate, foreign_key), "tls-key .*expected the certificate's own private key"),
        ((certificate, tmp_path / "absent.pem"), "tls-key .*No such file"),
        ((certificate, locked), "tls-key .*without a password"),
    ):
        with pytest.raises(ServeError, match=words) as caught:
            from_files(*pair)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"tls_cert": "x.pem"}, "expected --tls-cert and --tls-key together"),
        ({"tls_key": "x.pem"}, "expected --tls-cert and --tls-key together"),
        ({"tls": "auto", "tls_cert": "x.pem", "tls_key": "y.pem"}, "got both"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(settings: dict[str, str], words: str) -> None:
    with pytest.raises(ServeError, match=words):
        make_tls(Config(**settings), [])  # type: ignore[arg-type]


def test_no_setting_means_plain_http() -> None:
    assert make_tls(Config(), ["localhost"]) is None
