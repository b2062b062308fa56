"""What can be wrong with an on-device list, by name: attacks on it, and plain bad luck.

Guarantees: no error of a library reaches whoever asks for the list. An attack is a PeerError and
leaves the list as it was; a network or a mirror that does not serve is an UnavailableError.
Source: the attacks as The Update Framework 1.0 names them, section 1.5.2.
"""

import contextlib
from collections.abc import Iterator

from tuf.api import exceptions

from softfall.errors import OperatorError, PeerError, RefusedError, UnavailableError


class ListRolledBack(PeerError):
    """Somebody shows a version of the on-device list that is older than one seen before."""

    remedy = "Nothing of it was used; the list in use stays. If it goes on, report the provider."


class ListFrozen(PeerError):
    """The on-device list's metadata is out of date: a newer version may be kept back."""

    remedy = "If the device's clock is right, the provider or the custodian has stopped renewing."


class ListUnsigned(PeerError):
    """The on-device list is not signed by the keys that the pinned root names (any more)."""

    remedy = "Nothing of it was used; keys that were replaced or never named count for nothing."


class ListMixed(PeerError):
    """Parts of different versions of the on-device list are shown as if they were one."""

    remedy = "Nothing of it was used; fetch again. If it goes on, the mirror is broken or cheats."


class ListAltered(PeerError):
    """A file of the on-device list is not the one that the signed metadata names."""

    remedy = "Nothing of it was used and it was deleted; it is fetched anew with the next update."


class ListReplaced(PeerError):
    """Two versions of one and the same epoch of the on-device list, both signed."""

    remedy = "Use neither; keep both: together they prove that the custodian's keys were misused."


class ListIncomplete(UnavailableError):
    """The provider's copy of the on-device list lacks a file, or the file ended early."""

    remedy = "What has come is kept; the next update goes on from there."


class ListTooSlow(UnavailableError):
    """The on-device list came so slowly that it was given up for now."""

    remedy = "What has come is kept; the next update goes on from there."


class ListOutdated(RefusedError):
    """No fresh on-device list could be had for longer than `device.old_list_hours`."""

    remedy = "Let the device reach its provider; pictures wait meanwhile, text goes as ever."


class ListGone(RefusedError):
    """The on-device list of that epoch is no longer kept here."""

    remedy = "What was checked by it can't be checked any more; ask the sender to send it again."


class ListNotKept(OperatorError):
    """The on-device list can't be written on this device; the one in use stays."""

    remedy = "Make room on the disk and check the folder's owner; it is fetched by itself then."


class ListRootUnusable(OperatorError):
    """The trusted root that this device pins is not the root of an on-device list."""

    remedy = "Make the device with distribution/metadata/1.root.json of its custodian."


# Most particular first.
_NAMED: tuple[tuple[type[Exception], type[PeerError] | type[UnavailableError], str], ...] = (
    (exceptions.ExpiredMetadataError, ListFrozen, "the list's metadata is past its term"),
    (exceptions.BadVersionNumberError, ListRolledBack, "the list's metadata has gone back"),
    (exceptions.UnsignedMetadataError, ListUnsigned, "too few good signatures on the list"),
    (exceptions.LengthOrHashMismatchError, ListMixed, "a file of another version was served"),
    (exceptions.RepositoryError, ListAltered, "the list's metadata is not in its form"),
    (exceptions.DownloadLengthMismatchError, ListAltered, "metadata of the list has no end"),
    (exceptions.DownloadError, ListIncomplete, "a file of the list is missing"),
)


@contextlib.contextmanager
def named_list_errors() -> Iterator[None]:
    """Errors of the update client become those above; errors of Softfall pass through."""
    try:
        yield
    except (exceptions.RepositoryError, exceptions.DownloadError) as error:
        for kind, named, what in _NAMED:
            if isinstance(error, kind):
                raise named(what) from None
        raise
    except OSError as error:
        raise ListNotKept(f"the list can't be kept: {error.strerror}") from None
