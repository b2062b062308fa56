"""The map as one looks into it: a base and its deltas, up to a version.

Guarantees: a picture's candidates are the entries that at least `hits` tables of one segment name,
less those withdrawn later; likeliest first, at most MAX_CANDIDATES; a function of (tags, version),
so that sender and recipient find the same.
Refuses: segments that are not one base and the deltas that follow it (SegmentsDoNotFollow); a
version that is not there (NotThisVersion).
Oracle: `candidates_oracle`.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from softfall.errors import PeerError, UnavailableError
from softfall.lists.distribution import list_digest
from softfall.options.on_device import static_function, wire
from softfall.options.on_device.parameters import OnDeviceParameters
from softfall.options.on_device.segment import MapKeys, Segment
from softfall.options.on_device.stack import Stack
from softfall.options.tags.opening import TagRows


class SegmentsDoNotFollow(PeerError):
    """The map's files are not one base and the deltas upon it, of one epoch and one kind."""

    remedy = "Keep the last good map, fetch the epoch's files again, and tell the custodian."


class NotThisVersion(UnavailableError):
    """The map here is older than the version asked about, or its epoch began later."""

    remedy = "Fetch the epoch's newest deltas, then look again; nothing is said about the sender."


class MapView:
    """An epoch's map at one version. Segments: the base, then each delta, in order."""

    def __init__(self, segments: Sequence[Segment]) -> None:
        """Raises SegmentsDoNotFollow."""
        if not segments or segments[0].follows is not None:
            raise SegmentsDoNotFollow("the first file is no base")
        for before, after in pairwise(segments):
            if (after.epoch, after.parameters) != (before.epoch, before.parameters):
                raise SegmentsDoNotFollow("two files are of different epochs or parameters")
            if after.follows != before.list_version or after.list_version <= before.list_version:
                raise SegmentsDoNotFollow(
                    f"version {after.list_version} does not follow version {before.list_version}"
                )
        self._segments = tuple(segments)
        # The base alone, so that its cells are not copied.
        parts = [part for part in (self._segments[:1], self._segments[1:]) if part]
        self._stacks = [Stack(part) for part in parts]
        self._withdrawn_in = _withdrawn_in(self._segments)

    @property
    def epoch(self) -> int:
        """The list epoch."""
        return self._segments[0].epoch

    @property
    def list_version(self) -> int:
        """The newest version here."""
        return self._segments[-1].list_version

    @property
    def parameters(self) -> OnDeviceParameters:
        """The epoch's parameters."""
        return self._segments[0].parameters

    @property
    def digest(self) -> bytes:
        """32 bytes over the segments' own: equal only for the same files (`Segments.digest`)."""
        return list_digest(segment.sha256 for segment in self._segments)

    def at(self, list_version: int) -> "MapView":
        """The map as it was at one version. Raises NotThisVersion."""
        for count, segment in enumerate(self._segments, start=1):
            if segment.list_version == list_version:
                return self if count == len(self._segments) else MapView(self._segments[:count])
        raise NotThisVersion(
            f"version {list_version} was asked for, version {self.list_version} is here"
        )

    def candidates(self, rows: TagRows) -> tuple[int, ...]:
        """The entries to confirm for a picture's tags (a row a table), likeliest first."""
        slots, probes = self.parameters.slots, len(rows[0])
        tags = [tag for row in rows for tag in row for _ in range(slots)]
        asked = MapKeys.of(tags, list(range(slots)) * (len(rows) * probes))
        tables = np.repeat(np.arange(len(rows)), probes * slots)
        named: set[tuple[int, int, int]] = set()
        first = 0
        for stack in self._stacks:
            codes, hit = stack.find(asked)
            places, keys = np.nonzero(hit)
            numbers = codes[places, keys].tolist()
            named.update(
                zip((places + first).tolist(), numbers, tables[keys].tolist(), strict=True)
            )
            first += len(codes)
        hits = Counter((place, number) for place, number, _ in named)
        found = [
            (-count, number)
            for (place, number), count in hits.items()
            if count >= self.parameters.tags.hits and self._withdrawn_in.get(number, -1) <= place
        ]
        return tuple(number for _, number in sorted(found)[: wire.MAX_CANDIDATES])


def candidates_oracle(view: MapView, rows: TagRows) -> tuple[int, ...]:
    """What `MapView.candidates` must say, one tag at a time."""
    parameters, found = view.parameters, []
    for place, segment in enumerate(view._segments):
        later = {int(n) for s in view._segments[place + 1 :] for n in s.withdrawn}
        tables_of: defaultdict[int, set[int]] = defaultdict(set)
        for table, row in enumerate(rows):
            for tag in row:
                for slot in range(parameters.slots):
                    code = _code_oracle(segment, tag, slot)
                    if code is not None:
                        tables_of[code].add(table)
        found += [
            (-len(tables), code)
            for code, tables in tables_of.items()
            if len(tables) >= parameters.tags.hits and code not in later
        ]
    return tuple(code for _, code in sorted(found)[: wire.MAX_CANDIDATES])


def _code_oracle(segment: Segment, tag: bytes, slot: int) -> int | None:
    if not segment.entries:
        return None
    asked = MapKeys.of([tag], [slot])
    key = (int(asked.keys[0, 0]), int(asked.keys[0, 1]))
    bits = segment.parameters.value_bits
    packed = segment.cells.tobytes()[: -static_function.GUARD_BYTES]
    value = static_function.lookup_oracle(packed, bits, key, segment.shape)
    code, check = divmod(
        value ^ (int(asked.pads[0]) & (1 << bits) - 1), 1 << segment.parameters.check_bits
    )
    return code if check == 0 and segment.lowest <= code <= segment.highest else None


def _withdrawn_in(segments: Sequence[Segment]) -> dict[int, int]:
    """For each number that is withdrawn, the last segment that says so."""
    return {
        number: place
        for place, segment in enumerate(segments)
        for number in segment.withdrawn.tolist()
    }
