"""Limits against many requests at once: threads of one console, and consoles that are processes."""

import subprocess
import sys
import threading

from softfall.casework import shifts
from softfall.casework.database import MIGRATIONS, open_casework
from softfall.casework.evidence.tables import views
from softfall.casework.evidence.views import Asked, View, Views
from softfall.casework.exposure import NotNow
from softfall.casework.shifts import ShiftRunning
from softfall.config import CaseworkSettings
from tests.casework.evidence.room import ANNE, KEY, START_MS, Room, new_room
from tests.databases import Databases

CAP = 4
PIECES = 12


def furnished(room: Room) -> tuple[str, list[int]]:
    """A case of more pieces than may be opened, and a running shift."""
    room.configure(items_per_day=CAP)
    row, case_id = room.case()
    pieces = [room.put(row) for _ in range(PIECES)]
    room.start()
    return case_id, pieces


def test_requests_at_once_do_not_pass_the_cap(room: Room) -> None:
    case_id, pieces = furnished(room)
    told: list[View | NotNow] = []
    ready = threading.Barrier(PIECES)

    def look(piece: int) -> None:
        ready.wait()
        told.append(room.look(case_id, piece))

    threads = [threading.Thread(target=look, args=(piece,)) for piece in pieces]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(told) == PIECES
    assert sum(isinstance(each, View) for each in told) == CAP
    assert len(room.rows(views)) == CAP == len(room.lines("evidence.viewed"))


def test_of_two_shifts_started_at_once_one_is(room: Room) -> None:
    ready, told = threading.Barrier(4), list[bool]()

    def start() -> None:
        ready.wait()
        try:
            room.start()
        except ShiftRunning:
            told.append(False)
        else:
            told.append(True)

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(told) == [False, False, False, True]


LOOKING = f"""
import sys
from softfall.casework.database import open_casework
from softfall.casework.evidence.vault import Vault
from softfall.casework.evidence.views import Asked, View, Views
from softfall.casework.model import Role
from softfall.casework.rights import StaffRef
from softfall.config import CaseworkSettings
url, case_id, *pieces = sys.argv[1:]
db = open_casework(url)
views = Views(Vault({KEY!r}), CaseworkSettings(items_per_day={CAP}))
print("ready", flush=True)
sys.stdin.readline()
begun = 0
for piece in pieces:
    with db.write() as tx:
        asked = Asked(case_id, int(piece), 4, "to decide the case")
        told = views.open_view(tx, StaffRef("anne", Role.MODERATOR), asked, {START_MS})
    begun += isinstance(told, View)
print(begun, flush=True)
"""


def test_consoles_that_are_processes_do_not_pass_the_cap_between_them(
    databases: Databases,
) -> None:
    url = databases.migrated(MIGRATIONS)
    room = Room(open_casework(url))
    case_id, pieces = furnished(room)
    looking = [
        subprocess.Popen(
            [sys.executable, "-c", LOOKING, url, case_id, *map(str, pieces[number::3])],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(3)
    ]
    for process in looking:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    told = [process.communicate("\n")[0] for process in looking]
    assert sum(map(int, told)) == CAP
    assert len(room.rows(views)) == CAP
    room.db.close()


def test_stopping_and_starting_again_gains_nothing(databases: Databases) -> None:
    room = new_room(databases)
    room.configure(rest_hours=0, shift_hours=0.5, items_per_day=CAP, calm_minutes=0)
    row, case_id = room.case()
    pieces = [room.put(row) for _ in range(PIECES)]
    begun = 0
    for piece in pieces:
        room.start()
        begun += isinstance(room.look(case_id, piece), View)
        room.stop()
        room.now_ms += 31 * 60_000
    assert begun == CAP
    room.db.close()


def test_another_consoles_settings_do_not_lift_what_was_counted(room: Room) -> None:
    case_id, pieces = furnished(room)
    for piece in pieces[:CAP]:
        assert isinstance(room.look(case_id, piece), View)
    other = Views(room.vault, CaseworkSettings(items_per_day=CAP))
    with room.db.write() as tx:
        told = other.open_view(tx, ANNE, Asked(case_id, pieces[-1], 4, "to decide"), room.now_ms)
        assert isinstance(told, NotNow)
        shifts.stop(tx, ANNE, room.now_ms)
