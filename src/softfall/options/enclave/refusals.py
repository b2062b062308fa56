"""Why an attestation is refused, by name; each before anything is sealed or sent.

Guarantees: an error here blames another party and says what to do; none holds what was asked.
Two more stand with the chain (`chain`: WrongRoot, ChainExpired, ChainBroken) and one with the
format (`documents`: MalformedDocument).
"""

from softfall.errors import OperatorError, PeerError


class PcrNotAllowed(PeerError):
    """An enclave whose registers are not in the allow-list that the custodian signed."""

    remedy = "Nothing was sent; after an upgrade the custodian must allow the new registers first."


class DebugEnclave(PeerError):
    """An enclave in debug mode: its registers are zeros, and its host reads its memory."""

    remedy = "Nothing was sent; the provider must start the enclave without debug mode."


class NonceMissing(PeerError):
    """A document that answers no question, and so may be of any age."""

    remedy = "Nothing was sent; ask again, and tell who runs the enclave if it stays so."


class NonceReplayed(PeerError):
    """A document that answers another question than the one asked: an old one, kept."""

    remedy = "Nothing was sent; keep the document: somebody may be replaying it."


class DocumentAltered(PeerError):
    """A document whose signature does not hold."""

    remedy = "Nothing was sent; keep the document and tell who runs the enclave."


class KeySwapped(PeerError):
    """A key that the document does not vouch for: somebody put theirs in its place."""

    remedy = "Nothing was sealed to it; keep document and key, and report the provider."


class ListSignerSwapped(PeerError):
    """An enclave that takes lists from another signer than this epoch's custodian."""

    remedy = "Nothing was sent; the provider must start the enclave with the custodian's key."


class DocumentTooOld(PeerError):
    """A document made longer ago than the manifest allows, or ahead of this clock."""

    remedy = "Set this device's clock, then ask for a fresh attestation; nothing was sent."


class TechnologyNotAllowed(PeerError):
    """A kind of attestation that this epoch's manifest does not allow."""

    remedy = "Nothing was sent; the custodian must allow this kind of enclave first."


class QuoteNotVerified(PeerError):
    """An Intel TDX quote that does not verify: its signature, chain, revocation or age."""

    remedy = "Nothing was sent; ask again with fresh collateral, and keep the quote if it stays so."


class TcbNotAllowed(PeerError):
    """A TDX platform whose firmware is older, or otherwise set up, than the manifest demands."""

    remedy = "Nothing was sent; the provider must update the platform's firmware first."


class TdxSupportMissing(OperatorError):
    """A TDX quote came, and what verifies it is not installed here."""

    remedy = "Install the extra: `pip install softfall[tdx]`."
