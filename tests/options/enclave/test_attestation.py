"""Attestation: what is accepted, and each refusal by its name."""

import hashlib
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import cbor2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.verification import (
    Criticality,
    ExtensionPolicy,
    PolicyBuilder,
    Store,
    VerificationError,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from softfall.crypto import hpke
from softfall.errors import PeerError
from softfall.options.enclave.attestation import Attested, verify
from softfall.options.enclave.chain import ChainBroken, ChainExpired, WrongRoot
from softfall.options.enclave.documents import SOFTWARE_MARK, Document
from softfall.options.enclave.parameters import (
    AWS_NITRO_ROOT_G1,
    HARDWARE_ROOTS,
    EnclaveParameters,
    Measurement,
)
from softfall.options.enclave.refusals import (
    DebugEnclave,
    DocumentAltered,
    DocumentTooOld,
    KeySwapped,
    ListSignerSwapped,
    NonceMissing,
    NonceReplayed,
    PcrNotAllowed,
    TechnologyNotAllowed,
)
from tests.options.enclave.attester import (
    CHAIN,
    HOUR_MS,
    MINUTE_MS,
    NOW_MS,
    PCRS,
    PUBLIC_KEY,
    Attester,
    Part,
    evidence,
    made_chain,
    parameters,
)

ATTESTER = Attester()
GOOD = evidence(ATTESTER.document())


def judged(attester: Attester = ATTESTER, now_ms: int = NOW_MS, **changes: Any) -> Attested:
    allowed = parameters(roots=(attester.root,))
    return verify(evidence(attester.document(**changes)), allowed, now_ms)


def with_part(place: int, **changes: Any) -> Attester:
    chain = list(CHAIN)
    chain[place] = replace(chain[place], **changes)
    return Attester(tuple(chain))


def test_an_allowed_enclave_is_accepted_with_its_key_and_how_long_it_may_be_used() -> None:
    attested = verify(GOOD, parameters(), NOW_MS)
    assert attested.public_key == PUBLIC_KEY
    assert attested.registers["PCR0"] == PCRS[0].hex()
    assert attested.made_at_ms == NOW_MS - MINUTE_MS
    assert attested.usable_until_ms == NOW_MS + HOUR_MS - MINUTE_MS


def test_a_tagged_document_is_the_same_document() -> None:
    document = ATTESTER.document()
    assert verify(evidence(b"\xd2" + document), parameters(), NOW_MS).public_key == PUBLIC_KEY


def test_no_document_outlives_its_chain() -> None:
    attester = with_part(4, ends_at_ms=NOW_MS + MINUTE_MS)
    assert judged(attester).usable_until_ms == NOW_MS + MINUTE_MS


def test_every_result_of_a_software_root_says_so_loudly() -> None:
    attested = verify(GOOD, parameters(), NOW_MS)
    assert attested.software
    assert SOFTWARE_MARK in attested.label
    assert "NOT HARDWARE" in attested.label


def test_a_root_is_hardware_only_if_it_is_a_known_one(monkeypatch: pytest.MonkeyPatch) -> None:
    assert set(HARDWARE_ROOTS) == {AWS_NITRO_ROOT_G1}
    monkeypatch.setitem(HARDWARE_ROOTS, ATTESTER.root, "a root for this test")  # type: ignore[misc]
    attested = verify(GOOD, parameters(), NOW_MS)
    assert not attested.software
    assert attested.label == "AWS Nitro Enclaves"


def test_a_chain_from_another_root_is_refused() -> None:
    with pytest.raises(WrongRoot):
        verify(GOOD, parameters(roots=(hashlib.sha256(b"another").digest(),)), NOW_MS)


def test_a_root_of_the_same_name_is_not_the_pinned_one() -> None:
    twin = Attester((replace(CHAIN[0], starts_at_ms=NOW_MS - 2 * HOUR_MS), *CHAIN[1:]))
    with pytest.raises(WrongRoot):
        verify(evidence(twin.document()), parameters(), NOW_MS)


@pytest.mark.parametrize("place", range(5))
def test_an_expired_certificate_anywhere_in_the_chain_is_refused(place: int) -> None:
    with pytest.raises(ChainExpired, match="has expired"):
        judged(with_part(place, ends_at_ms=NOW_MS - MINUTE_MS))


@pytest.mark.parametrize("place", range(5))
def test_a_certificate_of_tomorrow_is_refused(place: int) -> None:
    with pytest.raises(ChainExpired, match="not valid yet"):
        judged(with_part(place, starts_at_ms=NOW_MS + 6 * MINUTE_MS))


def test_a_clock_a_little_behind_is_forgiven() -> None:
    attester = with_part(4, starts_at_ms=NOW_MS + 4 * MINUTE_MS)
    assert judged(attester, timestamp_ms=NOW_MS + 4 * MINUTE_MS).software


BREAKS: dict[str, tuple[int, dict[str, Any]]] = {
    "another key signed an authority": (2, {"misissued": True}),
    "another key signed the signer's certificate": (4, {"misissued": True}),
    "the root did not sign itself": (0, {"misissued": True}),
    "an authority that is none": (2, {"ca": False}),
    "an authority that does not say so": (3, {"ca": None}),
    "an authority that may not sign certificates": (2, {"usage": "digital_signature"}),
    "an authority of unknown use": (1, {"usage": None}),
    "a path longer than allowed": (1, {"path_length": 1}),
    "a signer that is an authority": (4, {"ca": True}),
    "a signer that may not sign": (4, {"usage": "key_agreement"}),
    "a signer of unknown use": (4, {"usage": None}),
    "a signer on a weaker curve": (4, {"curve": ec.SECP256R1}),
    "a weaker digest": (3, {"digest": SHA256}),
    "a critical extension that nobody understands": (2, {"critical_extra": True}),
}


@pytest.mark.parametrize("why", BREAKS)
def test_a_broken_chain_is_refused(why: str) -> None:
    place, changes = BREAKS[why]
    attester = with_part(place, **changes)
    with pytest.raises(ChainBroken):
        judged(attester)


def accepted_by_library(attester: Attester) -> bool:
    """What `cryptography`'s own path validation says of the same chain."""
    root, *between, leaf = map(x509.load_der_x509_certificate, made_chain(attester.chain)[0])
    authority = ExtensionPolicy.permit_all().require_present(
        x509.BasicConstraints, Criticality.CRITICAL, None
    )
    verifier = (
        PolicyBuilder()
        .store(Store([root]))
        .time(datetime.fromtimestamp(NOW_MS / 1000, UTC))
        .extension_policies(ca_policy=authority, ee_policy=ExtensionPolicy.permit_all())
        .build_client_verifier()
    )
    try:
        verifier.verify(leaf, between)
    except VerificationError:
        return False
    return True


@pytest.mark.parametrize("place", range(5))
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"path_length": None},
        {"path_length": 0},
        {"ends_at_ms": NOW_MS - MINUTE_MS},
        {"starts_at_ms": NOW_MS + HOUR_MS},
        {"misissued": True},
        {"ca": False},
        {"ca": None},
        {"usage": "crl_sign"},
        {"critical_extra": True},
    ],
)
def test_no_chain_is_accepted_that_the_librarys_own_validation_refuses(
    place: int, changes: dict[str, Any]
) -> None:
    attester = with_part(place, **changes)
    try:
        judged(attester)
    except (ChainBroken, ChainExpired):
        return
    assert accepted_by_library(attester)


