"""A small list epoch of `split`, all halves in this process, signed as a custodian would.

Guarantees: real keys, real tags, real proofs, over whatever few hashes are listed; only small.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from softfall.device.surroundings import REAL
from softfall.errors import UnavailableError
from softfall.lists.manifest import Manifest, Signer, sign
from softfall.options.confirm.keys import make_keys
from softfall.options.contract import CustodianHalf, ProviderHalf
from softfall.options.split.custodian import SplitCustodian, derive_secret
from softfall.options.split.provider import SplitProvider
from softfall.options.tags.parameters import TagParameters, random_positions
from softfall.options.tokens.custodian import Mint
from softfall.options.tokens.custodian import derive_secret as derive_token_secret
from softfall.testing.confirming import SmallConfirm
from softfall.wire import Party

DAY_MS = 86_400_000
# Fewer questions than in service, so that a test takes milliseconds; of the same kind.
SMALL = TagParameters(
    k_bits=24, probes=4, hits=2, positions=random_positions("softfall testing", 4, 24)
)


class NoPorts:
    """For halves that reach nobody while they judge."""

    def ask(self, receiver: Party, body: bytes) -> bytes:
        """Nobody is there: always raises UnavailableError."""
        raise UnavailableError(f"the {receiver.value} is not there")


@dataclass(frozen=True)
class SmallEpoch:
    """One epoch: signed manifest, halves of custodian and provider, mint of its tokens."""

    option: str
    number: int
    manifest: bytes
    custodian_half: CustodianHalf
    provider_half: ProviderHalf
    mint: Mint
    confirm: SmallConfirm


class SmallCustodian:
    """A custodian's identity key, and epochs that it publishes, all with tokens of one mint."""

    def __init__(self, now_ms: Callable[[], int] = REAL.now_ms) -> None:
        self._identity = Ed25519PrivateKey.generate()
        self._now_ms = now_ms
        self.mint = Mint(derive_token_secret(REAL.random_bytes(32)))

    @property
    def public_key(self) -> bytes:
        """What devices pin: Ed25519, 32 bytes."""
        return self._identity.public_key().public_bytes_raw()

    @property
    def signer(self) -> Signer:
        """Signs by the identity key, for what is not a manifest."""
        return self._identity.sign

    def sign(self, manifest: Manifest) -> bytes:
        """The manifest's bytes, under this custodian's identity key."""
        return sign(manifest, self._identity.sign)

    def publish(self, number: int, listed: Sequence[bytes] = (), days: float = 30) -> SmallEpoch:
        """An epoch over these 32-byte hashes."""
        half = SplitCustodian(number, derive_secret(REAL.random_bytes(32), number), SMALL)
        prepared = half.prepare(enumerate(listed, start=1), lambda done, of: None)
        confirm_keys = make_keys(REAL.random_bytes(32), half.name, number)
        now_ms = self._now_ms()
        told = Manifest(
            option=half.name,
            epoch=number,
            public_key=prepared.public_key,
            artefact_sha256=hashlib.sha256(prepared.artefact).digest(),
            entries=len(listed),
            published_at_ms=now_ms,
            expires_at_ms=now_ms + int(days * DAY_MS),
            parameters=SMALL.encode(),
            token_key=self.mint.public_key,
            confirm_key=confirm_keys.public,
        )
        return SmallEpoch(
            option=half.name,
            number=number,
            manifest=self.sign(told),
            custodian_half=half,
            provider_half=SplitProvider(number, prepared.artefact),
            mint=self.mint,
            confirm=SmallConfirm(confirm_keys, dict(enumerate(listed, start=1))),
        )
