"""The provider's table of tags: what it refuses, and that it agrees with plain counting."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from softfall.options.contract import Held, Malformed, Submission
from softfall.options.split import wire
from softfall.options.split.provider import BadArtefact, SplitProvider
from softfall.options.tags.wire import octets
from tests.options.split.parties import Parties, flipped, random_hash


@pytest.fixture(scope="module")
def parties() -> Parties:
    return Parties([random_hash(seed) for seed in range(12)])


def with_tags(parties: Parties, tags: bytes) -> Submission:
    return Submission("split", parties.epoch, wire.TAGS.encode({"version": 1, "tags": tags}))


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 11), st.lists(st.integers(0, 255), max_size=60, unique=True))
def test_judging_agrees_with_comparing_every_tag_with_every_entry(
    parties: Parties, entry: int, moved: list[int]
) -> None:
    media = flipped(parties.listed[entry], moved)
    submission, _ = parties.send(media)
    asked = octets(wire.TAGS.decode(submission.body), "tags")
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
    verdict = parties.provider.judge(submission, parties.ports)
    assert (verdict.evidence["entries"] if isinstance(verdict, Held) else []) == expected


def test_one_table_is_not_enough(parties: Parties) -> None:
    """Tags of one table of a listed picture, all others of an unlisted one: no hold."""
    listed, innocent = (
        octets(wire.TAGS.decode(parties.send(m)[0].body), "tags")
        for m in (parties.listed[0], random_hash(500))
    )
    one = with_tags(parties, listed[:128] + innocent[128:])
    two = with_tags(parties, listed[:256] + innocent[256:])
    assert not isinstance(parties.provider.judge(one, parties.ports), Held)
    assert isinstance(parties.provider.judge(two, parties.ports), Held)


def test_a_tag_counts_in_its_own_table_only(parties: Parties) -> None:
    tags = octets(wire.TAGS.decode(parties.send(parties.listed[0])[0].body), "tags")
    turned = with_tags(parties, tags[128:] + tags[:128])
    assert not isinstance(parties.provider.judge(turned, parties.ports), Held)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda s: Submission("other", s.epoch, s.body), "another option"),
        (lambda s: Submission("split", s.epoch + 1, s.body), "wrong epoch"),
        (lambda s: Submission("split", s.epoch, s.body[:-8]), "malformed tags"),
        (lambda s: Submission("split", s.epoch, b""), "malformed tags"),
        (
            lambda s: Submission("split", s.epoch, s.body[:-16] + s.body[-8:] * 2),
            "tags not increasing",
        ),
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
