"""The half inside the enclave: it opens, refuses, scans, and lets one bit out.

Guarantees: of a picture only the hash (or its 64x64 luminance, by policy) ever arrives; every entry
of its epoch's list is scanned for every submission, also for one that does not open or has no hash,
so that the kernel does the same work whatever came. What leaves is one byte a submission. Answers
go one at a time, so that no list changes under a scan. Lists are taken only
with a manifest that the bound signer signed, never older than those at hand, and one only for each
epoch, so that nobody can have an epoch's submissions judged again by a list made for them. The last
two epochs are kept, and a dropped one is overwritten.
Refuses: a list that is not whole, not the manifest's, or of another signer, as BadList or as
`lists.manifest` names it; a key, body and commitment that do not belong together, by outcome.
Limits: opening and unpacking run in Python, in a time that depends on what came: constant time is
claimed for the kernel alone. Python can't wipe the key from memory.
"""

import hmac
from collections.abc import Iterable
from concurrent.futures import Executor
from dataclasses import dataclass
from threading import Lock
from typing import Any, ClassVar, Final

import numpy as np
import numpy.typing as npt

from softfall.crypto import hpke
from softfall.errors import PeerError
from softfall.lists.entries import MATCH_RADIUS_BITS
from softfall.lists.index.hamming import words
from softfall.lists.manifest import ManifestRolledBack, verify
from softfall.media.pdq import PdqHash
from softfall.options.enclave import listing, sealing, wire
from softfall.options.enclave.binding import key_digest
from softfall.options.enclave.blocks import in_blocks
from softfall.options.enclave.kernel import scan
from softfall.options.enclave.outcomes import Outcome
from softfall.options.enclave.parameters import BadEnclaveParameters, EnclaveParameters, Policy
from softfall.options.enclave.planes import hash_of
from softfall.wire import MalformedMessage

U64Array = npt.NDArray[np.uint64]

KEPT_EPOCHS: Final = 2
_NOTHING: Final = bytes(wire.HASH_BYTES)  # scanned in place of a hash; its answer is not used


class BadList(PeerError):
    """A list that is damaged, or not the one that its manifest names."""

    remedy = "Keep the last good list, fetch it again, and tell the custodian."


@dataclass(frozen=True, slots=True)
class _Listed:
    """One epoch's list, as `blocks.in_blocks` lays it out."""

    epoch: int
    manifest: bytes
    policy: Policy
    blocks: U64Array


@dataclass(frozen=True, slots=True)
class _Opened:
    """One submission: its outcome if there is one already, else its hash and the list it is for."""

    outcome: Outcome | None
    epoch: int
    hash_bits: bytes = _NOTHING


