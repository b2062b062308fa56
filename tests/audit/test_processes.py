"""Several processes that write at once, some of them killed: one chain, nothing lost."""

import subprocess
import sys

from softfall.audit import trail
from softfall.audit.in_database import verify_database
from softfall.audit.keeping import Keeper, read_checkpoints
from softfall.casework.database import MIGRATIONS
from softfall.store.transactions import Database
from tests.databases import Databases

WRITER = """
import sys, time
from pathlib import Path
from softfall.audit import trail
from softfall.audit.keeping import Keeper
from softfall.audit.keys import load_or_make_key
from softfall.casework.database import MIGRATIONS
from softfall.store.transactions import Database

url, folder, name, count = sys.argv[1], Path(sys.argv[2]), sys.argv[3], int(sys.argv[4])
db = Database(url, MIGRATIONS)
keeper = Keeper(load_or_make_key(folder), folder / "checkpoints.jsonl", 7, 10**9)
for i in range(count):
    with db.write() as tx:
        trail.append(tx, time.time_ns() // 1_000_000, name, "case.opened", f"case-{i}")
    with db.write() as tx:
        keeper.take_if_due(tx, time.time_ns() // 1_000_000)
    print(i, flush=True)
"""
WRITERS = 4
LINES_EACH = 15


def test_lines_of_several_processes_are_one_chain(databases: Databases, keeper: Keeper) -> None:
    url = databases.migrated(MIGRATIONS)
    folder = str(keeper.file.parent)
    command = [sys.executable, "-c", WRITER, url, folder]
    endless = subprocess.Popen([*command, "killed", "1000000"], stdout=subprocess.PIPE, text=True)
    writers = [
        subprocess.Popen([*command, f"w{i}", str(LINES_EACH)], stdout=subprocess.DEVNULL)
        for i in range(WRITERS)
    ]
    assert endless.stdout is not None
    said = [endless.stdout.readline() for _ in range(3)]
    endless.kill()
    said += endless.stdout.readlines()
    endless.wait()
    assert [writer.wait() for writer in writers] == [0] * WRITERS

    db = Database(url, MIGRATIONS)
    with db.read() as tx:
        lines = trail.read(tx, limit=10**6)
        taken = read_checkpoints(keeper.file)
        keys = frozenset(checkpoint.public_key for checkpoint in taken)
        verdict = verify_database(tx, taken, keys)
    db.close()
    assert verdict.whole
    assert len(keys) == 1  # the key was made once, whoever was first
    assert verdict.checkpoints >= WRITERS * LINES_EACH // 7
    by_name = [[line.subject for line in lines if line.who == f"w{i}"] for i in range(WRITERS)]
    assert by_name == [[f"case-{i}" for i in range(LINES_EACH)]] * WRITERS
    whole_words = [word for word in said if word.endswith("\n")]
    assert sum(line.who == "killed" for line in lines) >= len(whole_words) >= 3
