"""Trust on first use: changed keys are a named error until people have compared fingerprints."""

import pytest

from softfall.device.device import Device
from softfall.device.outcomes import Shown, Waiting
from softfall.messaging.identity import Identity, KeySignatureBroken, SignedKey
from softfall.messaging.session.pins import FingerprintMismatch, IdentityChanged

from .conftest import Town
from .pictures import FLOWER, jpeg


def new_phone(town: Town, name: str) -> Device:
    """The same person on a new device, which the operator has let in under the old name."""
    town.open.pop(name).close()
    town.provider.members.pop(name)
    town.old_phones = getattr(town, "old_phones", 0) + 1
    (town.folder / name).rename(town.folder / f"{name}-old-{town.old_phones}")
    return town.join(name)


def test_both_see_the_same_fingerprints(town: Town):
    ada, ben = town["ada"], town["ben"]
    ada.send_text("ben", "hello")
    ben.sync()
    assert ada.fingerprint("ben") == ben.fingerprint()
    assert ben.fingerprint("ada") == ada.fingerprint()
    assert ada.fingerprint() != ben.fingerprint()
    assert ada.fingerprint("carol") is None
    groups = ada.fingerprint().split()
    assert [len(group) for group in groups] == [5] * 12


def test_a_message_from_changed_keys_waits_for_a_person(town: Town):
    ada, ben = town["ada"], town["ben"]
    ben.send_text("ada", "hello")
    ada.sync()
    new = new_phone(town, "ben")
    new.send_text("ada", "it is me, on a new phone")
    (waiting,) = ada.sync()
    assert isinstance(waiting, Waiting)
    assert waiting.reason == "IdentityChanged"
    assert ada.sync() == []
    with pytest.raises(FingerprintMismatch):
        ada.trust("ben", ada.fingerprint())
    ada.trust("ben", new.fingerprint())
    (shown,) = town["ada"].sync()
    assert isinstance(shown, Shown)
    assert shown.text == "it is me, on a new phone"
    ada.send_text("ben", "good to see you")
    assert [a.text for a in new.sync()] == ["good to see you"]


def test_what_waits_survives_a_restart(town: Town):
    ada, ben = town["ada"], town["ben"]
    ben.send_text("ada", "hello")
    ada.sync()
    new = new_phone(town, "ben")
    new.send_text("ada", "new phone")
    ada.sync()
    ada = town.restart("ada")
    ada.trust("ben", new.fingerprint())
    assert [a.text for a in ada.sync()] == ["new phone"]


def test_nothing_is_encrypted_to_changed_keys(town: Town):
    ada, ben = town["ada"], town["ben"]
    ben.send_text("ada", "hello")
    ada.sync()
    ada.send_text("ben", "known")
    new = new_phone(town, "ben")
    # The old session is still there, so words go to the old keys, which nobody has any more.
    ada.send_text("ben", "who reads this")
    assert not any(isinstance(a, Shown) for a in new.sync())
    town["carol"].send_text("ben", "hello")
    carol = town["carol"]
    newer = new_phone(town, "ben")
    with carol._store.transaction():
        carol._kit.olm.forget("ben")
    with pytest.raises(IdentityChanged):
        carol.send_text("ben", "hello again")
    assert carol.outbox() == []
    carol.trust("ben", newer.fingerprint())
    carol.send_text("ben", "hello again")
    assert [a.text for a in newer.sync()] == ["hello again"]


def test_changed_keys_of_a_member_make_the_groups_key_anew(town: Town):
    ada, carol = town["ada"], town["carol"]
    town["ben"]
    ada.send_text(["ben", "carol"], "hello")
    carol.sync()
    new = new_phone(town, "ben")
    new.send_text("ada", "new phone")
    ada.sync()
    ada.trust("ben", new.fingerprint())
    ada.sync()
    ada.send_text(["ben", "carol"], "to the new phone")
    assert [a.text for a in new.sync()] == ["to the new phone"]
    assert [a.text for a in carol.sync()] == ["to the new phone"]


def test_a_directory_that_swaps_keys_is_caught_by_signatures(town: Town):
    town["ben"], town["eve"]
    members = town.provider.members
    eve, ben = members["eve"], members["ben"]
    # Eve's one-time key under Ben's name: not signed by Ben.
    honest = ben.keys[0]
    ben.keys[0] = SignedKey(honest.key_id, eve.keys[0].key, honest.signature)
    with pytest.raises(KeySignatureBroken):
        town["ada"].send_text("ben", "hello")
    # Eve's session key inside Ben's identity: not signed by Ben.
    identity = ben.published.identity
    swapped = Identity("ben", eve.published.identity.curve25519, identity.ed25519)
    ben.published = type(ben.published)(swapped, ben.published.signature)
    with pytest.raises(KeySignatureBroken):
        town["carol"].send_text("ben", "hello")
    # Eve's whole identity under Ben's name: signed for another account.
    ben.published = eve.published
    with pytest.raises(KeySignatureBroken):
        town["dan"].send_text("ben", "hello")


def test_a_groups_key_that_waited_for_a_person_opens_what_came_with_it(town: Town):
    """The key comes in a message of its own, ahead of a photograph: both wait, and both open."""
    town.publish(1)
    ada, ben = town["ada"], town["ben"]
    town["carol"]
    ben.send_text("ada", "hello")
    ada.sync()
    new, photo = new_phone(town, "ben"), jpeg(FLOWER, side=64)
    new.send_photo(["ada", "carol"], photo)
    assert {a.reason for a in ada.sync()} == {"IdentityChanged", "GroupKeyMissing"}
    ada.trust("ben", new.fingerprint())
    assert [a.picture for a in ada.sync()] == [photo]
    assert town.restart("ada").sync() == []
