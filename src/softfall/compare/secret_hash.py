"""The research mode of `homomorphic`, end to end: a hash that nobody can study, on real pictures.

Half of the photographs are listed. Edited copies of all of them go, each as a JPEG file, through
the product's own decoder, the device's half, the provider's, the keyholder's and the dealer's: what
counts is the bit that the provider ends up with. Beside it stands plain PDQ within 31 bits, on the
same files and the same list.

Guarantees: a copy is encrypted, scored, unmasked and judged as bytes between the halves, in one
process; nothing is read off in the clear but what the rows called "in the clear" say.
Limits: a study of the idea. No service offers it; the halves do not run as processes here. The
threshold was chosen on pictures of this kind, see docs/experiments/secret_hash.md.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image

from softfall.compare.edits import to_jpeg
from softfall.compare.everyday import Everyday
from softfall.compare.statistics import Share
from softfall.config import MediaLimits
from softfall.crypto import hpke
from softfall.errors import InputError
from softfall.lists.entries import MATCH_RADIUS_BITS
from softfall.media.hashing import hash_picture
from softfall.media.pdq import PdqHash
from softfall.options.contract import ScanSecret
from softfall.options.homomorphic.dealer import deal
from softfall.options.homomorphic.material import DealtKeyholder, DealtProvider
from softfall.options.homomorphic.parameters import Mode
from softfall.options.homomorphic.secret_hash.custodian import SecretList, lay_out
from softfall.options.homomorphic.secret_hash.device import NAME, SecretHashDevice
from softfall.options.homomorphic.secret_hash.keyholder import SecretHashKeyholder
from softfall.options.homomorphic.secret_hash.plane import FlatPicture, I16Array, plane
from softfall.options.homomorphic.secret_hash.projection import SCORE_OF_ONE, I8Array, scores
from softfall.options.homomorphic.secret_hash.provider import SecretHashProvider

THRESHOLD: Final = 0.4
MIN_PICTURES: Final = 2
EPOCH: Final = 1
PARTIES: Final = ("device", "dealer", "provider", "keyholder")

FALSE_RATES: Final = (0.0, 1e-4, 1e-3)

RandomBytes = Callable[[int], bytes]
F64Array = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]


class TooFewPictures(InputError):
    """Not enough pictures with detail to list some and keep some apart."""

    remedy = "Give two photographs or more; drawings and plain areas have nothing to compare."


@dataclass(frozen=True, slots=True)
class Copy:
    """One edited copy. own: its photograph's place among all."""

    own: int
    edit: str
    bits: bytes | None
    luminance: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Row:
    """One edit: how many copies of listed photographs each way found, how many of others."""

    edit: str
    secret: Share
    plain: Share
    secret_mistaken: Share
    plain_mistaken: Share


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a study found. ms: each party's median for a picture; the rest is in the clear.

    equal_rates: (share of unrelated pairs that match, recall of the secret hash, of plain PDQ) with
    each one's threshold set so that no larger share of the unrelated pairs here matches.
    agreed: of the encrypted verdicts, those that the same scores give in the clear.
    separation: (mean of own - mean of unrelated) / their pooled deviation: secret hash, plain PDQ.
    between_epochs: the correlation of unrelated pictures' scores under two epochs' directions.
    """

    listed: int
    unlisted: int
    rows: list[Row]
    ms: dict[str, float]
    query_bytes: int
    agreed: Share
    equal_rates: list[tuple[float, float, float]]
    separation: tuple[float, float]
    between_epochs: float


def study(
    pictures: Sequence[Image.Image],
    edits: Sequence[Everyday],
    random_bytes: RandomBytes,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Outcome:
    """List every other picture, and ask about edited copies of all. Raises TooFewPictures."""
    originals = [_copy(picture, place, None) for place, picture in enumerate(pictures)]
    kept = [place for place, each in enumerate(originals) if _usable(each)]
    if len(kept) < MIN_PICTURES:
        raise TooFewPictures(f"{len(kept)} of {len(pictures)} pictures have something to compare")
    listed = kept[::2]
    run = _Parties([originals[place].luminance for place in listed], random_bytes)
    copies, verdicts = [], []
    for done, place in enumerate(kept):
        for edit in edits:
            copy = _copy(pictures[place], place, edit)
            copies.append(copy)
            verdicts.append(_usable(copy) and run.asks(copy.luminance))
        progress(done + 1, len(kept))
    return _Counting(originals, listed, copies, verdicts, run).outcome(edits)


class _Parties:
    """Every half, and how long each took."""

    def __init__(self, luminances: Sequence[bytes], random_bytes: RandomBytes) -> None:
        secret, public_seed = random_bytes(hpke.SECRET_BYTES), random_bytes(32)
        self.laid: SecretList = lay_out(luminances, random_bytes(32), public_seed, random_bytes(32))
        self._random_bytes = random_bytes
        self._device = SecretHashDevice(EPOCH, public_seed, hpke.public_of(secret))
        self._provider = SecretHashProvider(EPOCH, self.laid.weights)
        self._keyholder = SecretHashKeyholder(EPOCH, self.laid.hint, [secret], THRESHOLD)
        self._serial = 0
        self.query_bytes = 0
        self.seconds: dict[str, list[float]] = {party: [] for party in PARTIES}

    def asks(self, luminance: bytes) -> bool:
        """One picture's way through all of them."""
        self._serial += 1
        spent = dict.fromkeys(PARTIES, 0.0)
        clock = _Clock(spent)
        secret = ScanSecret(self._random_bytes(32), NAME, EPOCH)
        query = self._device.query(luminance, secret)
        clock.charge("device")
        dealt = deal(self._serial, Mode.PERMUTED, self._provider.rows, self._random_bytes)
        clock.charge("dealer")
        run = self._provider.run(query, DealtProvider.decode(dealt.provider))
        clock.charge("provider")
        begun, held = self._keyholder.begin(run.begin, DealtKeyholder.decode(dealt.keyholder))
        clock.charge("keyholder")
        finish = run.go_on(begun)
        clock.charge("provider")
        finished = self._keyholder.finish(finish, held)
        clock.charge("keyholder")
        self.query_bytes = len(query)
        for party in PARTIES:
            self.seconds[party].append(spent[party])
        return run.matched(finished)


