"""Is this the enclave that the custodian allows, alive now, and is this its key? Else: no, by name.

Guarantees: `verify` returns only if the document was signed by a key that a pinned root vouches for
at this time, by an enclave whose registers are in the signed allow-list and which is not in debug
mode, for this very nonce, this HPKE key and this signer of lists, and not longer ago than the
manifest allows. A cached document is verified again, whole, each time that it is used.
Refuses: all else, each by its own name, before anything is sealed. What a document says is looked
at only once its signature holds.
Says loudly: `Attested.software` for any root that is not known to stand for hardware.
Limits: attestation says which code runs, not that its host can't look inside: interposers on the
memory bus have extracted keys (docs/options.md says what a broken enclave loses).
Source: AWS, "Nitro Enclaves Attestation Process"; for TDX see `tdx`.
"""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
from cryptography.hazmat.primitives.hashes import SHA384

from softfall.options.enclave import wire
from softfall.options.enclave.binding import key_digest, report_data, signer_digest
from softfall.options.enclave.chain import CLOCK_SKEW_MS, Chain, verify_chain
from softfall.options.enclave.documents import (
    SOFTWARE_MARK,
    Document,
    MalformedDocument,
    Signed,
    parse,
)
from softfall.options.enclave.parameters import EnclaveParameters
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
from softfall.wire import MalformedMessage

NITRO: Final = 0
TDX: Final = 1

_DEBUG_REGISTERS: Final = (0, 1, 2)


@dataclass(frozen=True, slots=True)
class Evidence:
    """An attestation as it is fetched and cached, to be verified again at each use.

    body: an `enclave_attestation` message. nonce: the 32 fresh random bytes that it was asked with.
    asked_at_ms: when, since 1970, by the asker's clock.
    """

    body: bytes
    nonce: bytes
    asked_at_ms: int


@dataclass(frozen=True, slots=True)
class Attested:
    """A verified enclave.

    public_key: its HPKE key. registers: their names to hexadecimal. software: True where nothing
    says that hardware stands behind it: then its host can read all that is sealed to it.
    made_at_ms, usable_until_ms: since 1970.
    """

    technology: Literal["nitro", "tdx"]
    software: bool
    public_key: bytes
    registers: Mapping[str, str]
    made_at_ms: int
    usable_until_ms: int

    @property
    def label(self) -> str:
        """One line for people and logs; for a software root it says so in capitals."""
        if self.software:
            return f"SOFTWARE ATTESTATION, NOT HARDWARE ({SOFTWARE_MARK})"
        return {"nitro": "AWS Nitro Enclaves", "tdx": "Intel TDX"}[self.technology]


def verify(evidence: Evidence, parameters: EnclaveParameters, now_ms: int) -> Attested:
    """The enclave that the evidence proves, now (in ms since 1970).

    Raises MalformedDocument, TechnologyNotAllowed, WrongRoot, ChainExpired, ChainBroken,
    DocumentAltered, DebugEnclave, PcrNotAllowed, NonceMissing, NonceReplayed, KeySwapped,
    ListSignerSwapped, DocumentTooOld; for a TDX quote what `tdx.verify_quote` raises.
    """
    try:
        values = wire.decode(wire.ATTESTATION, evidence.body)
        document, public_key = wire.octets(values, "document"), wire.octets(values, "public_key")
        technology = wire.number(values, "technology")
        collateral = wire.octets(values, "collateral")
    except MalformedMessage as error:
        raise MalformedDocument(f"the attestation is not in its form: {error.what}") from None
    if technology == NITRO:
        if not parameters.roots:
            raise TechnologyNotAllowed("this epoch allows no enclave of AWS Nitro's format")
        return _nitro(document, public_key, parameters, evidence.nonce, now_ms)
    if parameters.tdx is None:
        raise TechnologyNotAllowed("this epoch allows no Intel TDX guest")
    from softfall.options.enclave.tdx import verify_quote

    bound = report_data(public_key, parameters.list_signer, evidence.nonce)
    guest = verify_quote(document, collateral, parameters.tdx, bound, now_ms)
    # A quote is not dated: it was made after its nonce was, and that is what counts.
    until_ms = usable_until(evidence.asked_at_ms, parameters.cache_lifetime_ms, now_ms)
    registers = {"MRTD": guest.mrtd.hex()}
    registers |= {f"RTMR{index}": rtmr.hex() for index, rtmr in enumerate(guest.rtmrs)}
    return Attested("tdx", False, public_key, registers, evidence.asked_at_ms, until_ms)


def _nitro(
    body: bytes, public_key: bytes, parameters: EnclaveParameters, nonce: bytes, now_ms: int
) -> Attested:
    signed = parse(body)
    document = signed.document
    chain = verify_chain((*document.cabundle, document.certificate), parameters.roots, now_ms)
    _check_signature(signed, chain)
    _check_registers(document, parameters)
    _check_nonce(document.nonce, nonce)
    if not _same(document.public_key, key_digest(public_key)):
        raise KeySwapped("the document vouches for another key than the one that came with it")
    if not _same(document.user_data, signer_digest(parameters.list_signer)):
        raise ListSignerSwapped("the enclave takes its list from another signer")
    until_ms = usable_until(document.timestamp_ms, parameters.cache_lifetime_ms, now_ms)
    return Attested(
        technology="nitro",
        software=chain.software,
        public_key=public_key,
        registers={f"PCR{index}": pcr.hex() for index, pcr in sorted(document.pcrs.items())},
        made_at_ms=document.timestamp_ms,
        usable_until_ms=min(until_ms, chain.ends_at_ms),
    )


def usable_until(made_at_ms: int, lifetime_ms: int, now_ms: int) -> int:
    """When something made then is too old, in ms since 1970. Raises DocumentTooOld."""
    if made_at_ms > now_ms + CLOCK_SKEW_MS:
        raise DocumentTooOld("the document was made ahead of this clock")
    if now_ms > made_at_ms + lifetime_ms:
        raise DocumentTooOld(f"the document was made {(now_ms - made_at_ms) // 1000} s ago")
    return made_at_ms + lifetime_ms


def _check_signature(signed: Signed, chain: Chain) -> None:
    try:
        chain.signer.verify(signed.signature, signed.signed, ECDSA(SHA384()))
    except InvalidSignature:
        raise DocumentAltered("the document's signature does not hold") from None


def _check_registers(document: Document, parameters: EnclaveParameters) -> None:
    for index in _DEBUG_REGISTERS:
        if not any(document.pcrs.get(index, b"\x01")):
            raise DebugEnclave(f"PCR{index} is all zeros: the enclave runs in debug mode")
    for measurement in parameters.measurements:
        wanted = measurement.registers.items()
        if all(document.pcrs.get(index) == pcr for index, pcr in wanted):
            return
    told = document.pcrs.get(0, b"").hex()[:16]
    raise PcrNotAllowed(f"no allowed enclave has these registers (PCR0 {told}...)")


def _check_nonce(told: bytes | None, nonce: bytes) -> None:
    if not told:
        raise NonceMissing("the document has no nonce")
    if not _same(told, nonce):
        raise NonceReplayed("the document answers another nonce")


def _same(told: bytes | None, wanted: bytes) -> bool:
    return told is not None and hmac.compare_digest(told, wanted)
