"""Intel TDX quotes, on a real one: a sample that dcap-qvl ships (see samples/)."""

import json
import sys
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from softfall.options.enclave import tdx, wire
from softfall.options.enclave.attestation import TDX, Evidence, verify
from softfall.options.enclave.binding import report_data
from softfall.options.enclave.documents import MalformedDocument
from softfall.options.enclave.parameters import EnclaveParameters, TdxMeasurement, TdxPolicy
from softfall.options.enclave.refusals import (
    DebugEnclave,
    DocumentTooOld,
    KeySwapped,
    PcrNotAllowed,
    QuoteNotVerified,
    TcbNotAllowed,
    TdxSupportMissing,
    TechnologyNotAllowed,
)
from tests.options.enclave.attester import LIST_SIGNER, NONCE, PUBLIC_KEY, parameters

pytest.importorskip(
    "dcap_qvl", reason="the extra `tdx` is not installed: TDX quotes are NOT tested"
)

SAMPLES = Path(__file__).parent / "samples"
QUOTE = (SAMPLES / "tdx_quote.bin").read_bytes()
COLLATERAL = (SAMPLES / "tdx_quote_collateral.json").read_bytes()
ISSUED = json.loads(json.loads(COLLATERAL)["tcb_info"])["issueDate"]
NOW_MS = int(datetime.fromisoformat(ISSUED).timestamp() * 1000) + 3_600_000
GUEST = tdx.guest_of(QUOTE, COLLATERAL, NOW_MS)
POLICY = TdxPolicy(("UpToDate",), (TdxMeasurement(GUEST.mrtd, GUEST.rtmrs),))
ALLOWED = EnclaveParameters(list_signer=LIST_SIGNER, tdx=POLICY)


def quoted(quote: bytes = QUOTE, collateral: bytes = COLLATERAL) -> Evidence:
    values = {
        "version": wire.VERSION,
        "technology": TDX,
        "document": quote,
        "public_key": PUBLIC_KEY,
        "collateral": collateral,
    }
    return Evidence(wire.ATTESTATION.encode(values), NONCE, NOW_MS)


def test_a_real_quote_verifies_up_to_intels_root() -> None:
    guest = tdx.verify_quote(QUOTE, COLLATERAL, POLICY, GUEST.report_data, NOW_MS)
    assert guest.status == "UpToDate"
    assert len(guest.mrtd) == 48
    assert any(guest.mrtd)


def test_a_quote_that_binds_our_key_is_accepted_behind_the_same_result(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # The real sample binds its own maker's data; here only that field is ours.
    ours = replace(GUEST, report_data=report_data(PUBLIC_KEY, LIST_SIGNER, NONCE))
    monkeypatch.setattr(tdx, "guest_of", lambda *_: ours)
    attested = verify(quoted(), ALLOWED, NOW_MS + 1000)
    assert attested.public_key == PUBLIC_KEY
    assert attested.registers["MRTD"] == GUEST.mrtd.hex()
    assert attested.usable_until_ms == NOW_MS + ALLOWED.cache_lifetime_ms
    assert attested.label == "Intel TDX"
    with pytest.raises(DocumentTooOld):
        verify(quoted(), ALLOWED, NOW_MS + ALLOWED.cache_lifetime_ms + 1)


def test_a_quote_that_binds_another_key_signer_or_nonce_is_refused() -> None:
    with pytest.raises(KeySwapped):
        verify(quoted(), ALLOWED, NOW_MS)


def test_what_a_quote_binds_changes_with_key_signer_and_nonce() -> None:
    bound = report_data(PUBLIC_KEY, LIST_SIGNER, NONCE)
    assert len(bound) == 64
    others = {
        report_data(PUBLIC_KEY[::-1], LIST_SIGNER, NONCE),
        report_data(PUBLIC_KEY, LIST_SIGNER[::-1], NONCE),
        report_data(PUBLIC_KEY, LIST_SIGNER, NONCE[::-1]),
    }
    assert len(others | {bound}) == 4


def test_a_platform_below_the_demanded_status_is_refused() -> None:
    outdated = replace(GUEST, status="OutOfDate")
    refused = tdx.refusal(outdated, POLICY, GUEST.report_data)
    assert isinstance(refused, TcbNotAllowed)
    lenient = replace(POLICY, statuses=("UpToDate", "OutOfDate"))
    assert tdx.refusal(outdated, lenient, GUEST.report_data) is None
    strict = replace(ALLOWED, tdx=replace(POLICY, statuses=("NoSuchStatus",)))
    with pytest.raises(TcbNotAllowed):
        verify(quoted(), strict, NOW_MS)


def test_another_guest_is_refused() -> None:
    other = TdxMeasurement(b"\x01" * 48, GUEST.rtmrs)
    with pytest.raises(PcrNotAllowed):
        verify(quoted(), replace(ALLOWED, tdx=replace(POLICY, measurements=(other,))), NOW_MS)
    changed = replace(GUEST, rtmrs=(*GUEST.rtmrs[:3], b"\x01" * 48))
    assert isinstance(tdx.refusal(changed, POLICY, GUEST.report_data), PcrNotAllowed)


def test_a_debug_guest_is_refused() -> None:
    debug = replace(GUEST, attributes=b"\x01" + GUEST.attributes[1:])
    assert isinstance(tdx.refusal(debug, POLICY, GUEST.report_data), DebugEnclave)


@pytest.mark.parametrize("at", [60, 200, 500, 700, 1200])
def test_an_altered_quote_is_refused(at: int) -> None:
    altered = QUOTE[:at] + bytes([QUOTE[at] ^ 1]) + QUOTE[at + 1 :]
    with pytest.raises((QuoteNotVerified, MalformedDocument)):
        tdx.guest_of(altered, COLLATERAL, NOW_MS)


def test_collateral_past_its_date_is_refused() -> None:
    with pytest.raises(QuoteNotVerified, match="xpired"):
        tdx.guest_of(QUOTE, COLLATERAL, NOW_MS + 3 * 365 * 24 * 3_600_000)


@pytest.mark.parametrize("quote", [b"x", bytes(5000), QUOTE[:600]])
def test_what_is_no_quote_is_malformed(quote: bytes) -> None:
    with pytest.raises((MalformedDocument, QuoteNotVerified)):
        tdx.guest_of(quote, COLLATERAL, NOW_MS)


@pytest.mark.parametrize("collateral", [b"", b"{}", b"\xff\xfe", b"[" * 60_000])
def test_what_is_no_collateral_is_malformed(collateral: bytes) -> None:
    with pytest.raises(MalformedDocument):
        tdx.guest_of(QUOTE, collateral, NOW_MS)


def test_an_epoch_that_allows_no_tdx_refuses_every_quote() -> None:
    with pytest.raises(TechnologyNotAllowed):
        verify(quoted(), parameters(), NOW_MS)


def test_where_the_extra_is_missing_the_refusal_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "dcap_qvl", None)
    with pytest.raises(TdxSupportMissing, match="not installed"):
        tdx.guest_of(QUOTE, COLLATERAL, NOW_MS)


def test_the_parameters_with_tdx_survive_their_encoding() -> None:
    assert EnclaveParameters.decode(ALLOWED.encode()) == ALLOWED
