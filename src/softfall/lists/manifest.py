"""The signed manifest of one epoch: which key and which artefact the custodian stands by.

Guarantees: every party reads the same bytes, signed by the custodian's Ed25519 identity key, which
devices pin when they are made; so nobody between can swap the list's key, its parameters or its
artefact. `verify` also refuses what has expired, what is older than the caller has seen, and a
second version of an epoch (a split view between two callers shows as soon as they compare bytes).
Leaves to others: fetching, remembering the newest manifest seen, comparing views between devices.
Limit: it says that the custodian signed, not that the list holds only what it should.
Source: Ed25519, RFC 8032; rollback and freeze as The Update Framework names them.
"""

from collections.abc import Callable
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from softfall.errors import PeerError
from softfall.wire import Bytes, Field, MalformedMessage, Message, Party, Text, Uint, Value

VERSION = 1
PUBLIC_KEY_BYTES = 32
SIGNATURE_BYTES = 64
MAX_PARAMETERS_BYTES = 6144
MAX_CONFIRM_KEY_BYTES = 2048

_CONTEXT = b"softfall epoch manifest v1|"
_MILLISECONDS = Uint(2**48)

_SIGNED_FIELDS = (
    Field("version", Uint(VERSION), "1"),
    Field("option", Text(32), "which option the epoch is for"),
    Field("epoch", Uint(2**32), "grows with each published version of the list"),
    Field(
        "public_key",
        Bytes(0, PUBLIC_KEY_BYTES),
        "the epoch's OPRF key, 32 bytes; empty where the option has none",
    ),
    Field("artefact_sha256", Bytes(32, 32), "SHA-256 of what the provider fetches"),
    Field("entries", Uint(2**32 - 1), "how many entries the list has"),
    Field("published_at_ms", _MILLISECONDS, "the custodian's clock"),
    Field("expires_at_ms", _MILLISECONDS, "the key is destroyed then, or before"),
    Field("parameters", Bytes(0, MAX_PARAMETERS_BYTES), "the option's own, public"),
    Field(
        "confirm_key",
        Bytes(0, MAX_CONFIRM_KEY_BYTES),
        "the epoch's HPKE key that `confirm` shares are sealed to; empty without `confirm`",
    ),
    Field(
        "token_key",
        Bytes(0, PUBLIC_KEY_BYTES),
        "the key of the tokens that questions are asked with, 32 bytes; empty: none are needed",
    ),
)

_SIGNED = Message("epoch_manifest_signed", Party.DEVICE, _SIGNED_FIELDS, max_bytes=10_000)

EPOCH_MANIFEST = Message(
    "epoch_manifest",
    Party.DEVICE,
    (
        *_SIGNED_FIELDS,
        Field(
            "signature",
            Bytes(SIGNATURE_BYTES, SIGNATURE_BYTES),
            "Ed25519 by the custodian's identity key, over all of the above",
        ),
    ),
    max_bytes=10_240,
)

Signer = Callable[[bytes], bytes]


class BadManifest(PeerError):
    """An epoch's manifest that the pinned custodian did not sign, or that is not in its form."""

    remedy = "Use nothing of it; compare the custodian's key with `softfall keys show` over there."


class ManifestExpired(PeerError):
    """An epoch's manifest past its end; or somebody keeps the newer one back."""

    remedy = "Fetch the current manifest; if there is none, the custodian must publish a new epoch."


class ManifestRolledBack(PeerError):
    """A manifest older than one seen before, or a second version of the same epoch."""

    remedy = "Use nothing of it; keep both manifests: both are signed, and together they are proof."


@dataclass(frozen=True, slots=True)
class Manifest:
    """What the custodian stands by for one epoch. Times in ms since 1970, by its clock."""

    option: str
    epoch: int
    public_key: bytes
    artefact_sha256: bytes
    entries: int
    published_at_ms: int
    expires_at_ms: int
    parameters: bytes
    confirm_key: bytes = b""
    token_key: bytes = b""


def sign(manifest: Manifest, signer: Signer) -> bytes:
    """The manifest's bytes. `signer` makes the 64-byte Ed25519 signature of what it is given."""
    values: dict[str, Value] = {"version": VERSION}
    values |= {name: getattr(manifest, name) for name in Manifest.__dataclass_fields__}
    signature = signer(_CONTEXT + _SIGNED.encode(values))
    return EPOCH_MANIFEST.encode({**values, "signature": signature})


def verify(
    body: bytes, custodian_key: bytes, *, now_ms: int | None = None, seen: bytes | None = None
) -> Manifest:
    """The manifest, if the custodian with this 32-byte Ed25519 key signed it.

    now_ms: refuse what has expired by then. seen: the newest manifest accepted so far (verified
    then); refuse an older epoch of its option, and another version of the same one.
    Raises BadManifest, ManifestExpired, ManifestRolledBack.
    """
    manifest = _signed_by(body, custodian_key)
    if now_ms is not None and now_ms >= manifest.expires_at_ms:
        raise ManifestExpired(f"the manifest of epoch {manifest.epoch} has expired")
    if seen is not None and seen != body:
        known = _signed_by(seen, custodian_key)
        if known.option == manifest.option and known.epoch >= manifest.epoch:
            raise ManifestRolledBack(f"epoch {known.epoch} was seen before this {manifest.epoch}")
    return manifest


def read(body: bytes) -> Manifest:
    """What the manifest says, whoever signed it: for relays, which pin no key.

    Raises BadManifest if it is not in its form.
    """
    manifest, _, _ = _parts(body)
    return manifest


def _signed_by(body: bytes, custodian_key: bytes) -> Manifest:
    manifest, signed, signature = _parts(body)
    try:
        Ed25519PublicKey.from_public_bytes(custodian_key).verify(signature, signed)
    except (InvalidSignature, ValueError):
        raise BadManifest("the pinned custodian did not sign this manifest") from None
    return manifest


def _parts(body: bytes) -> tuple[Manifest, bytes, bytes]:
    """The manifest, the bytes that are signed, the signature."""
    try:
        values = EPOCH_MANIFEST.decode(body)
    except MalformedMessage as error:
        raise BadManifest(f"the manifest is not in its form: {error.what}") from None
    signature = values.pop("signature")
    assert isinstance(signature, bytes)
    signed = _CONTEXT + _SIGNED.encode(values)
    if values.pop("version") != VERSION:
        raise BadManifest(f"the manifest is not of version {VERSION}")
    manifest = Manifest(**values)  # type: ignore[arg-type]  # each field's kind is in the message
    if manifest.published_at_ms >= manifest.expires_at_ms:
        raise BadManifest("the manifest ends before it begins")
    return manifest, signed, signature