class _Clock:
    """Charges the time since the last charge to somebody."""

    def __init__(self, spent: dict[str, float]) -> None:
        self._spent = spent
        self._since = time.perf_counter()

    def charge(self, party: str) -> None:
        now = time.perf_counter()
        self._spent[party] += now - self._since
        self._since = now


class _Counting:
    """From verdicts to an outcome."""

    def __init__(
        self,
        originals: Sequence[Copy],
        listed: Sequence[int],
        copies: Sequence[Copy],
        verdicts: Sequence[bool],
        run: _Parties,
    ) -> None:
        self._listed = list(listed)
        self._copies = copies
        self._verdicts = verdicts
        self._run = run
        hashes = [originals[place].bits for place in listed]
        self._hashes = np.array([np.frombuffer(bits or b"", np.uint8) for bits in hashes])
        self._originals = originals

    def outcome(self, edits: Sequence[Everyday]) -> Outcome:
        usable = [place for place, copy in enumerate(self._copies) if _usable(copy)]
        planes = np.array([plane(self._copies[place].luminance) for place in usable])
        weights = self._run.laid.weights[: len(self._listed)]
        found = cosine_table(weights, planes)
        clear = found.max(axis=1) >= THRESHOLD
        same = [bool(clear[row]) == self._verdicts[place] for row, place in enumerate(usable)]
        bits = np.array([self._distances(self._copies[place]) for place in usable], np.float64)
        own = np.array([[self._copies[p].own == each for each in self._listed] for p in usable])
        return Outcome(
            listed=len(self._listed),
            unlisted=len({copy.own for copy in self._copies}) - len(self._listed),
            rows=[self._row(edit.name) for edit in edits],
            ms={party: 1000 * median(taken) for party, taken in self._run.seconds.items()},
            query_bytes=self._run.query_bytes,
            agreed=Share(sum(same), len(same)),
            equal_rates=[
                (rate, _recall_at(rate, found, own), _recall_at(rate, -bits, own))
                for rate in FALSE_RATES
            ],
            separation=(_separation(found, own), _separation(-bits, own)),
            between_epochs=self._between_epochs(planes, own, found),
        )

    def _row(self, edit: str) -> Row:
        places = [place for place, copy in enumerate(self._copies) if copy.edit == edit]
        own = [place for place in places if self._copies[place].own in self._listed]
        other = [place for place in places if self._copies[place].own not in self._listed]
        return Row(
            edit,
            Share(sum(self._verdicts[place] for place in own), len(own)),
            Share(sum(self._plain(place) for place in own), len(own)),
            Share(sum(self._verdicts[place] for place in other), len(other)),
            Share(sum(self._plain(place) for place in other), len(other)),
        )

    def _plain(self, place: int) -> bool:
        copy = self._copies[place]
        return bool((self._distances(copy) <= MATCH_RADIUS_BITS).any())

    def _distances(self, copy: Copy) -> I16Array:
        if copy.bits is None:
            return np.full(len(self._listed), 256, np.int16)
        differing = self._hashes ^ np.frombuffer(copy.bits, np.uint8)
        return np.asarray(np.bitwise_count(differing).sum(axis=1, dtype=np.int16))

    def _between_epochs(self, planes: I16Array, own: BoolArray, found: F64Array) -> float:
        """How far the scores of unrelated pictures under one secret tell those under another."""
        luminances = [self._originals[place].luminance for place in self._listed]
        other = lay_out(luminances, bytes(32), bytes(32), bytes(32))
        again = cosine_table(other.weights[: len(self._listed)], planes)
        return float(np.corrcoef(found[~own], again[~own])[0, 1])


def cosine_table(weights: I8Array, planes: I16Array) -> F64Array:
    """Every plane's cosine with every row of weights, in the clear: (planes, rows)."""
    return np.asarray(scores(weights, planes) / SCORE_OF_ONE)


def _copy(picture: Image.Image, own: int, edit: Everyday | None) -> Copy:
    data = to_jpeg(picture) if edit is None else edit.apply(picture, own)
    found = hash_picture(data, MediaLimits()).found
    if not isinstance(found, PdqHash):
        return Copy(own, edit.name if edit else "", None, b"")
    return Copy(own, edit.name if edit else "", found.bits, found.luminance)


def _usable(copy: Copy) -> bool:
    if copy.bits is None:
        return False
    try:
        plane(copy.luminance)
    except FlatPicture:
        return False
    return True


def _separation(values: F64Array, own: BoolArray) -> float:
    near, far = values[own], values[~own]
    if not len(near) or not len(far):
        return float("nan")
    return float((near.mean() - far.mean()) / np.sqrt((near.var() + far.var()) / 2))


def _recall_at(rate: float, values: F64Array, own: BoolArray) -> float:
    """The share of own pairs above all but this share of the unrelated ones."""
    near, far = values[own], np.sort(values[~own])
    if not len(near) or not len(far):
        return float("nan")
    return float((near > far[len(far) - 1 - int(rate * len(far))]).mean())
