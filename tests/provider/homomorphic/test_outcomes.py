"""What became of each query, kept on both databases."""

from collections.abc import Iterator

import numpy as np
import pytest

from softfall.options.homomorphic.provider import (
    Asked,
    KeyReused,
    Match,
    Mismatched,
    NoMatch,
    Outcome,
    Spent,
)
from softfall.provider.database import CONFIRM_MIGRATIONS
from softfall.provider.homomorphic.outcomes import KnownOutcomes
from softfall.store.transactions import Database
from tests.databases import Databases


@pytest.fixture
def known(databases: Databases) -> Iterator[KnownOutcomes]:
    db = Database(databases.migrated(CONFIRM_MIGRATIONS), CONFIRM_MIGRATIONS)
    yield KnownOutcomes(db)
    db.close()


def query(number: int, commitment: int | None = None) -> Asked:
    of = number if commitment is None else commitment
    return Asked(b"capsule", of.to_bytes(32), np.full((64, 256), number, np.uint32))


def kept(known: KnownOutcomes, asked: Asked, outcome: Outcome, list_version: int = 3) -> None:
    known.claim(1, [asked], list_version)
    known.keep(1, list_version, [asked], [outcome])


@pytest.mark.parametrize("outcome", [Match((5, 7)), Match(None), Mismatched()])
def test_what_is_about_the_picture_alone_holds_for_every_version(
    known: KnownOutcomes, outcome: Outcome
) -> None:
    kept(known, query(1), outcome)
    for version in (3, 4, None):
        assert known.claim(1, [query(1)], version) == [outcome]


def test_no_match_holds_for_its_version_alone(known: KnownOutcomes) -> None:
    kept(known, query(1), NoMatch())
    assert known.claim(1, [query(1)], 3) == [NoMatch()]
    assert known.claim(1, [query(1)], 4) == [None]
    assert known.claim(1, [query(1)], None) == [None]


def test_a_match_is_never_written_over(known: KnownOutcomes) -> None:
    kept(known, query(1), Match((5,)))
    known.keep(1, 4, [query(1)], [NoMatch()])
    assert known.claim(1, [query(1)], 4) == [Match((5,))]


def test_a_commitment_serves_the_query_that_came_first_judged_or_not(
    known: KnownOutcomes,
) -> None:
    assert known.claim(1, [query(1, 9), query(2, 9)], 3) == [None, KeyReused()]
    assert known.claim(1, [query(2, 9)], 3) == [KeyReused()]
    assert known.claim(1, [query(1, 9)], 3) == [None]
    assert known.claim(2, [query(2, 9)], 3) == [None]


def test_what_could_not_be_judged_is_run_again(known: KnownOutcomes) -> None:
    kept(known, query(1), Spent())
    assert known.claim(1, [query(1)], 3) == [None]


def test_what_ended_epochs_left_is_forgotten_and_nothing_else(known: KnownOutcomes) -> None:
    kept(known, query(1), Match(None))
    known.claim(2, [query(1)], 3)
    known.keep(2, 3, [query(1)], [Match((1,))])
    known.forget_before(2)
    assert known.claim(1, [query(1)], 3) == [None]
    assert known.claim(2, [query(1)], 3) == [Match((1,))]
