"""The custodian's key over pieces: it evaluates blinded points, and its own list's pieces.

Guarantees: every answer carries a proof that the epoch's published key was used, so nobody can be
given a key of their own; a list's equal pieces are evaluated once, on every core.
Refuses: points that are malformed or the identity, another epoch's requests, and any request once
the key is destroyed.
Limits: whoever may ask without limit can invert tags (the quota is the caller's to keep: `cost`),
and this half can't tell such a caller from a device. Python can't wipe the key from memory.
"""

import hashlib
import hmac
import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from typing import Final

import numpy as np
import numpy.typing as npt

from softfall.crypto import oprf, ristretto
from softfall.crypto.oprf import KeyPair, Mode
from softfall.errors import RefusedError
from softfall.options.contract import PDQ_BYTES, Progress
from softfall.options.tags import pieces, wire
from softfall.options.tags.parameters import TagParameters
from softfall.wire import MalformedMessage

U32Array = npt.NDArray[np.uint32]
U64Array = npt.NDArray[np.uint64]

_CHUNK: Final = 2000  # evaluations between two reports of progress, about 0.13 s of one core


class KeyDestroyed(RefusedError):
    """The epoch has ended and its key no longer exists."""

    remedy = "Fetch the current epoch's manifest; nothing can be evaluated under an old key."


class TagCustodian:
    """One option's epoch and its secret key (32 bytes, from `derive_secret`)."""

    def __init__(
        self, option: str, epoch: int, secret_key: bytes, parameters: TagParameters
    ) -> None:
        secret = ristretto.decode_scalar(secret_key)
        self._keys: KeyPair | None = KeyPair(secret, oprf.public_key(secret))
        self.option = option
        self.epoch = epoch
        self.parameters = parameters

    @property
    def public_key(self) -> bytes:
        """The epoch's public key, 32 bytes. Raises KeyDestroyed."""
        return self._live_keys().public

    def answer(self, body: bytes) -> bytes:
        """The reply to one relayed request.

        Raises MalformedMessage, MalformedPoint, OtherEpoch; KeyDestroyed once the epoch ended.
        """
        keys = self._live_keys()
        points = ristretto.decode_points(self._points(body))
        evaluated = oprf.blind_evaluate(keys.secret, points)
        reply = b"".join(evaluated)
        nonce = _proof_nonce(self.option, keys.secret, body + reply)
        proof = oprf.generate_proof(keys, points, evaluated, nonce)
        return wire.REPLY.encode(
            {"version": wire.VERSION, "epoch": self.epoch, "points": reply, "proof": proof}
        )

    def cost(self, body: bytes) -> int:
        """Evaluations of the quota that `answer(body)` would use. Raises as `answer` does."""
        return len(self._points(body)) // ristretto.POINT_BYTES

    def destroy(self) -> None:
        """Forget the key: from now on every answer is refused, as when the epoch has ended."""
        self._keys = None

    def tag_table(self, hashes: npt.NDArray[np.uint8], progress: Progress) -> U64Array:
        """The tag of each entry's unflipped piece in each table, on every core.

        hashes: (N, 32) uint8. Returns (tables, N) uint64, a tag's bytes read big-endian.
        progress(done, all) counts evaluations, about 65 us of one core each; equal pieces are
        evaluated once. Raises KeyDestroyed.
        """
        tables = pieces.pieces(hashes, self.parameters)
        distinct = [np.unique(row, return_inverse=True) for row in tables]
        jobs = [
            (table, int(piece))
            for table, (values, _) in enumerate(distinct)
            for piece in values.tolist()
        ]
        tags = np.frombuffer(self._evaluate_all(jobs, progress), dtype=">u8").astype(np.uint64)
        ends = np.cumsum([len(values) for values, _ in distinct])[:-1]
        found = np.empty(tables.shape, dtype=np.uint64)
        for table, (own, (_, inverse)) in enumerate(
            zip(np.split(tags, ends), distinct, strict=True)
        ):
            found[table] = own[inverse]
        return found

    def _live_keys(self) -> KeyPair:
        if self._keys is None:
            raise KeyDestroyed(f"the key of epoch {self.epoch} is destroyed")
        return self._keys

    def _points(self, body: bytes) -> bytes:
        values = wire.decode(wire.REQUEST, body)
        wire.require_epoch(values, self.epoch)
        return wire.octets(values, "points", ristretto.POINT_BYTES * self.parameters.questions)

    def _evaluate_all(self, jobs: Sequence[tuple[int, int]], progress: Progress) -> bytes:
        """The tag of each (table, piece), in order. libsodium runs outside Python's global lock."""
        secret = self._live_keys().secret

        def run(chunk: Sequence[tuple[int, int]]) -> bytes:
            inputs = (
                pieces.oprf_input(self.option, table, piece, self.parameters)
                for table, piece in chunk
            )
            return b"".join(
                oprf.evaluate(secret, message, Mode.VOPRF)[: wire.TAG_BYTES] for message in inputs
            )

        chunks = [jobs[i : i + _CHUNK] for i in range(0, len(jobs), _CHUNK)]
        with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
            futures = [pool.submit(run, chunk) for chunk in chunks]
            for done in _counting(futures, len(jobs)):
                progress(done, len(jobs))
            return b"".join(future.result() for future in futures)


def derive_secret(option: str, seed: bytes, epoch: int) -> bytes:
    """One epoch's secret key from 32 fresh random bytes (DeriveKeyPair of RFC 9497)."""
    info = f"softfall {option} epoch {epoch}".encode()
    return oprf.derive_key_pair(seed, info, Mode.VOPRF).secret


def columns(entries: Iterable[tuple[int, bytes]]) -> tuple[U32Array, npt.NDArray[np.uint8]]:
    """(N,) entry numbers and (N, 32) hashes. Raises MalformedMessage for an entry of another form.

    entries: (entry number below 2^32, 32-byte PDQ hash).
    """
    rows = list(entries)
    for number, pdq in rows:
        if len(pdq) != PDQ_BYTES or not 0 <= number < 2**32:
            raise MalformedMessage("an entry must be a number below 2^32 and a 32-byte hash")
    numbers = np.array([number for number, _ in rows], dtype=np.uint32)
    hashes = np.frombuffer(b"".join(pdq for _, pdq in rows), dtype=np.uint8)
    return numbers, hashes.reshape(-1, PDQ_BYTES)


def _counting(futures: list["Future[bytes]"], total: int) -> Iterator[int]:
    """How many evaluations are done, each time some are."""
    for finished, _ in enumerate(as_completed(futures), start=1):
        yield min(finished * _CHUNK, total)


def _proof_nonce(option: str, secret: bytes, transcript: bytes) -> ristretto.Scalar:
    """The proof's random scalar: a PRF of the transcript under the secret, as in RFC 6979.

    Two batches never share it, whatever the machine's random source does; equal batches give
    equal proofs.
    """
    label = f"softfall {option} proof nonce v1|".encode()
    key = hashlib.sha512(label + secret).digest()
    return ristretto.scalar_from_wide(hmac.digest(key, transcript, "sha512"))
