"""Intel TDX quotes behind the same result as AWS's documents (optional extra `tdx`).

Guarantees: `verify_quote` returns only if the quote verifies up to Intel's root with the collateral
given, at this time, its platform's TCB status is one that the manifest allows, its guest is not a
debug guest and has allowed registers, and its report data binds what the caller says.
Refuses: all else by name; a TDX 1.5 report's debug bit like a Nitro enclave's zero registers.
Limits: dcap-qvl does the verification and holds Intel's root; collateral (TCB levels, revocation
lists) is the quoting platform's to send, and dcap-qvl refuses it once past its own date.
Source: Intel TDX DCAP Quoting Library API, sections on TD quotes; Intel TDX module specification,
TD attributes (bit 0: debug).
"""

import hmac
from dataclasses import dataclass
from typing import Final

from softfall.errors import PeerError
from softfall.options.enclave.documents import MalformedDocument
from softfall.options.enclave.parameters import TdxMeasurement, TdxPolicy
from softfall.options.enclave.refusals import (
    DebugEnclave,
    KeySwapped,
    PcrNotAllowed,
    QuoteNotVerified,
    TcbNotAllowed,
    TdxSupportMissing,
)

_DEBUG_BIT: Final = 1


@dataclass(frozen=True, slots=True)
class Guest:
    """What a verified quote says of a TDX guest. status: its platform's, as Intel names it."""

    status: str
    attributes: bytes
    mrtd: bytes
    rtmrs: tuple[bytes, bytes, bytes, bytes]
    report_data: bytes


def verify_quote(
    quote: bytes, collateral: bytes, policy: TdxPolicy, bound: bytes, now_ms: int
) -> Guest:
    """The guest that a quote proves. bound: the 64 bytes that its report data must be.

    Raises MalformedDocument, QuoteNotVerified, DebugEnclave, TcbNotAllowed, PcrNotAllowed,
    KeySwapped; TdxSupportMissing where the extra is not installed.
    """
    guest = guest_of(quote, collateral, now_ms)
    refused = refusal(guest, policy, bound)
    if refused is not None:
        raise refused
    return guest


def guest_of(quote: bytes, collateral: bytes, now_ms: int) -> Guest:
    """What a quote says, once it verifies; whether that is good enough is `refusal`'s to say.

    Raises MalformedDocument, QuoteNotVerified, TdxSupportMissing.
    """
    try:
        import dcap_qvl
    except ImportError:
        raise TdxSupportMissing("dcap-qvl is not installed") from None
    try:
        parsed = dcap_qvl.Quote.parse(quote)
        material = dcap_qvl.QuoteCollateralV3.from_json(collateral.decode())
    except (ValueError, KeyError, TypeError):
        raise MalformedDocument("the quote or its collateral can't be read") from None
    report = parsed.report
    if isinstance(report, dcap_qvl.SgxEnclaveReport):
        raise MalformedDocument("the quote is of an SGX enclave, not of a TDX guest")
    try:
        verified = dcap_qvl.verify(quote, material, now_ms // 1000)
    except ValueError as error:
        raise QuoteNotVerified(f"the quote does not verify: {str(error)[:120]}") from None
    return Guest(
        status=verified.status,
        attributes=report.td_attributes,
        mrtd=report.mr_td,
        rtmrs=(report.rt_mr0, report.rt_mr1, report.rt_mr2, report.rt_mr3),
        report_data=report.report_data,
    )


def refusal(guest: Guest, policy: TdxPolicy, bound: bytes) -> PeerError | None:
    """Why a verified guest is not one that the policy allows for what is bound; None if it is."""
    if guest.attributes[0] & _DEBUG_BIT:
        return DebugEnclave("the guest is a debug guest, which its host can read")
    if guest.status not in policy.statuses:
        return TcbNotAllowed(f"the platform's TCB status is {guest.status}")
    if TdxMeasurement(guest.mrtd, guest.rtmrs) not in policy.measurements:
        return PcrNotAllowed(f"no allowed guest has MRTD {guest.mrtd.hex()[:16]}...")
    if not hmac.compare_digest(guest.report_data, bound):
        return KeySwapped("the quote binds another key, signer of lists, or nonce")
    return None
