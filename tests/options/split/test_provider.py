"""The provider's table of tags: what it refuses, and that it agrees with plain counting."""

from dataclasses import replace
from typing import Any

import cbor2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from softfall.options.contract import Candidate, Malformed, Submission
from softfall.options.split import wire
from softfall.options.split.provider import BadArtefact, SplitProvider
from softfall.options.tags.wire import octets
from tests.options.split.parties import Parties, flipped, random_hash


@pytest.fixture(scope="module")
def parties() -> Parties:
    return Parties([random_hash(seed) for seed in range(12)])


def with_tags(parties: Parties, tags: bytes) -> Submission:
    values = wire.SUBMISSION.decode(parties.send(random_hash(1000))[0].body)
    return Submission("split", parties.epoch, wire.SUBMISSION.encode({**values, "tags": tags}))


def changed(submission: Submission, **changes: Any) -> Submission:
    """The same with fields changed, also to what the declaration does not allow."""
    raw = cbor2.loads(submission.body)
    fields = {"tags": (raw, 1), "shares": (raw, 2), "sealed": (raw[2], 3)}
    for name, change in changes.items():
        where, place = fields[name]
        where[place] = change(where[place])
    return replace(submission, body=cbor2.dumps(raw, canonical=True))


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 11), st.lists(st.integers(0, 255), max_size=60, unique=True))
def test_judging_agrees_with_comparing_every_tag_with_every_entry(
    parties: Parties, entry: int, moved: list[int]
) -> None:
    media = flipped(parties.listed[entry], moved)
    submission, _ = parties.send(media)
    asked = octets(wire.SUBMISSION.decode(submission.body), "tags")
    values = wire.ARTEFACT.decode(parties.prepared.artefact)
    tags, numbers = (octets(values, name) for name in ("tags", "numbers"))
    hits: dict[int, set[int]] = {}
    for table in range(8):
        mine = {asked[8 * i : 8 * i + 8] for i in range(16 * table, 16 * table + 16)}
        for row in range(12 * table, 12 * table + 12):
            if tags[8 * row : 8 * row + 8] in mine:
                number = int.from_bytes(numbers[4 * row : 4 * row + 4], "big")
                hits.setdefault(number, set()).add(table)
    expected = [
        {"entry": number, "tables": sorted(found)}
        for number, found in sorted(hits.items())
        if len(found) >= 2
    ]
    expected.sort(key=lambda found: (-len(found["tables"]), found["entry"]))  # type: ignore[arg-type, operator]
    verdict = parties.provider.judge(submission, parties.ports)
    assert (verdict.evidence["entries"] if isinstance(verdict, Candidate) else []) == expected
    assert (list(verdict.entries) if isinstance(verdict, Candidate) else []) == [
        found["entry"] for found in expected
    ]


def test_one_table_is_not_enough(parties: Parties) -> None:
    """Tags of one table of a listed picture, all others of an unlisted one: no hold."""
    listed, innocent = (
        octets(wire.SUBMISSION.decode(parties.send(m)[0].body), "tags")
        for m in (parties.listed[0], random_hash(500))
    )
    one = with_tags(parties, listed[:128] + innocent[128:])
    two = with_tags(parties, listed[:256] + innocent[256:])
    assert not isinstance(parties.provider.judge(one, parties.ports), Candidate)
    assert isinstance(parties.provider.judge(two, parties.ports), Candidate)


def test_a_tag_counts_in_its_own_table_only(parties: Parties) -> None:
    tags = octets(wire.SUBMISSION.decode(parties.send(parties.listed[0])[0].body), "tags")
    turned = with_tags(parties, tags[128:] + tags[:128])
    assert not isinstance(parties.provider.judge(turned, parties.ports), Candidate)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda s: Submission("other", s.epoch, s.body), "another option"),
        (lambda s: Submission("split", s.epoch + 1, s.body), "wrong epoch"),
        (lambda s: Submission("split", s.epoch, s.body[:-8]), "malformed submission"),
        (lambda s: Submission("split", s.epoch, b""), "malformed submission"),
        (lambda s: changed(s, tags=lambda tags: tags[:-8]), "malformed submission"),
        (lambda s: changed(s, tags=lambda tags: tags[:-16] + tags[-8:] * 2), "tags not increasing"),
        (lambda s: changed(s, shares=lambda shares: {}), "malformed submission"),
        (lambda s: changed(s, sealed=lambda sealed: sealed[:-1]), "malformed submission"),
    ],
)
def test_submissions_of_the_wrong_form_are_malformed_with_a_reason(
    parties: Parties, change: object, reason: str
) -> None:
    submission, _ = parties.send(random_hash(600))
    wrong = change(submission)  # type: ignore[operator]
    assert parties.provider.form(wrong) == Malformed(reason)
    assert parties.provider.judge(wrong, parties.ports) == Malformed(reason)


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=1200))
def test_any_bytes_as_tags_are_judged_or_malformed_never_an_error(
    parties: Parties, body: bytes
) -> None:
    assert isinstance(parties.provider.form(Submission("split", 5, body)), Malformed)


def test_the_form_is_the_same_whatever_the_list(parties: Parties) -> None:
    submission, _ = parties.send(parties.listed[0])
    assert parties.provider.form(submission) is None
    assert Parties([random_hash(900)]).provider.form(submission) is None


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_no_altered_artefact_is_loaded(parties: Parties, data: st.DataObject) -> None:
    artefact = bytearray(parties.prepared.artefact)
    bit = data.draw(st.integers(0, 8 * len(artefact) - 1))
    artefact[bit // 8] ^= 1 << (bit % 8)
    with pytest.raises(BadArtefact):
        SplitProvider(5, bytes(artefact))


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_as_an_artefact_are_refused_by_name(body: bytes) -> None:
    with pytest.raises(BadArtefact):
        SplitProvider(5, body)


def test_an_artefact_of_another_epoch_or_unsorted_is_refused(parties: Parties) -> None:
    with pytest.raises(BadArtefact):
        SplitProvider(6, parties.prepared.artefact)
    values = wire.ARTEFACT.decode(parties.prepared.artefact)
    tags, numbers = (octets(values, name) for name in ("tags", "numbers"))
    swapped = tags[8:16] + tags[:8] + tags[16:]
    checksum = wire.artefact_checksum(octets(values, "parameters"), swapped, numbers)
    with pytest.raises(BadArtefact, match="sorted"):
        SplitProvider(5, wire.ARTEFACT.encode({**values, "tags": swapped, "checksum": checksum}))
