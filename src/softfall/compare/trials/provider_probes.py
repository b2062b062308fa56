"""A provider that does not follow the protocol of `homomorphic`: what it learns of one picture.

Guarantees: really tried, at the running keyholder, with the provider's certificate, its prepared
list and fresh material from the running dealer: a recorded question sent again; and a picture's
query run again and again with one row's masks moved, each time by what halves its doubt, until the
keyholder answers no more. What it then believes is compared with the true distance.
Limit: one row is tried; a provider may choose another row each time, for one bit each.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import comb
from pathlib import Path
from typing import Final, Self

import httpx
import numpy as np
import numpy.typing as npt

from softfall.compare.casts.cast import KEYHOLDER, PROVIDER
from softfall.compare.casts.homomorphic import Homomorphic
from softfall.compare.keyed import BEGIN, FINISH
from softfall.compare.results import TrialResult
from softfall.compare.trials.linking import four_pictures, submissions
from softfall.compare.trials.scene import Finding, Scene, not_applicable
from softfall.crypto.columns import U16Array
from softfall.crypto.comparing import MODULUS, RADIUS_BITS
from softfall.edge.dealt_fetching import HomomorphicDealerClient
from softfall.edge.keyholder_tokens import read_keyholder_token
from softfall.edge.tls import client_context
from softfall.lists import manifest as manifests
from softfall.media.pdq import PdqHash
from softfall.options.homomorphic import listing, wire
from softfall.options.homomorphic.dealt_wire import capacity_of
from softfall.options.homomorphic.material import DealtProvider
from softfall.options.homomorphic.parameters import HomomorphicParameters
from softfall.options.homomorphic.provider import (
    Asked,
    BadKeyholderAnswer,
    Match,
    Outcome,
    PreparedList,
    Run,
    Spent,
)
from softfall.options.homomorphic.provider_modes import Half, PreparedSegment
from softfall.options.homomorphic.segments import (
    LIST_ROWS,
    NO_ENTRY,
    BoolArray,
    Rows,
    read_rows,
)
from softfall.provider.homomorphic.desk import FOLDER
from softfall.provider.homomorphic.shelf import Shelf
from softfall.wire import Value

WINDOW: Final = RADIUS_BITS + 1
FAR: Final = 200  # added to any distance, 0 to 256, it is beyond the radius still
BITS: Final = 256
MOST_RUNS: Final = 40
SECONDS: Final = 30.0
FETCH_SECONDS: Final = 3.0  # for the keyholder to fetch its half of the material
NOT_THERE: Final = "MaterialUnknown"
SPENT: Final = "this query was run too often"
Weights = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Moved:
    """A half whose masks are not the dealt ones when the distances are sent; honest afterwards."""

    half: Half
    shift: U16Array

    @property
    def masks(self) -> U16Array:
        """What is added to the distances: too much by `shift`."""
        return (self.half.masks + self.shift) % np.uint16(MODULUS)

    @property
    def begun_bytes(self) -> Mapping[str, int]:
        """As the half's."""
        return self.half.begun_bytes

    def go_on(self, theirs: Mapping[str, bytes]) -> dict[str, Value]:
        """As the half does."""
        return self.half.go_on(theirs)

    def finished_bytes(self, named: bool) -> Mapping[str, int]:
        """As the half's."""
        return self.half.finished_bytes(named)

    def matched(self, theirs: Mapping[str, bytes], told: int) -> bool | None:
        """As the half says."""
        return self.half.matched(theirs, told)

    def matching_rows(self, bits: bytes) -> BoolArray:
        """As the half says."""
        return self.half.matching_rows(bits)


class ShiftedRun(Run):
    """A run in which each row's distance counts as (distance + shift) mod 512."""

    def __init__(
        self, listed: PreparedList, asked: Asked, half: DealtProvider, shift: U16Array
    ) -> None:
        super().__init__(listed, [asked], [half])
        self._halves = [_Moved(each, shift) for each in self._halves]


@dataclass
class Doubt:
    """What is believed of one distance: a weight for each, 0 to 256, at first as chance has it."""

    weights: Weights = field(
        default_factory=lambda: np.array([comb(BITS, d) / 2.0**BITS for d in range(BITS + 1)])
    )

    def window(self) -> int:
        """The first of the 32 distances in a row that halve the doubt best."""
        total = self.weights.sum()
        inside = [self.weights[low : low + WINDOW].sum() for low in range(BITS + 1)]
        return int(np.argmin(np.abs(np.array(inside) - total / 2)))

    def learn(self, low: int, *, within: bool) -> None:
        """The distance is, or is not, one of the 32 from `low` on."""
        inside = np.zeros(BITS + 1, np.bool_)
        inside[low : low + WINDOW] = True
        self.weights[inside != within] = 0.0

    @property
    def left(self) -> list[int]:
        """Those that are possible still."""
        return [int(each) for each in np.flatnonzero(self.weights)]


@dataclass(frozen=True, slots=True)
class Probed:
    """What came of it. runs: that were answered; refusal: what the keyholder said to the next."""

    left: Sequence[int]
    true_bits: int
    runs: int
    refusal: str
    again: str


