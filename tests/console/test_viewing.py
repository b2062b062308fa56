"""What a person is shown: drawn first, counted and on record next, and only then sent."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from softfall.casework.evidence.tables import views
from softfall.casework.evidence.views import Asked
from softfall.casework.exposure import NotNow, Why
from softfall.casework.model import EvidenceKind
from softfall.console.viewing import NotSuchEvidence, Opened, Viewing
from softfall.edge.confined import PictureLimits
from softfall.edge.rendering import RendererProcess
from softfall.media.rendered import WHOLE, NotRendered, Rendered
from tests.casework.evidence.room import ANNE, Room, new_room
from tests.databases import Databases
from tests.media.picture_files import saved, scene


class DrawsAsTold(RendererProcess):
    """A renderer that starts no process; it keeps what it was asked."""

    def __init__(self) -> None:
        super().__init__(PictureLimits(1, 1), ("/no/such/program",))
        self.answer: Rendered | NotRendered = Rendered(b"a small grey tile")
        self.asked: list[tuple[bytes, int, int]] = []

    def render(
        self, picture: bytes, region: int, blur: int, within_seconds: float
    ) -> Rendered | NotRendered:
        """What it was told to answer."""
        self.asked.append((picture, region, blur))
        return self.answer


@dataclass
class Looking:
    """A room with a way to look at what is in it."""

    room: Room
    renderer: RendererProcess = field(default_factory=DrawsAsTold)

    @property
    def viewing(self) -> Viewing:
        """With the settings of now."""
        return Viewing(self.room.db, self.room.clock, self.room.views, self.renderer)

    @property
    def asked(self) -> list[tuple[bytes, int, int]]:
        """What was drawn."""
        assert isinstance(self.renderer, DrawsAsTold)
        return self.renderer.asked


@pytest.fixture
def looking(databases: Databases) -> Iterator[Looking]:
    room = new_room(databases)
    room.start()
    yield Looking(room)
    room.db.close()


def test_a_region_is_drawn_first_and_only_what_is_drawn_is_sent(looking: Looking) -> None:
    row, case_id = looking.room.case()
    number = looking.room.put(row, b"the file's own bytes")
    opened = looking.viewing.open_region(ANNE, Asked(case_id, number, 7, "to decide", 2))
    assert isinstance(opened, Opened)
    assert opened.bodies == (b"a small grey tile",)
    assert looking.asked == [(b"the file's own bytes", 7, 2)]
    assert len(looking.room.lines("evidence.viewed")) == 1
    assert "tile" not in repr(opened)


def test_what_can_not_be_drawn_is_no_view_and_counts_as_none(looking: Looking) -> None:
    row, case_id = looking.room.case()
    number = looking.room.put(row)
    assert isinstance(looking.renderer, DrawsAsTold)
    looking.renderer.answer = NotRendered("BrokenPicture: cut short")
    told = looking.viewing.open_region(ANNE, Asked(case_id, number, 7, "to decide"))
    assert told == NotRendered("BrokenPicture: cut short")
    assert looking.room.lines("evidence.viewed") == []
    assert looking.room.rows(views) == []


def test_an_animation_says_in_its_line_that_only_part_was_shown(looking: Looking) -> None:
    row, case_id = looking.room.case()
    number = looking.room.put(row)
    assert isinstance(looking.renderer, DrawsAsTold)
    looking.renderer.answer = Rendered(b"tile", more=True)
    looking.viewing.open_region(ANNE, Asked(case_id, number, 7, "to decide"))
    assert [line["partial"] for line in looking.room.lines("evidence.viewed")] == [True]


def test_at_a_cap_nothing_is_even_drawn(looking: Looking) -> None:
    looking.room.configure(items_per_day=1)
    row, case_id = looking.room.case()
    first, second = looking.room.put(row), looking.room.put(row)
    asked = Asked(case_id, first, 4, "to decide")
    assert isinstance(looking.viewing.open_region(ANNE, asked), Opened)
    told = looking.viewing.open_region(ANNE, Asked(case_id, second, 4, "to decide"))
    assert isinstance(told, NotNow)
    assert told.why is Why.ITEMS
    assert len(looking.asked) == 1


def test_a_cap_that_is_reached_while_a_region_is_drawn_shows_nothing(looking: Looking) -> None:
    looking.room.configure(items_per_day=1)
    row, case_id = looking.room.case()
    first, second = looking.room.put(row), looking.room.put(row)

    class DrawsSlowly(DrawsAsTold):
        """Meanwhile the same person opens something in another window."""

        def render(
            self, picture: bytes, region: int, blur: int, within_seconds: float
        ) -> Rendered | NotRendered:
            """As it says."""
            looking.room.look(case_id, second)
            return super().render(picture, region, blur, within_seconds)

    looking.renderer = DrawsSlowly()
    told = looking.viewing.open_region(ANNE, Asked(case_id, first, 4, "to decide"))
    assert isinstance(told, NotNow)
    assert [line["evidence"] for line in looking.room.lines("evidence.viewed")] == [second]


def test_words_come_as_they_were_kept_and_all_of_them_or_none(looking: Looking) -> None:
    row, case_id = looking.room.case()
    said = ["bis später", "see you"]
    numbers = [looking.room.put(row, each.encode(), EvidenceKind.TEXT) for each in said]
    opened = looking.viewing.open_words(ANNE, case_id, numbers, "to decide")
    assert isinstance(opened, Opened)
    assert [body.decode() for body in opened.bodies] == said
    looking.viewing.close(ANNE, opened.view_ids)
    looking.room.configure(items_per_day=3)
    more = [looking.room.put(row, b"more", EvidenceKind.TEXT) for _ in range(2)]
    told = looking.viewing.open_words(ANNE, case_id, more, "to decide")
    assert isinstance(told, NotNow)
    assert len(looking.room.lines("evidence.viewed")) == 2 == len(looking.room.rows(views))


def test_words_are_not_opened_as_a_picture_nor_a_picture_as_words(looking: Looking) -> None:
    row, case_id = looking.room.case()
    picture = looking.room.put(row)
    words = looking.room.put(row, b"see you", EvidenceKind.TEXT)
    with pytest.raises(NotSuchEvidence):
        looking.viewing.open_words(ANNE, case_id, [picture], "to decide")
    with pytest.raises(NotSuchEvidence):
        looking.viewing.open_region(ANNE, Asked(case_id, words, WHOLE, "to decide"))
    assert looking.room.rows(views) == []


def test_a_real_picture_comes_out_small_and_grey_and_its_file_never(looking: Looking) -> None:
    row, case_id = looking.room.case()
    file = saved(scene().resize((800, 600)), "JPEG")
    number = looking.room.put(row, file)
    looking.renderer = RendererProcess(PictureLimits(100_000_000, 4 << 30))
    opened = looking.viewing.open_region(ANNE, Asked(case_id, number, 4, "to decide", 2))
    assert isinstance(opened, Opened)
    assert opened.bodies[0].startswith(b"\x89PNG")
    assert len(opened.bodies[0]) < 40_000
    assert opened.bodies[0] not in file
