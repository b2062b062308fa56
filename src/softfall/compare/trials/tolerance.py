"""What a patched sender gains by moving its submitted hash inside the decoder tolerance: measured.

Guarantees: no picture is made or altered for it. For each edited copy of a listed photograph that
plain PDQ finds, only the submitted hash is moved, in every way that `options.decoders` allows (at
most BITS bits, each within MARGIN of the median), and the way that helps the sender most counts. A
moved hash counts only if the recipient's own rule accepts it. Probes are what an unpatched device
asks for with that hash.
Limit: pieces stand for their tags here (equal pieces give equal tags, that is what tags are).
docs/experiments/decoder_tolerance.md has the same on more pictures, and the trade of probes.
"""

import itertools
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from softfall.compare.plan import AS_IT_IS, Picture
from softfall.compare.results import TrialResult
from softfall.compare.trials.scene import Finding, Scene, not_applicable
from softfall.lists.entries import MATCH_RADIUS_BITS
from softfall.media.pdq import PdqHash
from softfall.options import decoders
from softfall.options.decoders import hash_disagreement
from softfall.options.on_device.parameters import DEFAULT_PARAMETERS as ON_DEVICE
from softfall.options.split.parameters import DEFAULT_PARAMETERS as SPLIT
from softfall.options.tags import pieces
from softfall.options.tags.opening import Opened
from softfall.options.tags.parameters import TagParameters
from softfall.options.tags.tolerance import disagreement

TAGS: Final[Mapping[str, TagParameters]] = {"split": SPLIT, "on_device": ON_DEVICE.tags}

NO_HASH: Final = "devices hand no hash over, so there is none to move"

Rows = npt.NDArray[np.uint8]
Finds = Callable[[PdqHash], bool]
Accepts = Callable[[PdqHash, bytes], bool]


def gain(scene: Scene) -> Finding:
    """How many of the copies that plain PDQ finds slip past when the hash is moved."""
    if not scene.matches:
        return not_applicable(NO_HASH)
    copies = [
        (each, each.hashed)
        for each in scene.conversation.pictures
        if each.listed and each.edit != AS_IT_IS and isinstance(each.hashed, PdqHash)
    ]
    if not copies:
        return Finding(TrialResult.NOT_RUN, "no edited copy is found by plain PDQ")
    entries = np.frombuffer(b"".join(scene.conversation.known.hashes), np.uint8).reshape(-1, 32)
    finds = finder(scene.option, entries)
    return measured(copies, finds, recipient_of(scene.option))


def measured(copies: Sequence[tuple[Picture, PdqHash]], finds: Finds, accepts: Accepts) -> Finding:
    """The finding over these copies. accepts: the recipient's rule about a moved hash."""
    honest, slipped, could_move = 0, 0, 0
    for _, hashed in copies:
        if not finds(hashed):
            continue
        honest += 1
        moved = [each for each in moves(hashed) if accepts(hashed, each.bits)]
        could_move += bool(moved)
        slipped += any(not finds(each) for each in moved)
    total = len(copies)
    return Finding(
        TrialResult.ESCAPES if slipped else TrialResult.CAUGHT,
        f"of {total} edited copies that plain PDQ finds, {honest} are found from an honest sender, "
        f"{honest - slipped} from one that moves its hash: it gains {slipped} of {total} "
        f"({slipped / total:.1%}); {could_move} had a bit that may be moved (at most "
        f"{decoders.BITS} bits within {decoders.MARGIN})",
        by_whom="" if slipped else "the option's own matching",
        evidence=("the hashes of the run's edited copies", "options/decoders.py"),
        figure=f"gains {slipped} of {total}",
    )


def recipient_of(option: str) -> Accepts:
    """Whether a recipient who hashed the picture itself accepts this hash, and its probes."""
    parameters = TAGS.get(option)
    if parameters is None:
        return lambda honest, moved: hash_disagreement(honest, moved) is None

    def accepts(honest: PdqHash, moved: bytes) -> bool:
        masks = pieces.probe_masks(honest.margins, parameters)
        return disagreement(honest, Opened(moved, masks, [], b""), parameters) is None

    return accepts


def moves(hashed: PdqHash) -> Iterator[PdqHash]:
    """The hash with each set of at most BITS bits flipped that lie within MARGIN of the median."""
    movable = np.flatnonzero(hashed.margins <= decoders.MARGIN).tolist()
    for count in range(1, min(decoders.BITS, len(movable)) + 1):
        for chosen in itertools.combinations(movable, count):
            bits = np.unpackbits(np.frombuffer(hashed.bits, np.uint8))
            bits[list(chosen)] ^= 1
            yield PdqHash(np.packbits(bits).tobytes(), hashed.quality, hashed.margins)


def finder(option: str, entries: Rows) -> Finds:
    """Whether an option finds a hash on this list. entries: (N, 32) uint8."""
    if option in TAGS:
        return _by_tags(entries, TAGS[option])
    return lambda hashed: bool((_distances(hashed, entries) <= MATCH_RADIUS_BITS).any())


def _by_tags(entries: Rows, parameters: TagParameters) -> Finds:
    """Candidates in enough tables, then the exact distance, as `confirm` has it."""
    listed = pieces.pieces(entries, parameters)
    orders = listed.argsort(axis=1)
    ordered = np.take_along_axis(listed, orders, axis=1)

    def find(hashed: PdqHash) -> bool:
        row = np.frombuffer(hashed.bits, np.uint8)[None, :]
        own = pieces.pieces(row, parameters)[:, 0]
        hits = Counter[int]()
        for table, flips in enumerate(pieces.probe_masks(hashed.margins, parameters)):
            probes = np.array([int(own[table]) ^ mask for mask in flips], np.uint64)
            left = np.searchsorted(ordered[table], probes, side="left")
            right = np.searchsorted(ordered[table], probes, side="right")
            spans = zip(left.tolist(), right.tolist(), strict=True)
            hits.update({entry for a, b in spans for entry in orders[table, a:b].tolist()})
        candidates = [entry for entry, count in hits.items() if count >= parameters.hits]
        return bool((_distances(hashed, entries[candidates]) <= MATCH_RADIUS_BITS).any())

    return find


def _distances(hashed: PdqHash, entries: Rows) -> npt.NDArray[np.int64]:
    """In bits, to each entry."""
    differing = np.frombuffer(hashed.bits, np.uint8) ^ entries
    counted: npt.NDArray[np.int64] = np.bitwise_count(differing).sum(axis=1, dtype=np.int64)
    return counted
