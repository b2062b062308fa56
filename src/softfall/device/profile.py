"""Whose device this is and whom it trusts, kept in its own sealed store; and the store's making.

Guarantees: a device that was cut off before its provider took the account goes on with the same
keys and the same token, however often that happens.
Refuses: a home that holds a finished device (`HomeNotEmpty`), or none at all (`StateDamaged`).
"""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from softfall.device import keyring
from softfall.device.keyring import Secret
from softfall.device.records import PROFILE
from softfall.device.store import SealedStore
from softfall.device.surroundings import Surroundings
from softfall.messaging.session.cells import StateDamaged
from softfall.messaging.session.olm import Olm

_DRAWER = "profile"
_STORE = "device.db"


@dataclass(frozen=True, slots=True)
class Profile:
    """An account, its provider, its pinned custodian, and the token that it shows the provider.

    list_root: the pinned root of the custodian's on-device list; empty: this device keeps no list.
    """

    account: str
    provider_url: str
    authority_pem: str
    custodian_key: bytes
    token: str = field(repr=False)
    registered: int = 0
    list_root: bytes = b""

    def values(self) -> dict[str, Any]:
        """The fields of its record."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


def make_store(home: Path, secret: Secret, profile: Profile, around: Surroundings) -> SealedStore:
    """The store of a device about to register: its keys made, its profile written, once.

    Raises HomeNotEmpty, WrongSecret, StateDamaged, StoreUnusable.
    """
    if keyring.has_keyring(home):
        keys = keyring.open_keyring(home, secret)
    else:
        keys = keyring.make_keyring(home, secret, around.random_bytes)
    store = SealedStore(home / _STORE, keys, around.random_bytes)
    try:
        with store.transaction():
            known = _read(store)
            if known is None:
                Olm(store, profile.account).create()
                known = profile
            if known.registered or known.account != profile.account:
                raise keyring.HomeNotEmpty(f"{home} holds the device of {known.account} already")
            write_profile(store, replace(profile, token=known.token))
    except BaseException:
        store.close()
        raise
    return store


def open_store(home: Path, secret: Secret, around: Surroundings) -> SealedStore:
    """The store of the device in `home`. Raises HomeMissing, WrongSecret, StateDamaged."""
    keys = keyring.open_keyring(home, secret)
    return SealedStore(home / _STORE, keys, around.random_bytes)


def read_profile(store: SealedStore) -> Profile:
    """Whose device this is. Raises StateDamaged."""
    with store.transaction():
        known = _read(store)
    if known is None:
        raise StateDamaged("the device's profile is missing")
    return known


def write_profile(store: SealedStore, profile: Profile) -> None:
    """Keep the profile; within the caller's transaction."""
    store.put(_DRAWER, value=PROFILE.encode(profile.values()))


def _read(store: SealedStore) -> Profile | None:
    body = store.get(_DRAWER)
    if body is None:
        return None
    values: dict[str, Any] = PROFILE.decode(body)
    return Profile(**values)
