"""Provider and keyholder: what is malformed, old, replayed or of another run is refused by name."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from softfall.crypto import hpke
from softfall.crypto.lattice.parameters import Q
from softfall.options.contract import Malformed
from softfall.options.dealt import AlreadySpent
from softfall.options.homomorphic import keyholder, wire
from softfall.options.homomorphic.keyholder import OtherListVersion, OtherMaterial
from softfall.options.homomorphic.material import DealtKeyholder, DealtProvider, TooFewRows
from softfall.options.homomorphic.parameters import Mode
from softfall.options.homomorphic.provider import (
    Asked,
    Match,
    Mismatched,
    Run,
    Spent,
    WrongMaterial,
    verdict_of,
)
from softfall.wire import MalformedMessage, Message, Party
from tests.options.homomorphic.parties import (
    SECRET,
    Parties,
    changed,
    random_hashes,
    secret_of,
)

BASE, OTHER = random_hashes(2, seed=77)
LIST = {5: BASE, 6: OTHER, **dict(enumerate(random_hashes(70), 10))}
PARTIES = {mode: Parties(LIST, mode) for mode in Mode}
both_modes = pytest.mark.parametrize("mode", list(Mode), ids=lambda mode: mode.name.lower())

Values = dict[str, Any]


def altered(message: Message, body: bytes, change: Callable[[Values], object]) -> bytes:
    """A message with its decoded values changed in place."""
    values = wire.decode(message, body)
    change(values)
    return message.encode(values)


# ---- Submissions


def malformed_bodies() -> dict[str, bytes]:
    submission, _ = PARTIES[Mode.ONE_BIT].send(BASE)
    query = bytearray(wire.octets(wire.decode(wire.QUERY, submission.body), "query"))
    query[:3] = Q.to_bytes(3, "little")
    beyond = bytes(query)
    query[:3] = (Q - 1).to_bytes(3, "little")
    assert PARTIES[Mode.ONE_BIT].provider.form(changed(submission, query=bytes(query))) is None
    body = submission.body
    return {
        "a value that is the modulus": changed(submission, query=beyond).body,
        "all ones": changed(submission, query=b"\xff" * wire.QUERY_BYTES).body,
        "empty": b"",
        "cut": body[:-1],
        "overlong": body + b"\x00",
        "another version": body.replace(b"\x84\x01", b"\x84\x00", 1),
        "not CBOR": b"\xff" * len(body),
    }


@pytest.mark.parametrize("name", malformed_bodies())
def test_a_malformed_query_is_refused_by_its_bytes_alone(name: str) -> None:
    submission, _ = PARTIES[Mode.ONE_BIT].send(BASE)
    bad = replace(submission, body=malformed_bodies()[name])
    assert PARTIES[Mode.ONE_BIT].provider.form(bad) == Malformed("malformed query")


def test_another_option_or_epoch_is_refused_by_name() -> None:
    submission, _ = PARTIES[Mode.ONE_BIT].send(BASE)
    provider = PARTIES[Mode.ONE_BIT].provider
    assert provider.form(submission) is None
    assert provider.form(replace(submission, option="split")) == Malformed("another option")
    assert provider.form(replace(submission, epoch=8)) == Malformed("wrong epoch")


@both_modes
@pytest.mark.parametrize("part", ["capsule", "commitment"])
def test_a_capsule_that_does_not_fit_its_commitment_is_a_mismatch_of_the_same_size(
    mode: Mode, part: str
) -> None:
    parties = PARTIES[mode]
    good, _ = parties.send(BASE)
    flipped = bytearray(wire.octets(wire.decode(wire.QUERY, good.body), part))
    flipped[-1] ^= 1
    bad = changed(good, **{part: bytes(flipped)})
    (honest,), sent = parties.exchange([good])
    (outcome,), told = parties.exchange([bad])
    assert (honest, outcome) == (Match((5,)), Mismatched())
    assert len(told.begin) == len(sent.begin)
    assert len(told.begun) == len(sent.begun)


@both_modes
def test_a_query_that_was_run_often_enough_is_told_so_and_the_others_go_on(mode: Mode) -> None:
    parties = PARTIES[mode]
    sent = [parties.send(bits, secret_of(label))[0] for bits, label in ((OTHER, "a"), (BASE, "b"))]
    run, dealt = parties.run_of(sent)
    asked = keyholder.read(run.begin())
    spent = {asked.runs[0].serial}
    begun, kept = keyholder.begin(asked, parties.hints, dealt, [SECRET], spent=spent)
    assert kept.serials == (asked.runs[1].serial,)
    finish = run.go_on(begun)
    assert finish is not None
    outcomes = run.results(keyholder.finish(finish, kept))
    assert outcomes == [Spent(), Match((5,))]
    assert verdict_of(outcomes[0]) == Malformed("this submission was sent too often")


@both_modes
def test_another_epochs_capsule_is_a_mismatch(mode: Mode) -> None:
    parties = PARTIES[mode]
    run, dealt = parties.run_of([parties.send(BASE)[0]])
    later = replace(parties.hints, epoch=8)
    asked = replace(keyholder.read(run.begin()), epoch=8)
    begun, _ = keyholder.begin(asked, later, dealt, [SECRET])
    assert run.go_on(begun) is None
    assert run.results(None) == [Mismatched()]


def test_a_rotated_key_still_opens_what_was_sealed_before() -> None:
    parties = PARTIES[Mode.ONE_BIT]
    fresh = np.random.default_rng(8).bytes(hpke.SECRET_BYTES)
    for secrets, expected in (([fresh, SECRET], Match((5,))), ([fresh], Mismatched())):
        run, dealt = parties.run_of([parties.send(BASE)[0]])
        begun, kept = keyholder.begin(keyholder.read(run.begin()), parties.hints, dealt, secrets)
        finish = run.go_on(begun)
        finished = None if finish is None else keyholder.finish(finish, kept)
        assert run.results(finished) == [expected]


# ---- Dealt material


def asked_of(parties: Parties, count: int = 1) -> list[Asked]:
    return [Asked.read(parties.send(BASE, secret_of(str(n)))[0].body) for n in range(count)]


@both_modes
def test_material_for_fewer_rows_is_refused_by_both(mode: Mode) -> None:
    parties = PARTIES[mode]
    provider, theirs = parties.deal(rows=parties.prepared.rows - 1)
    with pytest.raises(TooFewRows):
        Run(parties.prepared, asked_of(parties), [DealtProvider.decode(provider)])
    run, _ = parties.run_of([parties.send(BASE)[0]])
    asked = keyholder.read(run.begin())
    asked = replace(asked, runs=(replace(asked.runs[0], serial=parties.serial - 1),))
    with pytest.raises(TooFewRows):
        keyholder.begin(asked, parties.hints, [DealtKeyholder.decode(theirs)], [SECRET])


@both_modes
def test_material_of_the_other_mode_is_refused_by_both(mode: Mode) -> None:
    parties, other = PARTIES[mode], {Mode.ONE_BIT: Mode.PERMUTED, Mode.PERMUTED: Mode.ONE_BIT}
    provider, theirs = parties.deal(other[mode])
    with pytest.raises(WrongMaterial):
        Run(parties.prepared, asked_of(parties), [DealtProvider.decode(provider)])
    wrong = DealtKeyholder.decode(theirs)
    run, _ = parties.run_of([parties.send(BASE)[0]])
    asked = keyholder.read(run.begin())
    asked = replace(asked, runs=(replace(asked.runs[0], serial=wrong.serial),))
    with pytest.raises(OtherMaterial):
        keyholder.begin(asked, parties.hints, [wrong], [SECRET])


@both_modes
def test_material_serves_once_at_either_party(mode: Mode) -> None:
    parties = PARTIES[mode]
    provider, theirs = parties.deal()
    own, other = DealtProvider.decode(provider), DealtKeyholder.decode(theirs)
    run = Run(parties.prepared, asked_of(parties), [own])
    with pytest.raises(AlreadySpent):
        Run(parties.prepared, asked_of(parties), [own])
    asked = keyholder.read(run.begin())
    begun, kept = keyholder.begin(asked, parties.hints, [other], [SECRET])
    with pytest.raises(AlreadySpent):
        keyholder.begin(asked, parties.hints, [other], [SECRET])
    finish = run.go_on(begun)
    assert finish is not None
    assert run.results(keyholder.finish(finish, kept)) == [Match((5,))]
    with pytest.raises(AlreadySpent):
        keyholder.finish(finish, kept)


def test_another_serials_material_is_refused_by_the_keyholder() -> None:
    parties = PARTIES[Mode.ONE_BIT]
    run, _ = parties.run_of([parties.send(BASE)[0]])
    _, theirs = parties.deal()
    with pytest.raises(OtherMaterial):
        keyholder.begin(
            keyholder.read(run.begin()), parties.hints, [DealtKeyholder.decode(theirs)], [SECRET]
        )


def test_one_half_a_query_and_at_most_sixteen_are_asked_for() -> None:
    parties = PARTIES[Mode.ONE_BIT]
    halves = [DealtProvider.decode(parties.deal()[0]) for _ in range(17)]
    asked = asked_of(parties, 17)
    for queries, given in ((1, 2), (2, 1), (0, 0), (17, 17)):
        with pytest.raises(WrongMaterial):
            Run(parties.prepared, asked[:queries], halves[:given])


@both_modes
def test_truncated_or_altered_material_is_malformed(mode: Mode) -> None:
    provider, theirs = PARTIES[mode].deal()
    readers = ((DealtProvider.decode, provider), (DealtKeyholder.decode, theirs))
    for read, body in readers:
        for bad in (b"", body[:-1], body + b"\x00", body[: len(body) // 2]):
            with pytest.raises(MalformedMessage):
                read(bad)


# ---- What the keyholder is sent


@both_modes
def test_another_epoch_or_list_version_is_refused_by_the_keyholder(mode: Mode) -> None:
    parties = PARTIES[mode]
    run, dealt = parties.run_of([parties.send(BASE)[0]])
    asked = keyholder.read(run.begin())
    for bad in (replace(asked, epoch=8), replace(asked, list_version=1)):
        with pytest.raises(OtherListVersion):
            keyholder.require_fit(bad, parties.hints)
        with pytest.raises(OtherListVersion):
            keyholder.begin(bad, parties.hints, dealt, [SECRET])
    assert keyholder.begin(asked, parties.hints, dealt, [SECRET])  # nothing was spent


@both_modes
def test_a_begin_of_another_size_or_form_is_refused_before_anything_is_spent(mode: Mode) -> None:
    parties = PARTIES[mode]
    run, dealt = parties.run_of([parties.send(BASE)[0]])
    body = run.begin()
    for bad in (b"", body[:-1], body + b"\x00", b"\x84\x02" + body[2:]):
        with pytest.raises(MalformedMessage):
            keyholder.read(bad)
    asked = keyholder.read(body)
    masked = asked.runs[0].masked
    for wrong in (masked[:-1], masked + b"\x00", b""):
        bad_run = replace(asked, runs=(replace(asked.runs[0], masked=wrong),))
        with pytest.raises(MalformedMessage):
            keyholder.begin(bad_run, parties.hints, dealt, [SECRET])
    twice = altered(wire.BEGIN, body, lambda values: values["runs"].append(values["runs"][0]))
    with pytest.raises(MalformedMessage):
        keyholder.read(twice)
    assert keyholder.begin(asked, parties.hints, dealt, [SECRET])


FINISH_CHANGES: dict[str, Callable[[Values], object]] = {
    "values cut": lambda v: v["runs"][0].update(values=v["runs"][0]["values"][:-1]),
    "values added": lambda v: v["runs"][0].update(values=v["runs"][0]["values"] + b"\x00"),
    "opened cut": lambda v: v["runs"][0].update(opened=v["runs"][0]["opened"][:-1]),
    "opened added": lambda v: v["runs"][0].update(opened=v["runs"][0]["opened"] + b"\x00"),
    "tag cut": lambda v: v["runs"][0].update(tag=v["runs"][0]["tag"][:-1]),
    "tag added": lambda v: v["runs"][0].update(tag=bytes(16)),
}


@pytest.mark.parametrize(
    ("mode", "change"),
    [
        *(
            (Mode.ONE_BIT, name)
            for name in FINISH_CHANGES
            if name not in ("values cut", "tag added")
        ),
        *(
            (Mode.PERMUTED, name)
            for name in FINISH_CHANGES
            if name not in ("opened cut", "tag cut")
        ),
    ],
)
def test_a_finish_of_another_size_is_refused_and_the_run_is_over(mode: Mode, change: str) -> None:
    parties = PARTIES[mode]
    run, dealt = parties.run_of([parties.send(BASE)[0]])
    begun, kept = keyholder.begin(keyholder.read(run.begin()), parties.hints, dealt, [SECRET])
    finish = run.go_on(begun)
    assert finish is not None
    bad = altered(wire.FINISH, finish, FINISH_CHANGES[change])
    with pytest.raises(MalformedMessage):
        keyholder.finish(bad, kept)
    with pytest.raises(AlreadySpent):
        keyholder.finish(finish, kept)


@both_modes
def test_a_finish_of_another_run_or_batch_is_refused(mode: Mode) -> None:
    parties = PARTIES[mode]
    sent = [parties.send(pdq, secret_of(pdq.hex()))[0] for pdq in (BASE, OTHER)]
    run, dealt = parties.run_of(sent)
    begun, kept = keyholder.begin(keyholder.read(run.begin()), parties.hints, dealt, [SECRET])
    finish = run.go_on(begun)
    assert finish is not None
    for change in (
        lambda values: values["runs"].pop(),
        lambda values: values["runs"].reverse(),
        lambda values: values["runs"].append(values["runs"][0]),
        lambda values: values["runs"][0].update(serial=bytes(8)),
    ):
        with pytest.raises(OtherMaterial):
            keyholder.finish(altered(wire.FINISH, finish, change), kept)
    assert keyholder.read_finish(finish) == kept.serials == run.serials
    assert run.results(keyholder.finish(finish, kept)) == [Match((5,)), Match((6,))]


@both_modes
def test_the_keyholder_is_sent_neither_the_query_nor_any_part_of_it(mode: Mode) -> None:
    parties = PARTIES[mode]
    submission, _ = parties.send(BASE)
    _, told = parties.exchange([submission])
    query = wire.octets(wire.decode(wire.QUERY, submission.body), "query")
    received = told.begin + (told.finish or b"")
    pieces = {query[at : at + 12] for at in range(0, len(query), 12)}
    found = {received[at : at + 12] for at in range(len(received) - 11)}
    assert pieces.isdisjoint(found)  # by chance: below 2^-70


def test_every_message_tells_who_receives_it_and_the_keyholders_have_no_room_for_rows() -> None:
    messages = [value for value in vars(wire).values() if isinstance(value, Message)]
    names = {message.name: message.receiver for message in messages}
    assert names["homomorphic_query"] is Party.PROVIDER
    assert names["homomorphic_opening"] is Party.DEVICE
    # Of a picture, neither dealer nor custodian ever receives anything.
    assert set(names.values()) == {Party.PROVIDER, Party.DEVICE, Party.KEYHOLDER}
    keyholders = {name for name, receiver in names.items() if receiver is Party.KEYHOLDER}
    assert keyholders == {
        "homomorphic_asked", "homomorphic_begin", "homomorphic_opened", "homomorphic_finish",
        "homomorphic_list",
    }  # fmt: skip
    fields = {field.name for m in messages if m.name in keyholders for field in m.fields}
    assert fields.isdisjoint({"query", "hash", "rows", "entries", "numbers"})