def probe(scene: Scene) -> Finding:
    """One picture's query, run with one row's masks moved, until the keyholder answers no more."""
    if not isinstance(scene.cast, Homomorphic):
        return not_applicable("no keyholder takes part")
    picture = four_pictures(scene).first
    (body,) = submissions(scene, (picture,))
    if body is None:
        return Finding(TrialResult.NOT_RUN, "the picture's submission was not recorded")
    hashed = next(
        each.hashed
        for each in scene.conversation.pictures
        if not each.listed and isinstance(each.hashed, PdqHash)
    )
    with _Provider(scene.cast, scene) as provider:
        found = provider.probe(Asked.read(body), hashed.bits)
    sees = found.true_bits in found.left and len(found.left) <= BITS // 2
    stopped = found.refusal or "not refused"
    return Finding(
        TrialResult.SEES if sees or not found.refusal or not found.again else TrialResult.CANNOT,
        f"one row's masks moved: after {found.runs} answers about one picture the distance to one "
        f"of {provider.listed.rows:,} rows is one of {len(found.left)} values, the true one "
        f"{'among them' if found.true_bits in found.left else 'not among them'}; of all other rows "
        f"nothing. Then: {stopped}. A recorded question sent again: {found.again or 'answered'}",
        by_whom=PROVIDER if sees else "",
        evidence=("homomorphic_begin to the running keyholder", "the provider's own store"),
        figure=f"1 of {provider.listed.rows:,} distances, {found.runs} runs",
    )


class _Provider:
    """All that a provider has, in the hands of one who cheats."""

    def __init__(self, cast: Homomorphic, scene: Scene) -> None:
        self._scene = scene
        folder = scene.place.folder
        tls = folder / "tls"
        self._dealer = HomomorphicDealerClient(cast.dealer_url, tls, PROVIDER)
        context = client_context(tls, PROVIDER)
        shown = {"authorization": f"Bearer {read_keyholder_token(tls)}"}
        self._http = httpx.Client(
            base_url=cast.keyholder_url, verify=context, headers=shown, timeout=SECONDS
        )
        self._rows: list[Rows] = []
        self.listed = self._prepared(folder / PROVIDER)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self._http.close()
        self._dealer.close()

    def probe(self, asked: Asked, hash_bits: bytes) -> Probed:
        """Until the doubt is gone, or the keyholder refuses."""
        row = int(np.flatnonzero(self.listed.numbers != NO_ENTRY)[0])
        again = self._refused(BEGIN, self._recorded_begin())
        doubt, runs, tries, refusal = Doubt(), 0, 0, ""
        while tries < MOST_RUNS and refusal in ("", NOT_THERE):
            tries += 1  # as the real provider does, anew with the next where the other half is gone
            low = doubt.window()
            shift = np.full(self.listed.rows, FAR, np.uint16)
            shift[row] = -low % MODULUS
            run = ShiftedRun(self.listed, asked, self._half(), shift)
            begun = self._begun(run.begin())
            refusal = _refusal(begun)
            if refusal:
                continue
            outcome = self._finished(run, begun.content)
            if isinstance(outcome, Spent):
                refusal = SPENT
                continue
            runs += 1
            doubt.learn(low, within=isinstance(outcome, Match))
        return Probed(doubt.left, self._true_bits(row, hash_bits), runs, refusal, again)

    def _begun(self, question: bytes) -> httpx.Response:
        """The answer, once the keyholder has fetched its half of the material."""
        until = time.monotonic() + FETCH_SECONDS
        while True:
            answer = self._post(BEGIN, question)
            if _refusal(answer) != NOT_THERE or time.monotonic() > until:
                return answer
            time.sleep(0.1)

    def _finished(self, run: Run, begun: bytes) -> Outcome:
        finish = run.go_on(begun)
        if finish is None:
            (outcome,) = run.results(None)
            if isinstance(outcome, Spent):
                return outcome
            raise BadKeyholderAnswer("the keyholder can't open a capsule that it opened before")
        answer = self._post(FINISH, finish)
        if refusal := _refusal(answer):
            raise BadKeyholderAnswer(f"the keyholder did not finish: {refusal}")
        (outcome,) = run.results(answer.content)
        return outcome

    def _refused(self, path: str, body: bytes) -> str:
        return _refusal(self._post(path, body))

    def _post(self, path: str, body: bytes) -> httpx.Response:
        return self._http.post(path, content=body, headers={"content-type": "application/cbor"})

    def _half(self) -> DealtProvider:
        kind = self.listed.parameters.mode, capacity_of(self.listed.rows)
        ((_, half),) = self._dealer.fetch(*kind, 1)
        return DealtProvider.decode(half)

    def _recorded_begin(self) -> bytes:
        recording = self._scene.recording(KEYHOLDER)
        good = (each for each in recording.exchanges if each.path == BEGIN and each.status == 200)
        return recording.body(next(good))

    def _prepared(self, home: Path) -> PreparedList:
        """The list version in use, as the provider keeps it."""
        recording = self._scene.recording(KEYHOLDER)
        carried = [each for each in recording.exchanges if each.path == "/v1/lists"][-1]
        values = wire.decode(wire.LIST_CARRIED, recording.body(carried))
        version = listing.read(wire.octets(values, "list_version"))
        told = manifests.read(wire.octets(values, "manifest"))
        shelf = Shelf(home / FOLDER)
        segments = []
        for each in version.segments:
            mapped = shelf.open(each)
            segments.append(PreparedSegment(mapped.prepared, mapped.numbers, each.live))
            rows = read_rows(shelf.rows.read(each.rows_sha256))
            self._rows.append(rows.chosen(each.live))
        parameters = HomomorphicParameters.decode(told.parameters)
        return PreparedList(version.epoch, version.list_version, parameters, tuple(segments))

    def _true_bits(self, row: int, hash_bits: bytes) -> int:
        """The distance to a list row, in plain."""
        hashes = np.concatenate([each.hashes[:, :LIST_ROWS].reshape(-1, 32) for each in self._rows])
        own = np.frombuffer(hash_bits, np.uint8)
        return int(np.bitwise_count(hashes[row] ^ own).sum())


def _refusal(answer: httpx.Response) -> str:
    """The name of an error; empty for an answer."""
    return "" if answer.status_code == httpx.codes.OK else str(answer.json()["error"])
