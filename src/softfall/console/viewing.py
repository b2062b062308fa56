"""Opening evidence for a person: drawn first, counted and on record next, and only then shown.

Guarantees: a picture is drawn by the sandboxed child before its view is counted, so that nobody is
charged for what could not be drawn, and nothing is returned to be shown unless its view is in the
database and in the audit log. Words that belong together are opened together or not at all.
Refuses, as a value: `NotNow` (the person's limits), `NotRendered` (why a picture can't be drawn).
Leaves to `evidence.views`: whose case it is, the limits, the audit line.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from softfall.casework.evidence.views import Asked, Views, close_view
from softfall.casework.exposure import Allowed, NotNow
from softfall.casework.model import EvidenceKind
from softfall.casework.rights import StaffRef
from softfall.edge.rendering import RendererProcess
from softfall.errors import InputError
from softfall.media.rendered import WHOLE, NotRendered, Rendered
from softfall.store.transactions import Database

RENDER_SECONDS: Final = 20.0


class NotSuchEvidence(InputError):
    """This way of opening is for another kind of evidence."""

    remedy = "Open pictures in the viewer, and words on their own page."


@dataclass(frozen=True, slots=True)
class Opened:
    """What may be shown now. view_ids: to be closed; until_ms: when it must be gone."""

    view_ids: tuple[int, ...]
    until_ms: int
    left: Allowed
    bodies: tuple[bytes, ...] = field(repr=False)


class Viewing:
    """Opens and closes evidence for people. clock: Unix milliseconds."""

    def __init__(
        self, db: Database, clock: Callable[[], int], views: Views, renderer: RendererProcess
    ) -> None:
        self._db = db
        self._clock = clock
        self._views = views
        self._renderer = renderer

    def open_region(self, staff: StaffRef, asked: Asked) -> Opened | NotNow | NotRendered:
        """One region of a picture, as a PNG.

        Raises what `Views.open_view` raises; NotSuchEvidence.
        """
        with self._db.read() as tx:
            peeked = self._views.peek(tx, staff, asked, self._clock())
        if isinstance(peeked, NotNow):
            return peeked
        if peeked.kind is not EvidenceKind.PICTURE:
            raise NotSuchEvidence("this is no picture")
        drawn = self._renderer.render(peeked.body, asked.region, asked.blur, RENDER_SECONDS)
        if not isinstance(drawn, Rendered):
            return drawn
        with self._db.write() as tx:
            view = self._views.open_view(tx, staff, asked, self._clock(), partial=drawn.more)
        if isinstance(view, NotNow):
            return view
        return Opened((view.view_id,), view.until_ms, view.left, (drawn.png,))

    def open_words(
        self, staff: StaffRef, case_id: str, evidence_ids: Sequence[int], reason: str
    ) -> Opened | NotNow:
        """Messages and other words, all of them or none; evidence_ids: at least one.

        Raises what `Views.open_view` raises; NotSuchEvidence.
        """
        try:
            return self._open_words(staff, case_id, evidence_ids, reason)
        except _Denied as denied:  # the transaction is undone: nothing was counted
            return denied.told

    def close(self, staff: StaffRef, view_ids: Sequence[int]) -> None:
        """End views; harmless when repeated, or when they are not this person's."""
        with self._db.write() as tx:
            for view_id in view_ids:
                close_view(tx, staff, view_id, self._clock())

    def _open_words(
        self, staff: StaffRef, case_id: str, evidence_ids: Sequence[int], reason: str
    ) -> Opened:
        now_ms = self._clock()
        opened: list[tuple[int, int, Allowed, bytes]] = []
        with self._db.write() as tx:
            for evidence_id in evidence_ids:
                asked = Asked(case_id, evidence_id, WHOLE, reason)
                peeked = self._views.peek(tx, staff, asked, now_ms)
                if isinstance(peeked, NotNow):
                    raise _Denied(peeked)
                if peeked.kind is EvidenceKind.PICTURE:
                    raise NotSuchEvidence("this is a picture")
                view = self._views.open_view(tx, staff, asked, now_ms)
                if isinstance(view, NotNow):
                    raise _Denied(view)
                opened.append((view.view_id, view.until_ms, view.left, peeked.body))
        ids, untils, lefts, bodies = zip(*opened, strict=True)
        return Opened(ids, min(untils), lefts[-1], bodies)


class _Denied(Exception):
    """Undoes a transaction that the limits end."""

    def __init__(self, told: NotNow) -> None:
        super().__init__(told.reason)
        self.told = told


def left_after(opened: Opened) -> Allowed:
    """What is left with this view begun, for the page that shows it."""
    return replace(opened.left, items_left=max(0, opened.left.items_left - 1))
