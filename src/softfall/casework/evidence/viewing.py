"""Showing a piece of evidence to a person: drawn first, then counted and written down, then sent.

Guarantees: what a person gets of a picture is one region as the renderer draws it, never the file;
and only after the view's line is on disk. What can't be drawn is no view and counts as none.
Refuses, as values: `NotNow` (a limit), `NotShown` (the picture can't be drawn).
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Protocol

from softfall.casework.evidence.vault import Vault
from softfall.casework.evidence.views import Asked, View, Views, close_view
from softfall.casework.exposure import NotNow
from softfall.casework.model import EvidenceKind
from softfall.casework.rights import StaffRef
from softfall.config import CaseworkSettings
from softfall.media.rendered import NotRendered, Rendered
from softfall.store.transactions import Database

_DRAWN_WITHIN_SECONDS: Final = 15.0


class Renderer(Protocol):
    """Whoever draws regions of pictures: edge/rendering.py's process."""

    def render(
        self, picture: bytes, region: int, blur: int, within_seconds: float
    ) -> Rendered | NotRendered:
        """The region, or why it can't be shown; an answer comes within about that time.

        region: 0 to 8, row by row; 9 for the whole as one tiny tile. blur: 0 is the strongest.
        """


@dataclass(frozen=True, slots=True)
class Shown:
    """A view that has begun, and what it shows.

    body: a picture's region as a grey PNG; of a message, its JSON (`ReportedMessage`); else words.
    """

    view: View
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class NotShown:
    """The picture can't be drawn, and why; nothing was counted."""

    reason: str


class Viewer:
    """Opens and closes views, each step in a transaction of its own."""

    def __init__(
        self,
        db: Database,
        vault: Vault,
        settings: CaseworkSettings,
        clock: Callable[[], int],
        renderer: Renderer,
    ) -> None:
        self._db = db
        self._views = Views(vault, settings)
        self._clock = clock
        self._renderer = renderer

    def open(self, staff: StaffRef, asked: Asked) -> Shown | NotShown | NotNow:
        """Show what somebody asks to look at, if it may be shown now.

        Raises what `Views.open_view` raises, and EvidenceDamaged.
        """
        with self._db.read() as tx:
            peeked = self._views.peek(tx, staff, asked, self._clock())
        if isinstance(peeked, NotNow):
            return peeked
        body, partial = peeked.body, False
        if peeked.kind is EvidenceKind.PICTURE:
            drawn = self._renderer.render(body, asked.region, asked.blur, _DRAWN_WITHIN_SECONDS)
            if isinstance(drawn, NotRendered):
                return NotShown(drawn.reason)
            body, partial = drawn.png, drawn.more
        with self._db.write() as tx:
            view = self._views.open_view(tx, staff, asked, self._clock(), partial=partial)
        return view if isinstance(view, NotNow) else Shown(view, body)

    def close(self, staff: StaffRef, view_id: int) -> None:
        """End a view of this person's; harmless when repeated."""
        with self._db.write() as tx:
            close_view(tx, staff, view_id, self._clock())
