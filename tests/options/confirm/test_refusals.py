"""What is malformed, foreign, altered or used twice gets its named reply or error; nothing else."""

import copy
import pickle
import random
import threading
from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from softfall.crypto import hpke
from softfall.options.confirm import custodian, dealer, device, keys, provider, wire
from softfall.options.confirm.custodian import OtherConfirm, OtherSerial
from softfall.options.confirm.device import BadConfirmKey, NotAHash
from softfall.options.confirm.keys import make_keys
from softfall.options.confirm.material import DealtCustodian, DealtProvider
from softfall.options.confirm.provider import BadConfirmReply, Confirming
from softfall.options.contract import Malformed, Mismatch, ScanSecret
from softfall.options.dealt import AlreadySpent
from softfall.wire import MalformedMessage, Message
from tests.options.confirm.parties import (
    ENTRY,
    EPOCH,
    KEYS,
    OPTION,
    at_distance,
    confirm,
    shares_of,
)

SOURCE = random.Random(11)
HASH = SOURCE.randbytes(32)
GOOD = confirm(shares_of(HASH).body, at_distance(HASH, 12, SOURCE), SOURCE)


def dealt(serial: int = 5) -> tuple[DealtProvider, DealtCustodian]:
    halves = dealer.deal(serial, SOURCE.randbytes)
    return DealtProvider.decode(halves.provider), DealtCustodian.decode(halves.custodian)


def confirming(serial: int = 5, shares: bytes = GOOD.shares) -> tuple[Confirming, DealtCustodian]:
    ours, theirs = dealt(serial)
    return Confirming(ours, shares, OPTION, EPOCH, ENTRY), theirs


def changed(message: Message, body: bytes, **values: object) -> bytes:
    return message.encode({**message.decode(body), **values})  # type: ignore[dict-item]


# A sender that cheats: the custodian says `mismatch`, in a reply of the usual size.


def with_sealed(share_key: bytes, info: bytes, public: bytes = KEYS.public) -> bytes:
    sealed = hpke.seal(share_key, public, info)
    return changed(wire.CONFIRM_SHARES, GOOD.shares, sealed=sealed)


CHEATS = {
    "another key": lambda: with_sealed(b"x" * 32, keys.seal_info(OPTION, EPOCH)),
    "another epoch": lambda: with_sealed(b"x" * 32, keys.seal_info(OPTION, EPOCH + 1)),
    "another option": lambda: with_sealed(b"x" * 32, keys.seal_info("on_device", EPOCH)),
    "another custodian": lambda: with_sealed(
        b"x" * 32, keys.seal_info(OPTION, EPOCH), make_keys(b"o" * 32, OPTION, EPOCH).public
    ),
    "junk": lambda: changed(wire.CONFIRM_SHARES, GOOD.shares, sealed=bytes(wire.SEALED_BYTES)),
    "another commitment": lambda: changed(wire.CONFIRM_SHARES, GOOD.shares, commitment=b"c" * 32),
    "another picture's seal": lambda: changed(
        wire.CONFIRM_SHARES, GOOD.shares, sealed=shares_of(HASH, b"z" * 32).sealed
    ),
}


@pytest.mark.parametrize("cheat", CHEATS.values(), ids=CHEATS)
def test_a_share_that_is_not_the_committed_one_is_a_mismatch(cheat: object) -> None:
    assert callable(cheat)
    told = confirm(cheat(), HASH, SOURCE)
    assert told.outcome == Mismatch("the sealed share is not the committed one")
    assert (len(told.begin), len(told.begun)) == (len(GOOD.begin), len(GOOD.begun))
    assert wire.CONFIRM_BEGUN.decode(told.begun)["masked"] == bytes(256)  # no material in use
    assert provider.form(cheat()) is None  # its form is in order: only the custodian can tell


def test_a_seal_of_the_right_key_in_other_randomness_is_no_mismatch() -> None:
    """The seal is randomised: two of one picture differ, and both confirm."""
    one, other = shares_of(HASH), shares_of(HASH)
    assert one.sealed != other.sealed
    assert confirm(one.body, HASH, SOURCE).outcome is True
    assert confirm(other.body, HASH, SOURCE).outcome is True


@settings(max_examples=60, deadline=None)
@given(st.integers(0, wire.SEALED_BYTES - 1), st.integers(1, 255))
def test_any_change_in_a_seal_is_a_mismatch(place: int, flip: int) -> None:
    sealed = bytearray(shares_of(HASH).sealed)
    sealed[place] ^= flip
    body = changed(wire.CONFIRM_SHARES, GOOD.shares, sealed=bytes(sealed))
    assert isinstance(confirm(body, HASH, SOURCE).outcome, Mismatch)


