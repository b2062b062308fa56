"""The software attester: its documents verify like a hypervisor's, and say that they are none."""

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from softfall.crypto import hpke
from softfall.enclave import attester
from softfall.enclave.attester import (
    AttesterExists,
    AttesterUnusable,
    Claim,
    SoftwareAttester,
)
from softfall.enclave.measure import measure
from softfall.options.enclave import wire
from softfall.options.enclave.attestation import NITRO, Evidence, verify
from softfall.options.enclave.binding import key_digest, signer_digest
from softfall.options.enclave.chain import WrongRoot
from softfall.options.enclave.documents import SOFTWARE_MARK, parse
from softfall.options.enclave.parameters import EnclaveParameters, Measurement
from softfall.options.enclave.refusals import PcrNotAllowed
from tests.enclave.allowing import SIGNER, parameters, root_digest

NOW = datetime(2031, 3, 4, 5, 6, tzinfo=UTC)
NOW_MS = int(NOW.timestamp() * 1000)
KEY = hpke.public_of(bytes(range(96)))
NONCE = bytes(32)


def attested(folder: Path, now_ms: int = NOW_MS, root: bytes | None = None):
    made = SoftwareAttester.load(folder, measure(SIGNER), NOW)
    document = made.attest(Claim(key_digest(KEY), signer_digest(SIGNER), NONCE), now_ms)
    body = wire.ATTESTATION.encode(
        {
            "version": wire.VERSION,
            "technology": NITRO,
            "document": document,
            "public_key": KEY,
            "collateral": b"",
        }
    )
    allowed = parameters(folder)
    if root is not None:
        allowed = EnclaveParameters(SIGNER, (root,), allowed.measurements)
    return verify(Evidence(body, NONCE, now_ms), allowed, now_ms)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    attester.create(tmp_path / "attester", NOW)
    return tmp_path / "attester"


def test_its_documents_verify_and_are_marked_as_software(folder: Path) -> None:
    found = attested(folder)
    assert found.software
    assert "SOFTWARE" in found.label
    assert found.public_key == KEY
    assert found.registers["PCR0"] == measure(SIGNER)[0].hex()


def test_every_certificate_and_document_says_software_in_so_many_words(folder: Path) -> None:
    made = SoftwareAttester.load(folder, measure(SIGNER), NOW)
    document = parse(made.attest(Claim(b"k", None, None), NOW_MS)).document
    assert "SOFTWARE" in document.module_id
    for der in (*document.cabundle, document.certificate):
        subject = x509.load_der_x509_certificate(der).subject.rfc4514_string()
        assert SOFTWARE_MARK in subject
        assert "SOFTWARE" in subject.upper()


def test_the_signing_key_is_never_on_disk_and_lives_three_hours(folder: Path) -> None:
    made = SoftwareAttester.load(folder, measure(SIGNER), NOW)
    claim = Claim(b"k", None, None)
    bodies = [made.attest(claim, NOW_MS + hours * 3_600_000) for hours in (0, 1, 2)]
    leaves = [x509.load_der_x509_certificate(parse(b).document.certificate) for b in bodies]
    assert leaves[0].serial_number == leaves[1].serial_number
    assert leaves[0].serial_number != leaves[2].serial_number
    for leaf in leaves:
        assert leaf.not_valid_after_utc - leaf.not_valid_before_utc < timedelta(hours=3.2)
        pem = leaf.public_bytes(Encoding.PEM)
        assert all(pem not in path.read_bytes() for path in folder.iterdir())
    assert {path.name for path in folder.iterdir()} == set(attester.FILES)


def test_another_root_of_the_same_name_is_not_this_one(folder: Path, tmp_path: Path) -> None:
    attester.create(tmp_path / "other", NOW)
    with pytest.raises(WrongRoot):
        attested(folder, root=root_digest(tmp_path / "other"))


def test_renewing_keeps_the_root_so_that_nobody_need_allow_it_anew(folder: Path) -> None:
    root = root_digest(folder)
    before = (folder / attester.CERTIFICATE).read_bytes()
    attester.renew(folder, NOW)
    assert (folder / attester.CERTIFICATE).read_bytes() != before
    assert root_digest(folder) == root
    assert attested(folder).software


def test_the_service_needs_no_root_key_and_others_can_read_no_key(folder: Path) -> None:
    for name in (attester.ROOT_KEY, attester.KEY):
        assert stat.S_IMODE((folder / name).stat().st_mode) == 0o600
    (folder / attester.ROOT_KEY).unlink()
    assert attested(folder).software


def test_what_exists_is_not_overwritten(folder: Path) -> None:
    before = {path: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(AttesterExists):
        attester.create(folder, NOW)
    assert {path: path.read_bytes() for path in folder.iterdir()} == before


@pytest.mark.parametrize("name", [attester.ROOT_CERTIFICATE, attester.CERTIFICATE, attester.KEY])
@pytest.mark.parametrize("content", [None, b"junk"])
def test_missing_and_damaged_files_are_named(
    folder: Path, name: str, content: bytes | None
) -> None:
    (folder / name).unlink()
    if content is not None:
        (folder / name).write_bytes(content)
    with pytest.raises(AttesterUnusable, match=name):
        SoftwareAttester.load(folder, measure(SIGNER), NOW)


def test_a_pair_that_is_none_and_an_expired_certificate_are_named(
    folder: Path, tmp_path: Path
) -> None:
    with pytest.raises(AttesterUnusable, match="not valid at this time"):
        SoftwareAttester.load(folder, measure(SIGNER), NOW + timedelta(days=400))
    attester.create(tmp_path / "other", NOW)
    (folder / attester.KEY).write_bytes((tmp_path / "other" / attester.KEY).read_bytes())
    with pytest.raises(AttesterUnusable, match="not a pair"):
        SoftwareAttester.load(folder, measure(SIGNER), NOW)


def test_a_changed_program_is_refused_by_name(folder: Path) -> None:
    upgraded = SoftwareAttester.load(folder, {**measure(SIGNER), 0: b"\x07" * 48}, NOW)
    document = upgraded.attest(Claim(key_digest(KEY), signer_digest(SIGNER), NONCE), NOW_MS)
    values = {"document": document, "public_key": KEY, "collateral": b"", "technology": 0}
    body = wire.ATTESTATION.encode({"version": wire.VERSION, **values})
    allowed = parameters(folder)
    evidence = Evidence(body, NONCE, NOW_MS)
    with pytest.raises(PcrNotAllowed):
        verify(evidence, allowed, NOW_MS)
    both = (*allowed.measurements, Measurement(b"\x07" * 48, *list(measure(SIGNER).values())[1:]))
    wider = EnclaveParameters(SIGNER, allowed.roots, both)
    assert verify(evidence, wider, NOW_MS).software
