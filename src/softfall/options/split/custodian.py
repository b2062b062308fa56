"""The custodian's half of `split`: it holds the list and the key, and sees blinded points only.

Guarantees: the artefact holds pseudorandom tags and entry numbers, never a hash; every answer
carries a proof that the epoch's published key was used, so nobody can be given a key of their own.
Refuses: points that are malformed or the identity, another epoch's requests, and any request once
the key is destroyed.
Limits: whoever may ask without limit can invert tags (the quota is the caller's to keep: `cost`),
and this half can't tell such a caller from a device. Python can't wipe the key from memory.
"""

import hashlib
import hmac
import os
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from typing import ClassVar, Final

import numpy as np
import numpy.typing as npt

from softfall.crypto import oprf, ristretto
from softfall.crypto.oprf import KeyPair, Mode
from softfall.errors import RefusedError
from softfall.options.contract import PDQ_BYTES, Prepared, Progress
from softfall.options.split import pieces, wire
from softfall.options.split.parameters import DEFAULT_PARAMETERS, SplitParameters
from softfall.wire import MalformedMessage

_CHUNK: Final = 2000  # evaluations between two reports of progress, about 0.13 s of one core


class KeyDestroyed(RefusedError):
    """The epoch has ended and its key no longer exists."""

    remedy = "Fetch the current epoch's manifest; nothing can be evaluated under an old key."


class SplitCustodian:
    """One epoch of `split` and its secret key (32 bytes, from `derive_secret`)."""

    name: ClassVar[str] = "split"

    def __init__(
        self, epoch: int, secret_key: bytes, parameters: SplitParameters = DEFAULT_PARAMETERS
    ) -> None:
        secret = ristretto.decode_scalar(secret_key)
        self._keys: KeyPair | None = KeyPair(secret, oprf.public_key(secret))
        self.epoch = epoch
        self.parameters = parameters

    def prepare(self, entries: Iterable[tuple[int, bytes]], progress: Progress) -> Prepared:
        """The epoch's public key and the provider's artefact, on every core.

        entries: (entry number below 2^32, 32-byte PDQ hash). progress(done, all) counts
        evaluations, about 65 us of one core each; equal pieces are evaluated once.
        Raises MalformedMessage for an entry of another form, KeyDestroyed.
        """
        numbers, hashes = _columns(entries)
        tables = pieces.pieces(hashes, self.parameters)
        distinct = [np.unique(row, return_inverse=True) for row in tables]
        jobs = [
            (table, int(piece))
            for table, (values, _) in enumerate(distinct)
            for piece in values.tolist()
        ]
        tags = np.frombuffer(self._evaluate_all(jobs, progress), dtype=">u8")
        tag_rows, number_rows, start = [], [], 0
        for values, inverse in distinct:
            row = tags[start : start + len(values)][inverse]
            order = np.lexsort((numbers, row))
            tag_rows.append(row[order].tobytes())
            number_rows.append(numbers[order].astype(">u4").tobytes())
            start += len(values)
        artefact = self._artefact(len(numbers), b"".join(tag_rows), b"".join(number_rows))
        return Prepared(self._live_keys().public, artefact)

    def answer(self, body: bytes) -> bytes:
        """The reply to one relayed request.

        Raises MalformedMessage, MalformedPoint, OtherEpoch; KeyDestroyed once the epoch ended.
        """
        keys = self._live_keys()
        points = ristretto.decode_points(self._points(body))
        evaluated = oprf.blind_evaluate(keys.secret, points)
        reply = b"".join(evaluated)
        nonce = _proof_nonce(keys.secret, body + reply)
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

    def _live_keys(self) -> KeyPair:
        if self._keys is None:
            raise KeyDestroyed(f"the key of epoch {self.epoch} is destroyed")
        return self._keys

    def _points(self, body: bytes) -> bytes:
        values = wire.decode(wire.REQUEST, body)
        wire.require_epoch(values, self.epoch)
        return wire.octets(values, "points", ristretto.POINT_BYTES * self.parameters.questions)

    def _artefact(self, entries: int, tags: bytes, numbers: bytes) -> bytes:
        parameters = self.parameters.encode()
        return wire.ARTEFACT.encode(
            {
                "version": wire.VERSION,
                "epoch": self.epoch,
                "parameters": parameters,
                "entries": entries,
                "tags": tags,
                "numbers": numbers,
                "checksum": wire.artefact_checksum(parameters, tags, numbers),
            }
        )

    def _evaluate_all(self, jobs: list[tuple[int, int]], progress: Progress) -> bytes:
        """The tag of each (table, piece), in order. libsodium runs outside Python's global lock."""
        secret = self._live_keys().secret

        def run(chunk: list[tuple[int, int]]) -> bytes:
            inputs = (pieces.oprf_input(table, piece, self.parameters) for table, piece in chunk)
            return b"".join(
                oprf.evaluate(secret, message, Mode.VOPRF)[: wire.TAG_BYTES] for message in inputs
            )

        chunks = [jobs[i : i + _CHUNK] for i in range(0, len(jobs), _CHUNK)]
        with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
            futures = [pool.submit(run, chunk) for chunk in chunks]
            for done in _counting(futures, len(jobs)):
                progress(done, len(jobs))
            return b"".join(future.result() for future in futures)


def derive_secret(seed: bytes, epoch: int) -> bytes:
    """One epoch's secret key from 32 fresh random bytes (DeriveKeyPair of RFC 9497)."""
    info = b"softfall split epoch " + str(epoch).encode()
    return oprf.derive_key_pair(seed, info, Mode.VOPRF).secret


def _columns(
    entries: Iterable[tuple[int, bytes]],
) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.uint8]]:
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


def _proof_nonce(secret: bytes, transcript: bytes) -> ristretto.Scalar:
    """The proof's random scalar: a PRF of the transcript under the secret, as in RFC 6979.

    Two batches never share it, whatever the machine's random source does; equal batches give
    equal proofs.
    """
    key = hashlib.sha512(b"softfall split proof nonce v1|" + secret).digest()
    return ristretto.scalar_from_wide(hmac.digest(key, transcript, "sha512"))