# Who is asked with the wrong key, or with other material, says so; nothing is used up.


@pytest.mark.parametrize(("option", "epoch"), [("on_device", EPOCH), (OPTION, EPOCH + 1)])
def test_a_foreign_option_or_epoch_is_refused_by_name(option: str, epoch: int) -> None:
    asking, theirs = confirming()
    foreign = make_keys(b"s" * 32, option, epoch)
    body = asking.begin()
    with pytest.raises(OtherConfirm):
        custodian.begin(body, theirs, foreign, HASH)
    custodian.begin(body, theirs, KEYS, HASH)  # the material was not used up


def test_material_of_another_serial_is_refused_by_name() -> None:
    asking, _ = confirming(serial=5)
    _, others = dealt(serial=6)
    with pytest.raises(OtherSerial):
        custodian.begin(asking.begin(), others, KEYS, HASH)


def test_a_note_of_another_serial_is_refused_by_name() -> None:
    asking, theirs = confirming(serial=5)
    begun, kept = custodian.begin(asking.begin(), theirs, KEYS, HASH)
    finish = asking.go_on(begun)
    assert isinstance(finish, bytes)
    assert kept is not None
    other = changed(wire.CONFIRM_KEPT, kept, serial=wire.serial_bytes(6))
    with pytest.raises(OtherSerial):
        custodian.finish(finish, custodian.Kept.decode(other))


def test_a_reply_to_another_confirm_is_refused_by_name() -> None:
    asking, theirs = confirming()
    asking.begin()
    with pytest.raises(BadConfirmReply, match="another confirm"):
        asking.go_on(GOOD.begun)
    asking, theirs = confirming()
    begun, _ = custodian.begin(asking.begin(), theirs, KEYS, HASH)
    asking.go_on(begun)
    with pytest.raises(BadConfirmReply, match="another confirm"):
        asking.bit(GOOD.finished)


# Whatever the bytes are, each reader answers with its value or its one named error.


@settings(max_examples=120, deadline=None)
@given(
    st.sampled_from(["begin", "begun", "finish", "finished", "shares", "kept", "dealt"]),
    st.integers(0, 2000),
    st.integers(0, 255),
    st.booleans(),
)
def test_truncated_or_altered_messages_get_their_named_error_or_a_value(
    which: str, place: int, octet: int, cut: bool
) -> None:
    asking, theirs = confirming()
    body = asking.begin()
    begun, kept = custodian.begin(body, theirs, KEYS, HASH)
    finish = asking.go_on(begun)
    assert isinstance(finish, bytes)
    assert kept is not None
    finished = custodian.finish(finish, custodian.Kept.decode(kept))

    def spoilt(message: bytes) -> bytes:
        at = place % len(message)
        return message[:at] if cut else message[:at] + bytes([octet]) + message[at + 1 :]

    if which == "begin":
        with suppress(MalformedMessage, OtherSerial, OtherConfirm):
            custodian.begin(spoilt(body), dealt()[1], KEYS, HASH)
    elif which == "begun":
        again, _ = confirming()
        again.begin()
        with suppress(BadConfirmReply):
            again.go_on(spoilt(begun))
    elif which == "finish":
        with suppress(MalformedMessage, OtherSerial):
            custodian.finish(spoilt(finish), custodian.Kept.decode(kept))
    elif which == "finished":
        with suppress(BadConfirmReply):
            asking.bit(spoilt(finished))
    elif which == "shares":
        assert provider.form(spoilt(GOOD.shares)) in (None, Malformed("malformed confirm shares"))
    elif which == "kept":
        with suppress(MalformedMessage):
            custodian.Kept.decode(spoilt(kept))
    else:
        with suppress(MalformedMessage):
            DealtCustodian.decode(spoilt(GOOD.dealt_custodian))


def test_a_rotated_share_of_512_or_more_is_malformed() -> None:
    spoilt = changed(wire.CONFIRM_FINISH, GOOD.finish, rotated=b"\x02\x00")
    with pytest.raises(MalformedMessage, match="below 512"):
        custodian.read_finish(spoilt)


