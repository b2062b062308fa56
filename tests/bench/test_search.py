"""Nobody is timed on what a cache still holds, nor in batches that another isn't given."""

from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from bench.search import AT_ONCE, OURS, PEERS, QUERIES, ROUNDS

from bench import search

Asked = dict[str, list[tuple[Any, ...]]]
ANSWERS = {"build": {}, "answers": {"pairs": 0, "digest": ""}, "threads": 1.0}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    """What each process is asked: it answers at once."""
    told: Asked = defaultdict(list)

    class Noted:
        def __init__(self, name: str, folder: Path) -> None:
            self.name = f"{name} {len(told)}"

        def __enter__(self) -> "Noted":
            return self

        def __exit__(self, *_: object) -> None: ...

        def ask(self, command: str, *arguments: int) -> Any:
            told[self.name].append((command, *arguments))
            return ANSWERS.get(command, [1.0])

    monkeypatch.setattr(search, "Process", Noted)
    monkeypatch.setattr(search, "ENTRIES", dict.fromkeys(search.ENTRIES, 10))
    monkeypatch.setattr(search, "_write", lambda *_: None)
    return told


def timed(commands: list[tuple[Any, ...]]) -> list[range]:
    """The queries of each timed command."""
    some = [each[1:3] for each in commands if each[0] in {"one", "many"}]
    return [range(first, first + count) for first, count in some]


def no_query_twice(commands: list[tuple[Any, ...]]) -> bool:
    queries = [query for some in timed(commands) for query in some]
    return len(set(queries)) == len(queries) > 0 and max(queries) < QUERIES


def test_no_round_asks_what_another_did(asked: Asked) -> None:
    names = [OURS, *(name for _, name in PEERS.values())]
    search._side_by_side(*search.random_list(10), names)
    assert len(asked) == len(names)
    for commands in asked.values():
        assert len(timed(commands)) == 2 * ROUNDS
        assert no_query_twice(commands)


def test_nor_where_lists_of_two_sizes_are_compared(asked: Asked) -> None:
    search._growth_and_threads(search.Check(True, ""))
    assert len(asked) == 2
    for commands in asked.values():
        assert no_query_twice(commands)


def test_everybody_is_asked_as_many_together(asked: Asked) -> None:
    search._side_by_side(*search.random_list(10), [OURS, search.PLAIN])
    for commands in asked.values():
        batches = [each for each in commands if each[0] == "many"]
        assert len(batches) == ROUNDS
        for _, _, count, at_once in batches:
            assert at_once == AT_ONCE
            assert count % at_once == 0
