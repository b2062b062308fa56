"""What each party received, drawn from the recordings and held against the declarations.

Guarantees: every recorded byte is either decoded by what declares it and counted, or named in
`undeclared`. What could be read in the bytes is found by looking for it, not by assertion.
Leaves out: the witness's own questions to staff routes, health and figures.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from softfall.compare.declared import (
    ERROR,
    REPLY,
    REQUEST,
    Declared,
    Form,
    Leaf,
    Nature,
    Nothing,
)
from softfall.compare.recorder import SERVER, Exchange
from softfall.compare.results import FieldSeen, Readable, Undeclared, View
from softfall.compare.traces import ListedHashes, Needles
from softfall.wire import MalformedMessage

WITNESS_ROUTES: Final = ("/v1/staff/", "/v1/health", "/metrics")
NOT_MODIFIED: Final = 304
SAMPLE_BYTES: Final = 32
SAMPLES: Final = 3


@dataclass(frozen=True, slots=True, eq=False)
class Recording:
    """All that one role's process recorded. party: the role without its qualifier."""

    role: str
    party: str
    exchanges: Sequence[Exchange]
    spool: bytes = field(repr=False)

    def body(self, exchange: Exchange) -> bytes:
        """What the role received in one exchange."""
        return self.spool[exchange.received_at : exchange.received_at + exchange.received_bytes]


@dataclass(slots=True)
class _Pile:
    """Equal exchanges of one declaration, added up."""

    peer: str
    meaning: str
    count: int = 0
    body_bytes: int = 0
    head_bytes: int = 0
    fields: dict[str, tuple[Leaf, int]] = field(default_factory=dict)

    def add(self, exchange: Exchange, leaves: Iterable[Leaf]) -> None:
        self.count += 1
        self.body_bytes += exchange.received_bytes
        self.head_bytes += exchange.received_head_bytes
        for leaf in leaves:
            _, size_bytes = self.fields.get(leaf.name, (leaf, 0))
            self.fields[leaf.name] = (leaf, size_bytes + leaf.size_bytes)


def draw_views(recording: Recording, declared: Declared) -> tuple[list[View], list[Undeclared]]:
    """One role's views, and what it received that nothing declares."""
    piles: dict[tuple[str, str, str], _Pile] = {}
    strange: dict[tuple[str, str], int] = defaultdict(int)
    for exchange in recording.exchanges:
        if exchange.path.startswith(WITNESS_ROUTES):
            continue
        way = REQUEST if exchange.side == SERVER else REPLY
        row = declared.of(recording.party, way, exchange.method, exchange.path)
        if row is None:
            path = exchange.path.partition("?")[0]
            strange[f"{exchange.method} {path}", f"no {way} is declared"] += 1
            continue
        failed = way == REPLY and exchange.status >= 400
        form: Form = ERROR if failed else row.form
        if way == REPLY and exchange.status == NOT_MODIFIED:
            form = Nothing("not modified")
        try:
            leaves = form.leaves(recording.body(exchange), Nature.ROUTING if failed else row.nature)
        except MalformedMessage as error:
            strange[row.route, error.what] += 1
            continue
        meaning = "why a request was refused" if failed else row.meaning
        pile = piles.setdefault((row.route, way, form.name), _Pile(row.peer, meaning))
        pile.add(exchange, leaves)
    views = [_view(recording.role, key, pile) for key, pile in piles.items()]
    return views, [
        Undeclared(role=recording.role, route=route, why=why, count=count)
        for (route, why), count in strange.items()
    ]


def look_for(
    recording: Recording,
    pictures: Sequence[bytes],
    texts: Sequence[str],
    listed: ListedHashes,
) -> Readable:
    """How many of the pictures, texts and list entries stand open in what the role received.

    A picture counts as readable if all of its sampled stretches are found.
    """
    spool = recording.spool
    parts_of = [samples(picture) for picture in pictures]
    found = Needles(part for parts in parts_of for part in parts).found_in(spool)
    seen = sum(all(part in found for part in parts) for parts in parts_of)
    return Readable(
        role=recording.role,
        searched_bytes=len(spool),
        pictures=seen,
        texts=sum(text.encode() in spool for text in texts),
        list_entries=len(listed.found_in(spool)),
    )


def samples(data: bytes) -> list[bytes]:
    """Stretches of a file of 200 bytes or more that tell it from any other: one a third."""
    third = len(data) // SAMPLES
    middles = (third * at + third // 2 for at in range(SAMPLES))
    return [data[start : start + SAMPLE_BYTES] for start in middles]


def bytes_by_time(
    recordings: Mapping[str, Recording], start_ns: int, end_ns: int
) -> tuple[dict[str, int], dict[str, int]]:
    """What each device sent and received, heads included, in exchanges begun within the time."""
    up: dict[str, int] = {}
    down: dict[str, int] = {}
    for role, recording in recordings.items():
        within = [
            exchange
            for exchange in recording.exchanges
            if start_ns <= exchange.start_ns < end_ns and exchange.side != SERVER
        ]
        up[role] = sum(each.sent_bytes + each.sent_head_bytes for each in within)
        down[role] = sum(each.received_bytes + each.received_head_bytes for each in within)
    return up, down


def _view(role: str, key: tuple[str, str, str], pile: _Pile) -> View:
    route, way, form = key
    return View(
        role=role,
        peer=pile.peer,
        route=route,
        way=way,
        form=form,
        meaning=pile.meaning,
        count=pile.count,
        body_bytes=pile.body_bytes,
        head_bytes=pile.head_bytes,
        fields=tuple(
            FieldSeen(
                name=leaf.name,
                meaning=leaf.meaning,
                nature=leaf.nature.value,
                size_bytes=size_bytes,
            )
            for leaf, size_bytes in pile.fields.values()
        ),
    )