def test_serials_beyond_63_bits_are_malformed() -> None:
    with pytest.raises(MalformedMessage, match="serial"):
        dealer.deal(2**63, SOURCE.randbytes)
    spoilt = changed(wire.DEALT_PROVIDER, GOOD.dealt_provider, serial=b"\xff" * 8)
    with pytest.raises(MalformedMessage, match="serial"):
        DealtProvider.decode(spoilt)


# Reuse is impossible by construction.


def test_dealt_material_is_spent_once() -> None:
    ours, theirs = dealt()
    for half in (ours, theirs):
        half.spend()
        with pytest.raises(AlreadySpent):
            half.spend()


def test_two_confirms_cannot_share_one_serial_whatever_is_done_with_the_objects() -> None:
    ours, theirs = dealt()
    one = Confirming(ours, GOOD.shares, OPTION, EPOCH, ENTRY)
    other = Confirming(ours, shares_of(bytes(32)).body, OPTION, EPOCH, ENTRY)
    body = one.begin()
    with pytest.raises(AlreadySpent):
        other.begin()
    custodian.begin(body, theirs, KEYS, HASH)
    with pytest.raises(AlreadySpent):
        custodian.begin(body, theirs, KEYS, HASH)


def test_each_step_of_a_confirm_is_taken_once_and_in_order() -> None:
    asking, theirs = confirming()
    for early in (lambda: asking.go_on(GOOD.begun), lambda: asking.bit(GOOD.finished)):
        with pytest.raises(AlreadySpent):
            early()
    begun, kept = custodian.begin(asking.begin(), theirs, KEYS, HASH)
    finish = asking.go_on(begun)
    assert isinstance(finish, bytes)
    assert kept is not None
    note = custodian.Kept.decode(kept)
    finished = custodian.finish(finish, note)
    assert asking.bit(finished) is True
    for again in (
        asking.begin,
        lambda: asking.go_on(begun),
        lambda: asking.bit(finished),
        lambda: custodian.finish(finish, note),
    ):
        with pytest.raises(AlreadySpent):
            again()


def test_unspent_material_has_no_copies() -> None:
    for half in dealt():
        for twin in (copy.copy, copy.deepcopy, pickle.dumps):
            with pytest.raises(TypeError, match="no copies"):
                twin(half)


def test_of_many_threads_one_spends() -> None:
    ours, _ = dealt()
    won: list[object] = []
    start = threading.Barrier(8)

    def spend() -> None:
        start.wait()
        with suppress(AlreadySpent):
            won.append(ours.spend())

    threads = [threading.Thread(target=spend) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1


# The device's part.


def test_the_recipient_rebuilds_the_very_bytes_from_the_opening() -> None:
    secret = ScanSecret(b"k" * 32, OPTION, EPOCH)
    made = shares_of(HASH)
    assert device.rebuild(HASH, secret.key(HASH), OPTION, EPOCH, made.sealed) == made.body
    near = at_distance(HASH, 1, SOURCE)
    for other in (
        device.rebuild(near, secret.key(near), OPTION, EPOCH, made.sealed),
        device.rebuild(near, secret.key(HASH), OPTION, EPOCH, made.sealed),
        device.rebuild(HASH, secret.key(HASH), OPTION, EPOCH + 1, made.sealed),
        device.rebuild(HASH, replace(secret, attachment_key=b"o" * 32).key(HASH), OPTION, EPOCH,
                       made.sealed),
    ):  # fmt: skip
        assert other != made.body


def test_a_key_that_is_none_is_refused_by_name() -> None:
    secret = ScanSecret(b"k" * 32, OPTION, EPOCH)
    for key in (b"", KEYS.public[:-1], b"\xff" * len(KEYS.public)):
        with pytest.raises(BadConfirmKey):
            device.make_shares(HASH, secret, secret.key(HASH), key)


def test_what_is_no_hash_is_refused_by_name() -> None:
    with pytest.raises(NotAHash):
        shares_of(HASH[:-1])


def test_a_stand_in_is_clear_of_every_entry() -> None:
    for seed in range(40):
        stand_in = device.stand_in_hash(bytes([seed]) * 32)
        assert confirm(shares_of(stand_in).body, HASH, SOURCE).outcome is False


def test_keys_of_two_options_or_epochs_differ_and_one_seed_makes_them_again() -> None:
    made = [make_keys(b"s" * 32, option, epoch) for option in ("a", "b") for epoch in (1, 2)]
    assert len({each.public for each in made}) == 4
    assert make_keys(b"s" * 32, "b", 2) == made[3]
    assert made[3].secret not in repr(made[3]).encode()
