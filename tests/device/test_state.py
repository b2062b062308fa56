"""State at rest: secrets, locks, damage, full disks, and nothing readable in the files."""

import sqlite3

import pytest

from softfall.device import keyring
from softfall.device.device import Device
from softfall.device.keyring import HomeInUse, HomeMissing, HomeNotEmpty, WrongSecret
from softfall.device.outcomes import Shown
from softfall.device.store import SealedStore, StateUnwritable
from softfall.device.surroundings import REAL
from softfall.device.transport import BadServiceAddress, SaidByService, ServiceUnreachable
from softfall.messaging.session.cells import StateDamaged
from softfall.store.database import StoreUnusable

from .conftest import KEY, Town
from .pictures import FLOWER, jpeg


def home_files(town: Town, name: str) -> dict[str, bytes]:
    return {
        path.name: path.read_bytes()
        for path in (town.folder / name).iterdir()
        if path.name != "lock"
    }


def test_a_passphrase_opens_what_it_closed_and_another_does_not(town: Town):
    made = Device.create(
        town.folder / "ada",
        "correct horse",
        "ada",
        "https://provider.example",
        town.authority,
        town.custodian.public_key,
        parts=town.parts(),
    )
    fingerprint = made.fingerprint()
    made.close()
    for wrong in ("correct house", "", KEY):
        with pytest.raises(WrongSecret):
            Device.open(town.folder / "ada", wrong, parts=town.parts())
    with Device.open(town.folder / "ada", "correct horse", parts=town.parts()) as device:
        assert device.fingerprint() == fingerprint


@pytest.mark.parametrize("wrong", [bytes(32), b"short", "a passphrase"])
def test_a_wrong_key_is_a_named_error(town: Town, wrong):
    town["ada"].close()
    with pytest.raises(WrongSecret):
        Device.open(town.folder / "ada", wrong, parts=town.parts())


def test_a_second_opening_of_the_same_home_is_refused(town: Town):
    town["ada"]
    with pytest.raises(HomeInUse):
        Device.open(town.folder / "ada", KEY, parts=town.parts())
    with pytest.raises(HomeInUse):
        town.join("ada")
    assert town["ada"].fingerprint()


def test_a_home_has_one_device(town: Town):
    town["ada"].close()
    with pytest.raises(HomeNotEmpty):
        town.join("ada")
    with pytest.raises(HomeMissing):
        Device.open(town.folder / "nobody", KEY, parts=town.parts())
    assert not (town.folder / "nobody").exists()


def test_a_name_that_is_taken_leaves_no_device_behind_that_opens(town: Town, tmp_path):
    town["ada"]
    other = Town.__new__(Town)
    other.__dict__.update({**town.__dict__, "folder": tmp_path / "other", "open": {}})
    with pytest.raises(SaidByService) as caught:
        other.join("ada")
    assert caught.value.name == "AccountTaken"
    with pytest.raises(StateDamaged):
        Device.open(tmp_path / "other" / "ada", KEY, parts=town.parts())


@pytest.mark.parametrize("done", [False, True])
def test_a_registration_that_was_cut_off_goes_on_where_it_stopped(town: Town, done):
    def cut(account, call, was_done):
        if call == "register" and was_done == done:
            town.provider.on_call = lambda *_: None
            raise ServiceUnreachable("the network went")

    town.provider.on_call = cut
    with pytest.raises(ServiceUnreachable):
        town.join("ada")
    ada = town.join("ada")
    town["ben"].send_text("ada", "welcome")
    assert [a.text for a in ada.sync()] == ["welcome"]


def test_an_unreadable_authority_is_a_named_error(town: Town):
    town.authority.unlink()
    with pytest.raises(BadServiceAddress):
        town.join("ada")


def test_nothing_readable_lies_in_the_files(town: Town):
    town["ben-the-recipient"]
    words, photo = "see you at the lake at noon", jpeg(FLOWER)
    town["ada-the-sender"].send_text("ben-the-recipient", words, conversation="holiday-plans")
    town["ada-the-sender"].send_photo("ben-the-recipient", photo, conversation="holiday-plans")
    town.provider.away = True
    town["ada-the-sender"].send_text("ben-the-recipient", words, conversation="holiday-plans")
    assert len(town.provider.members["ben-the-recipient"].mailbox) == 2
    town.provider.away = False
    shown = town["ben-the-recipient"].sync()
    assert [a.text for a in shown] == [words, ""]
    identity = town.provider.members["ada-the-sender"].published.identity
    secrets = [
        words.encode(),
        photo[100:160],
        b"ada-the-sender",
        b"ben-the-recipient",
        b"holiday-plans",
        identity.curve25519.encode(),
        town.provider.members["ada-the-sender"].token.encode(),
        b"provider.example",
    ]
    for name in ("ada-the-sender", "ben-the-recipient"):
        everything = b"".join(home_files(town, name).values())
        assert len(everything) > 10_000
        assert [secret for secret in secrets if secret in everything] == []
    # The search would find what it looks for: the drawers' names are not secret.
    assert b"olm account" in b"".join(home_files(town, "ada-the-sender").values())