def test_the_librarys_own_validation_accepts_a_good_chain_and_refuses_a_bad_one() -> None:
    assert accepted_by_library(ATTESTER)
    assert not accepted_by_library(with_part(2, misissued=True))


def test_awss_root_is_the_one_whose_fingerprint_is_known() -> None:
    pem = (Path(__file__).parent / "samples" / "aws-nitro-enclaves-root-g1.pem").read_bytes()
    root = x509.load_pem_x509_certificate(pem)
    assert root.subject.rfc4514_string() == "CN=aws.nitro-enclaves,OU=AWS,O=Amazon,C=US"
    assert root.fingerprint(SHA256()) == AWS_NITRO_ROOT_G1


def test_a_document_signed_by_an_authority_in_the_middle_is_refused() -> None:
    short = Attester(CHAIN[:4])
    with pytest.raises(ChainBroken):
        verify(evidence(short.document()), parameters(roots=(short.root,)), NOW_MS)


def test_certificates_out_of_order_are_refused() -> None:
    def shuffled(document: Document) -> Document:
        root, first, *rest = document.cabundle
        return replace(document, cabundle=(root, *rest, first))

    with pytest.raises(ChainBroken):
        judged(Attester(spoil=shuffled))


def test_junk_for_a_certificate_is_refused() -> None:
    def spoiled(document: Document) -> Document:
        return replace(document, certificate=b"\x30\x03junk")

    with pytest.raises(ChainBroken):
        judged(Attester(spoil=spoiled))


@pytest.mark.parametrize("register", [0, 1, 2])
def test_other_registers_are_refused(register: int) -> None:
    with pytest.raises(PcrNotAllowed):
        judged(pcrs=PCRS | {register: b"\x77" * 48})


def test_registers_of_two_allowed_enclaves_do_not_mix() -> None:
    other = {0: b"\x0a" * 48, 1: b"\x0b" * 48, 2: b"\x0c" * 48}
    both = (Measurement(PCRS[0], PCRS[1], PCRS[2]), Measurement(other[0], other[1], other[2]))
    allowed = parameters(measurements=both)
    assert verify(evidence(ATTESTER.document(pcrs=other)), allowed, NOW_MS).software
    with pytest.raises(PcrNotAllowed):
        verify(evidence(ATTESTER.document(pcrs=other | {1: PCRS[1]})), allowed, NOW_MS)


