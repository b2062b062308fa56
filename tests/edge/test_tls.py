import ssl
import stat
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from softfall.edge.console_tokens import read_console_token
from softfall.edge.custodian_tokens import read_custodian_token
from softfall.edge.dealer_tokens import PARTIES, token_file
from softfall.edge.tls import (
    ROLES,
    TlsFiles,
    TlsFilesExist,
    TlsFilesUnusable,
    check_tls,
    client_context,
    init_tls,
    renew_tls,
)
from tests.edge.asking import NOW, fresh_tls


def certificate(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def test_every_key_is_pkcs8_and_only_its_owner_can_read_the_folder(tmp_path: Path) -> None:
    folder = fresh_tls(tmp_path / "tls")
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    made = {f"{role}.{end}" for role in ROLES for end in ("crt", "key")}
    tokens = {token_file(folder, party).name for party in PARTIES}
    tokens |= {f"{party}-provider.token" for party in ("console", "custodian", "keyholder")}
    assert {path.name for path in folder.iterdir()} == {"ca.crt", "ca.key", *made, *tokens}
    assert {"provider", "custodian", "enclave", "console"} <= set(ROLES)
    for path in folder.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    for path in folder.glob("*.key"):
        assert path.read_bytes().startswith(b"-----BEGIN PRIVATE KEY-----")
        load_pem_private_key(path.read_bytes(), None)


def test_only_who_must_call_others_may_be_a_client(tmp_path: Path) -> None:
    folder = fresh_tls(tmp_path)
    uses = {
        role: {
            use.dotted_string
            for use in certificate(folder / f"{role}.crt")
            .extensions.get_extension_for_class(x509.ExtendedKeyUsage)
            .value
        }
        for role in ROLES
    }
    client = x509.oid.ExtendedKeyUsageOID.CLIENT_AUTH.dotted_string
    clients = [role for role in ROLES if client in uses[role]]
    assert clients == ["provider", "custodian", "keyholder"]


def test_certificates_are_of_their_authority_and_end_before_it(tmp_path: Path) -> None:
    folder = fresh_tls(tmp_path)
    authority = certificate(folder / "ca.crt")
    for role in ROLES:
        mine = certificate(folder / f"{role}.crt")
        mine.verify_directly_issued_by(authority)
        assert mine.not_valid_after_utc < authority.not_valid_after_utc
        names = mine.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        assert [str(name.value) for name in names] == ["localhost", "127.0.0.1", "::1"]
        assert timedelta(days=390) < check_tls(TlsFiles.of(folder, role), NOW) - NOW


@pytest.mark.parametrize(
    "name", ["ca.key", "custodian.crt", "dealer-provider.token", "console.key"]
)
def test_nothing_that_exists_is_overwritten(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("mine")
    with pytest.raises(TlsFilesExist, match=name):
        init_tls(tmp_path, NOW)
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == "mine"


def test_renewing_keeps_the_authority_and_the_names(tmp_path: Path) -> None:
    init_tls(tmp_path, NOW - timedelta(days=500), ("chat.example", "10.1.2.3"))
    files = TlsFiles.of(tmp_path, "provider")
    with pytest.raises(TlsFilesUnusable, match="not valid at this time"):
        check_tls(files, NOW)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    renew_tls(tmp_path, NOW)
    after = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    tokens = {name for name in before if name.endswith(".token")}
    assert {name for name in before if before[name] == after[name]} == {"ca.crt", "ca.key", *tokens}
    assert before.keys() == after.keys()
    assert check_tls(files, NOW) > NOW
    names = certificate(files.certificate).extensions.get_extension_for_class(
        x509.SubjectAlternativeName
    )
    assert [str(name.value) for name in names.value] == ["chat.example", "10.1.2.3"]


def test_renewing_gives_an_older_installation_what_it_lacks(tmp_path: Path) -> None:
    init_tls(tmp_path, NOW, ("chat.example",))
    for name in (
        "console.crt",
        "console.key",
        "console-provider.token",
        "custodian-provider.token",
        "keyholder-provider.token",
    ):
        (tmp_path / name).unlink()
    renew_tls(tmp_path, NOW)
    names = certificate(tmp_path / "console.crt").extensions.get_extension_for_class(
        x509.SubjectAlternativeName
    )
    assert [str(name.value) for name in names.value] == ["chat.example"]
    assert check_tls(TlsFiles.of(tmp_path, "console"), NOW) > NOW
    assert len(read_console_token(tmp_path)) == 43
    assert len(read_custodian_token(tmp_path)) == 43


def test_a_key_of_another_certificate_is_refused(tmp_path: Path) -> None:
    one, other = fresh_tls(tmp_path / "one"), fresh_tls(tmp_path / "other")
    (one / "provider.key").write_bytes((other / "provider.key").read_bytes())
    with pytest.raises(TlsFilesUnusable):
        check_tls(TlsFiles.of(one, "provider"), NOW)
    with pytest.raises(TlsFilesUnusable):
        client_context(one, "provider")


def test_missing_files_are_named_as_such(tmp_path: Path) -> None:
    for attempt in (
        lambda: client_context(tmp_path),
        lambda: check_tls(TlsFiles.of(tmp_path, "provider"), NOW),
        lambda: renew_tls(tmp_path, NOW),
    ):
        with pytest.raises(TlsFilesUnusable):
            attempt()


def test_a_client_trusts_this_authority_alone_and_speaks_tls_1_3(tmp_path: Path) -> None:
    context = client_context(fresh_tls(tmp_path), "provider")
    assert [found["subject"] for found in context.get_ca_certs()] == [
        ((("commonName", "Softfall local authority"),),)
    ]
    assert context.minimum_version is ssl.TLSVersion.TLSv1_3
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