class Enclave:
    """The enclave's state, in memory only.

    secret: 96 fresh random bytes. list_signer: the custodian's 32-byte Ed25519 key, which the
    attestation binds. executor, parts: on what, and in how many parts, a scan runs.
    """

    name: ClassVar[str] = sealing.NAME

    def __init__(
        self, secret: bytes, list_signer: bytes, executor: Executor | None = None, parts: int = 1
    ) -> None:
        self._secret = secret
        self.public_key = hpke.public_of(secret)
        self.key_digest = key_digest(self.public_key)
        self._list_signer = list_signer
        self._executor, self._parts = executor, parts if executor else 1
        self._lists: dict[int, _Listed] = {}
        self._lock = Lock()

    @property
    def epochs(self) -> tuple[int, ...]:
        """The epochs whose lists are at hand, oldest first."""
        return tuple(sorted(self._lists))

    def take_list(self, body: bytes, now_ms: int | None = None) -> int:
        """Take an `enclave_list`; returns its epoch. now_ms: refuse a manifest expired by then.

        Raises BadList, BadManifest, ManifestExpired, ManifestRolledBack.
        """
        try:
            values = wire.decode(wire.LIST_SEALED, body)
            signed = wire.octets(values, "manifest")
            manifest = verify(signed, self._list_signer, now_ms=now_ms)
            parameters = EnclaveParameters.decode(manifest.parameters)
        except (MalformedMessage, BadEnclaveParameters) as error:
            raise BadList(f"the list can't be read: {error.what}") from None
        if manifest.option != self.name or parameters.list_signer != self._list_signer:
            raise BadList("the manifest is of another option, or allows another signer's enclaves")
        self._require_only(manifest.epoch, signed)
        rows = listing.opened_list(values, manifest, self._secret)
        if rows is None:
            raise BadList("the list does not open, or is not the one that the manifest names")
        blocks = _in_blocks(rows)
        with self._lock:
            self._require_only(manifest.epoch, signed)
            self._keep(_Listed(manifest.epoch, signed, parameters.policy, blocks))
        return manifest.epoch

    def answer(self, body: bytes) -> bytes:
        """The answer to an `enclave_question`: one byte a submission. Raises MalformedMessage."""
        values: dict[str, Any] = wire.decode(wire.QUESTION, body)
        with self._lock:
            asked = [self._open(s["epoch"], s["sealed"]) for s in values["submissions"]]
            near = self._scan(asked)
        outcomes = [
            (Outcome.MATCH if near[row] else Outcome.CLEAR) if o.outcome is None else o.outcome
            for row, o in enumerate(asked)
        ]
        return wire.ANSWER.encode({"version": wire.VERSION, "outcomes": bytes(outcomes)})

    def _require_only(self, epoch: int, manifest: bytes) -> None:
        if self._lists and epoch < min(self._lists):
            raise ManifestRolledBack(f"epoch {epoch} is older than those at hand")
        if epoch in self._lists and self._lists[epoch].manifest != manifest:
            raise ManifestRolledBack(f"there are two versions of epoch {epoch}")

    def _keep(self, listed: _Listed) -> None:
        self._lists[listed.epoch] = listed
        for epoch in self.epochs[:-KEPT_EPOCHS]:
            self._lists.pop(epoch).blocks.fill(0)

    def _open(self, epoch: int, sealed: bytes) -> _Opened:
        """One submission, opened as far as it goes."""
        listed = self._lists.get(epoch)
        if listed is None:
            return _Opened(Outcome.NO_LIST, epoch)
        try:
            values = wire.decode(wire.SEALED, sealed)
            body = wire.octets(values, "body", listed.policy.content_bytes)
            if not hmac.compare_digest(wire.octets(values, "key_digest"), self.key_digest):
                return _Opened(Outcome.OTHER_KEY, epoch)
            capsule = wire.octets(values, "capsule")
            key = sealing.open_capsule(capsule, self._secret, epoch, listed.policy)
        except (MalformedMessage, hpke.NotSealedToThis):
            return _Opened(Outcome.UNREADABLE, epoch)
        commitment = wire.octets(values, "commitment")
        content = sealing.opened(key, commitment, body, epoch, listed.policy)
        if content is None:
            return _Opened(Outcome.MISMATCH, epoch)
        if listed.policy is Policy.HASH:
            return _Opened(None, epoch, content)
        seen = hash_of(content)
        if isinstance(seen, PdqHash):
            return _Opened(None, epoch, seen.bits)
        return _Opened(Outcome.CLEAR, epoch)

    def _scan(self, asked: list[_Opened]) -> U64Array:
        """(len(asked),) uint64: 1 where an entry of the submission's own epoch is near."""
        near = np.zeros(len(asked), np.uint64)
        for epoch in {o.epoch for o in asked} & set(self._lists):
            rows = [row for row, o in enumerate(asked) if o.epoch == epoch]
            queries = words([asked[row].hash_bits for row in rows])
            near[rows] = self._near(self._lists[epoch].blocks, queries)
        return near

    def _near(self, blocks: U64Array, queries: U64Array) -> U64Array:
        parts = np.array_split(blocks, self._parts)
        found = [np.zeros(len(queries), np.uint64) for _ in parts]
        run: Iterable[None] = (self._executor.map if self._executor else map)(
            scan, parts, [queries] * len(parts), [MATCH_RADIUS_BITS] * len(parts), found
        )
        for _ in run:
            pass
        near: U64Array = np.bitwise_or.reduce(found)
        return near


def _in_blocks(rows: bytes) -> U64Array:
    return in_blocks(np.frombuffer(rows, ">u8").astype(np.uint64).reshape(-1, 4))
