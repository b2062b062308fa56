"""The curious keyholder, alone, with the list, and together with the provider.

Guarantees: works on what the run recorded at the keyholder, with the keys and hints that lie there:
it takes off what a keyholder can take off, and compares what is left with what each picture's hash
would give. The very search is then shown the same distances without the provider's masks, where it
must name the pictures: so a search that finds nothing has looked.
Limits: a cleverer keyholder may find what this does not; what this finds, is found. It counts whole
distances and does not look at what rounding leaves below them: tests/crypto/lattice does, on a list
whose rows the keyholder knows in order.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from softfall.compare.casts import key_theft
from softfall.compare.casts.cast import KEYHOLDER, PROVIDER
from softfall.compare.keyed import BEGIN, FINISH, stock_fetched
from softfall.compare.plan import Kind
from softfall.compare.results import TrialResult
from softfall.compare.trials.scene import Finding, Scene, not_applicable
from softfall.compare.views import Recording
from softfall.crypto.columns import U16Array, unpacked
from softfall.crypto.comparing import MODULUS, RADIUS_BITS
from softfall.crypto.lattice.masking import BLOCK_BYTES, opened
from softfall.crypto.lattice.unmasking import secret_slots, unmasking
from softfall.crypto.shuffling import distances
from softfall.media.pdq import PdqHash
from softfall.messaging.envelope import ENVELOPE
from softfall.options.homomorphic import dealt_wire, keyholder, sealing, wire
from softfall.options.homomorphic.keyholder import HintList, HintSegment
from softfall.options.homomorphic.listing import read
from softfall.options.homomorphic.material import (
    DealtKeyholder,
    DealtProvider,
    PermutedKeyholder,
)
from softfall.options.homomorphic.segments import read_hint

NOBODY: Final = "no keyholder takes part"
MOST_PICTURES: Final = 60  # the searching is of this many, and of as many guesses
HINTS: Final = "/v1/hints/"
LIES: Final = (Kind.CHEAT, Kind.COLLUDING)  # of whose pictures something else is submitted

Counts = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Matched:
    """One picture that was matched. hash_bits: what it really was, which the keyholder can't know.

    opened: (rows,) what the keyholder gets by its keys alone; shown: what it is told besides, in
    the permuted mode, else the same; unmasked: `opened` without the provider's masks.
    """

    hash_bits: bytes
    opened: U16Array
    shown: U16Array
    unmasked: U16Array


@dataclass(frozen=True, slots=True)
class Told:
    """What came of a search. named: pictures told rightly among all guesses; wrongly: told wrong.

    linked: pairs of one and the same picture that could be told to be so; matches: pictures of
    which it could be told that they matched.
    """

    named: int
    wrongly: int
    linked: int
    matches: int

    @property
    def anything(self) -> bool:
        """Whether it told anything that is so."""
        return bool(self.named or self.linked or self.matches)


def view(scene: Scene) -> Finding:
    """Which picture was it, were two the same, did it match?"""
    if KEYHOLDER not in scene.cast.parties:
        return not_applicable(NOBODY)
    matched = _Recorded(scene).matched(MOST_PICTURES)
    listed = np.frombuffer(b"".join(scene.conversation.known.hashes), np.uint8).reshape(-1, 32)
    guesses = sorted({each.hash_bits for each in matched})
    control = search([each.unmasked for each in matched], matched, guesses, listed)
    if not matched or not control.named:
        return Finding(TrialResult.NOT_RUN, "the search names no picture where masks are taken off")
    told = search([each.shown for each in matched], matched, guesses, listed)
    return Finding(
        TrialResult.SEES if told.anything else TrialResult.CANNOT,
        f"of {len(matched)} pictures it sees {told.matches} match, it links {told.linked} pairs "
        f"of one picture, and by how often each distance occurs, with the list's hashes and "
        f"{len(guesses)} guesses, it names {told.named} rightly, {told.wrongly} wrongly (the same "
        f"search without the provider's masks: {control.matches}, {control.linked}, "
        f"{control.named})",
        by_whom=KEYHOLDER if told.anything else "",
        evidence=("homomorphic_begin, homomorphic_finish", "the keyholder's own keys and hints"),
        figure=f"names {told.named} of {len(matched)}",
    )


def together(scene: Scene) -> Finding:
    """Provider and keyholder: the one's log, the other's key."""
    if KEYHOLDER not in scene.cast.parties:
        return not_applicable(NOBODY)
    blast = scene.run.blast
    if blast is None:
        return Finding(TrialResult.NOT_RUN, "the run carried out no theft")
    sees = blast.hashes.count > 0
    return Finding(
        TrialResult.SEES if sees else TrialResult.CANNOT,
        f"the exact hash of {blast.hashes.count:,} of {blast.hashes.total:,} pictures sent, listed "
        f"or not; {blast.pictures.count:,} pictures, {blast.texts.count:,} texts",
        by_whom=f"{PROVIDER} and {KEYHOLDER}" if sees else "",
        evidence=("homomorphic_query in POST /v1/envelopes", "sealing keys of the keyholder"),
        figure=f"{blast.hashes.count:,} of {blast.hashes.total:,} hashes",
    )


def search(
    seen: Sequence[U16Array],
    matched: Sequence[Matched],
    guesses: Sequence[bytes],
    listed: npt.NDArray[np.uint8],
) -> Told:
    """What can be told of pictures by how often each distance occurs.

    seen: of each picture, numbers in any order. listed: (N, 32) the list, in any order. A guess is
    taken for a picture where all that it needs is there: rows that nobody knows may come besides.
    """
    counts = [np.bincount(each, minlength=MODULUS).astype(np.int64) for each in seen]
    wanted = [counts_of(guess, listed) for guess in guesses]
    named = wrongly = linked = found = 0
    for number, (own, each) in enumerate(zip(counts, matched, strict=True)):
        fitting = [g for g, need in zip(guesses, wanted, strict=True) if (need <= own).all()]
        named += each.hash_bits in fitting
        wrongly += any(guess != each.hash_bits for guess in fitting)
        same = [
            other
            for other in range(number)
            if matched[other].hash_bits == each.hash_bits and (counts[other] == own).all()
        ]
        linked += len(same)
        # Distances are 0 to 256; where every number occurs these are no distances at all.
        found += bool(own[: RADIUS_BITS + 1].any() and not own[257 : MODULUS - 1].any())
    return Told(named, wrongly, linked, found)


def counts_of(hash_bits: bytes, listed: npt.NDArray[np.uint8]) -> Counts:
    """How often each distance occurs between a hash and the list: (512,)."""
    own = np.frombuffer(hash_bits, np.uint8)
    bits = np.bitwise_count(listed ^ own).sum(axis=1, dtype=np.int64)
    return np.bincount(bits, minlength=MODULUS).astype(np.int64)


class _Recorded:
    """What keyholder and provider recorded of this run, put together."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._own = scene.recording(KEYHOLDER)
        self._providers = scene.recording(PROVIDER)

    def matched(self, most: int) -> list[Matched]:
        """Pictures with a hash that were matched, first come first."""
        found = []
        finished = self._finished
        for exchange in _answered(self._own, BEGIN):
            asked = keyholder.read(self._own.body(exchange))
            for run in asked.runs:
                bits = self._hashes.get(run.commitment)
                if bits is None or run.serial not in self._provider_halves:
                    continue
                values = self._opened(run)
                masks = DealtProvider.decode(self._provider_halves[run.serial]).spend()
                plain = (values - masks.masks(len(values))) % MODULUS
                shown = self._shown(run.serial, finished.get(run.serial), values)
                found.append(Matched(bits, values, shown, plain.astype(np.uint16)))
                if len(found) == most:
                    return found
        return found

    def _opened(self, run: keyholder.Asked) -> U16Array:
        """What the keyholder's keys make of the masked values."""
        seed = sealing.opened_seed(run.capsule, run.commitment, self._secrets, self._hints.epoch)
        assert seed is not None, "what was answered was opened"
        secret, parts, start = secret_slots(seed), list[U16Array](), 0
        for segment in self._hints.segments:
            hidden = unmasking(segment.hint, secret)[segment.live]
            stop = start + len(hidden) * BLOCK_BYTES
            parts.append(opened(run.masked[start:stop], hidden))
            start = stop
        return np.concatenate(parts)

    def _shown(self, serial: int, values: dict[str, Any] | None, otherwise: U16Array) -> U16Array:
        """In the permuted mode the distances that it was sent in the end."""
        if values is None or not values["values"] or serial not in self._keyholder_halves:
            return otherwise
        half = DealtKeyholder.decode(self._keyholder_halves[serial]).spend()
        if not isinstance(half, PermutedKeyholder):
            return otherwise
        hiding = half.hiding()
        return distances(unpacked(values["values"], len(hiding.taken_off)), hiding)

    @cached_property
    def _secrets(self) -> list[bytes]:
        return key_theft.stolen_secrets(self._scene.loot)

    @cached_property
    def _hints(self) -> HintList:
        """The list as it was carried: the newest version, and its hints."""
        bodies = [self._own.body(each) for each in _answered(self._own, "/v1/lists")]
        version = read(wire.octets(wire.decode(wire.LIST_CARRIED, bodies[-1]), "list_version"))
        hints = {
            each.path.removeprefix(HINTS): read_hint(self._own.body(each))
            for each in self._own.exchanges
            if each.path.startswith(HINTS)
        }
        segments = tuple(
            HintSegment(hints[each.hint_sha256.hex()], each.live) for each in version.segments
        )
        parameters = key_theft.parameters_of(self._scene.loot, self._scene.option)
        return HintList(version.epoch, version.list_version, parameters, segments)

    @cached_property
    def _finished(self) -> dict[int, dict[str, Any]]:
        """Each run's second question."""
        return {
            wire.serial(values): values
            for each in _answered(self._own, FINISH)
            for values in wire.nested(wire.decode(wire.FINISH, self._own.body(each)), "runs")
        }

    @cached_property
    def _provider_halves(self) -> dict[int, bytes]:
        fetched = stock_fetched(self._providers)
        return {
            serial: half
            for each in fetched
            for serial, half in dealt_wire.decode_stock(self._providers.body(each))
        }

    @cached_property
    def _keyholder_halves(self) -> dict[int, bytes]:
        bodies = [self._own.body(each) for each in stock_fetched(self._own)]
        return dict(half for body in bodies for half in dealt_wire.decode_keyholder_stock(body))

    @cached_property
    def _hashes(self) -> dict[bytes, bytes]:
        """The true hash behind each commitment, which the witness knows."""
        rows = {
            bytes.fromhex(played.message_id): turn.picture
            for played, turn in zip(self._scene.played, self._scene.conversation.turns, strict=True)
            if turn.picture is not None and turn.kind not in LIES and played.message_id
        }
        found = {}
        for exchange in _answered(self._providers, "/v1/envelopes"):
            values: dict[str, Any] = ENVELOPE.decode(self._providers.body(exchange))
            row, submission = rows.get(values["envelope_id"]), values["submission"]
            if row is None or submission is None or submission["option"] != self._scene.option:
                continue
            hashed = self._scene.conversation.pictures[row].hashed
            if isinstance(hashed, PdqHash):
                query = wire.decode(wire.QUERY, submission["body"])
                found[wire.octets(query, "commitment")] = hashed.bits
        return found


def _answered(recording: Recording, path: str) -> list[Any]:
    """Exchanges of one path that went well, in order."""
    good = (each for each in recording.exchanges if each.path == path and each.status < 300)
    return sorted(good, key=lambda each: each.start_ns)