def test_home_and_files_are_their_owners_alone(town: Town):
    town["ada"]
    home = town.folder / "ada"
    assert home.stat().st_mode & 0o077 == 0
    for name in ("keyring", "device.db"):
        assert (home / name).stat().st_mode & 0o077 == 0


def flip(path, place):
    body = bytearray(path.read_bytes())
    body[place] ^= 0xFF
    path.write_bytes(bytes(body))


def test_damage_in_the_keyring_is_a_named_error(town: Town):
    town["ada"].close()
    file = town.folder / "ada" / "keyring"
    whole = file.read_bytes()
    for body in (b"", whole[:-1], b"junk"):
        file.write_bytes(body)
        with pytest.raises(StateDamaged):
            Device.open(town.folder / "ada", KEY, parts=town.parts())
    file.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises((StateDamaged, WrongSecret)):
        Device.open(town.folder / "ada", KEY, parts=town.parts())


def test_damage_in_the_database_is_a_named_error(town: Town):
    town["ada"].close()
    file = town.folder / "ada" / "device.db"
    file.write_bytes(b"this is no database" * 100)
    with pytest.raises((StateDamaged, StoreUnusable)):
        Device.open(town.folder / "ada", KEY, parts=town.parts())


def test_an_altered_value_and_one_moved_elsewhere_are_named_errors(town: Town):
    town["ada"].close()
    file = town.folder / "ada" / "device.db"
    with sqlite3.connect(file) as database:
        database.execute("UPDATE cells SET sealed = zeroblob(64) WHERE drawer = 'profile'")
    database.close()
    with pytest.raises(StateDamaged):
        Device.open(town.folder / "ada", KEY, parts=town.parts())
    with sqlite3.connect(file) as database:
        moved = "SELECT sealed FROM cells WHERE drawer = 'olm account'"
        database.execute(f"UPDATE cells SET sealed = ({moved}) WHERE drawer = 'profile'")
    database.close()
    with pytest.raises(StateDamaged):
        Device.open(town.folder / "ada", KEY, parts=town.parts())


def test_a_missing_database_is_a_named_error(town: Town):
    town["ada"].close()
    for file in (town.folder / "ada").glob("device.db*"):
        file.unlink()
    with pytest.raises(StateDamaged):
        Device.open(town.folder / "ada", KEY, parts=town.parts())


def fill_disk(device: Device, full: bool) -> None:
    """SQLite's own limit on pages answers as a full disk does."""
    with device._store.transaction():
        pages = device._store._connection.exec_driver_sql("PRAGMA page_count").scalar()
        most = pages if full else 2**30
        device._store._connection.exec_driver_sql(f"PRAGMA max_page_count = {most}")


def test_on_a_full_disk_nothing_is_sent_and_nothing_is_lost(town: Town):
    ada, ben = town["ada"], town["ben"]
    ada.send_text("ben", "before")
    fill_disk(ada, full=True)
    with pytest.raises(StateUnwritable):
        ada.send_text("ben", "x" * 16_000)
    assert len(town.provider.passed) == 1
    fill_disk(ada, full=False)
    ada.send_text("ben", "after")
    assert [a.text for a in ben.sync()] == ["before", "after"]


def test_on_a_full_disk_nothing_is_acknowledged(town: Town):
    ada, ben = town["ada"], town["ben"]
    ada.send_text("ben", "y" * 16_000)
    fill_disk(ben, full=True)
    with pytest.raises(StateUnwritable):
        ben.sync()
    assert town.provider.members["ben"].acknowledged == 0
    fill_disk(ben, full=False)
    (shown,) = ben.sync()
    assert isinstance(shown, Shown)
    assert town.provider.members["ben"].acknowledged == 1


def test_a_store_keeps_drawers_in_order_and_transactions_whole(tmp_path):
    keys = keyring.make_keyring(tmp_path, KEY, REAL.random_bytes)
    store = SealedStore(tmp_path / "device.db", keys, REAL.random_bytes)
    with store.transaction():
        for key in ("b", "a", "c"):
            store.put("drawer", key, value=key.encode())
        store.put("drawer", "b", value=b"again")

    def fail_midway() -> None:
        with store.transaction():
            store.put("drawer", "a", value=b"lost")
            store.delete("drawer", "c")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_midway()
    with store.transaction():
        assert list(store.items("drawer")) == [
            (("b",), b"again"),
            (("a",), b"a"),
            (("c",), b"c"),
        ]
        assert store.get("drawer", "missing") is None
    store.close()