def test_the_images_signer_counts_where_it_is_asked_for() -> None:
    asked = parameters(measurements=(Measurement(PCRS[0], PCRS[1], PCRS[2], PCRS[8]),))
    assert verify(GOOD, asked, NOW_MS).software
    with pytest.raises(PcrNotAllowed):
        verify(evidence(ATTESTER.document(pcrs=PCRS | {8: bytes(48)})), asked, NOW_MS)


def test_a_missing_register_is_refused() -> None:
    with pytest.raises(PcrNotAllowed):
        judged(pcrs={0: PCRS[0], 1: PCRS[1]})


def test_an_enclave_in_debug_mode_is_refused() -> None:
    with pytest.raises(DebugEnclave):
        judged(pcrs={index: bytes(48) for index in range(16)})
    with pytest.raises(DebugEnclave):
        judged(pcrs=PCRS | {2: bytes(48)})


def test_no_allow_list_can_allow_a_debug_enclave() -> None:
    with pytest.raises(Exception, match="debug"):
        parameters(measurements=(Measurement(bytes(48), PCRS[1], PCRS[2]),))


@pytest.mark.parametrize("nonce", [None, b""])
def test_a_document_without_a_nonce_is_refused(nonce: bytes | None) -> None:
    with pytest.raises(NonceMissing):
        judged(nonce=nonce)


def test_a_replayed_document_is_refused() -> None:
    with pytest.raises(NonceReplayed):
        verify(
            replace(GOOD, nonce=hashlib.sha256(b"a later question").digest()), parameters(), NOW_MS
        )


def test_a_swapped_key_is_refused() -> None:
    mine = hpke.public_of(bytes(96))
    with pytest.raises(KeySwapped):
        verify(evidence(ATTESTER.document(), public_key=mine), parameters(), NOW_MS)
    with pytest.raises(KeySwapped):
        judged(public_key=None)


def test_an_enclave_that_takes_lists_from_another_signer_is_refused() -> None:
    with pytest.raises(ListSignerSwapped):
        verify(GOOD, parameters(list_signer=bytes(32)), NOW_MS)
    with pytest.raises(ListSignerSwapped):
        judged(user_data=None)


def test_a_document_past_its_stated_lifetime_is_refused() -> None:
    allowed = parameters(cache_lifetime_ms=10 * MINUTE_MS)
    assert verify(GOOD, allowed, NOW_MS + 9 * MINUTE_MS).software
    with pytest.raises(DocumentTooOld):
        verify(GOOD, allowed, NOW_MS + 9 * MINUTE_MS + 1)


def test_a_document_of_the_future_is_refused() -> None:
    with pytest.raises(DocumentTooOld, match="ahead"):
        judged(timestamp_ms=NOW_MS + 6 * MINUTE_MS)


def test_an_epoch_without_this_technology_refuses_it() -> None:
    with pytest.raises(TechnologyNotAllowed):
        verify(evidence(ATTESTER.document(), technology=1), parameters(), NOW_MS)


def test_an_altered_document_is_refused() -> None:
    body = ATTESTER.document()
    outer = cbor2.loads(body)
    payload = cbor2.loads(outer[2])
    payload["pcrs"][4] = b"\x01" * 48
    outer[2] = cbor2.dumps(payload)
    with pytest.raises(DocumentAltered):
        verify(evidence(cbor2.dumps(outer)), parameters(), NOW_MS)


def test_another_enclaves_signature_is_refused() -> None:
    outer, other = cbor2.loads(ATTESTER.document()), cbor2.loads(ATTESTER.document(nonce=bytes(32)))
    outer[3] = other[3]
    with pytest.raises(DocumentAltered):
        verify(evidence(cbor2.dumps(outer)), parameters(), NOW_MS)


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_no_change_of_a_byte_is_accepted(data: st.DataObject) -> None:
    body = bytearray(ATTESTER.document())
    at = data.draw(st.integers(0, len(body) - 1))
    body[at] ^= data.draw(st.integers(1, 255))
    with pytest.raises(PeerError):
        verify(evidence(bytes(body)), parameters(), NOW_MS)


def test_the_parameters_survive_their_encoding() -> None:
    made = parameters(measurements=(Measurement(PCRS[0], PCRS[1], PCRS[2], PCRS[8]),))
    assert EnclaveParameters.decode(made.encode()) == made


def test_a_chain_needs_no_path_lengths() -> None:
    chain = tuple(replace(part, path_length=None) for part in CHAIN)
    assert judged(Attester(chain)).software


def test_a_short_chain_is_enough() -> None:
    chain = (CHAIN[0], Part("enclave", ca=None, usage="digital_signature"))
    assert judged(Attester(chain)).software


def test_the_samples_folder_says_whose_samples_they_are() -> None:
    samples = Path(__file__).parent / "samples"
    assert "MIT License" in (samples / "SOURCES.txt").read_text()
