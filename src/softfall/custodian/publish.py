"""Publishing an epoch: freeze the list, make its keys, its artefact and its signed manifest.

Guarantees: the last step is one transaction; until it, the old epoch is current, whatever happens
(kill -9, a full disk), and no key of an unpublished epoch is ever stored. What a killed run left
behind is cleared by the next one. One publisher at a time.
The epoch's keys come from the operating system's randomness, given in as `random_bytes`.
"""

import contextlib
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine, select, update
from sqlalchemy.exc import DBAPIError

from softfall.config import CustodianSettings
from softfall.custodian.catalogue import Catalogue
from softfall.custodian.clock import wall_ms
from softfall.custodian.epochs import EpochBook, artefact_path, files_folder
from softfall.custodian.homomorphic_lists import HomomorphicLists
from softfall.custodian.keys import Identity, load_identity
from softfall.custodian.list_publishing import ListPublishing, PublishedChanges
from softfall.custodian.options import KeptOption, Workshop, kept
from softfall.custodian.store import EPOCHS_FOLDER, only_one, open_database, write_whole
from softfall.custodian.tables import epochs
from softfall.custodian.tokens import token_key_of_new_epoch
from softfall.custodian.versions import write_position
from softfall.errors import InputError, OperatorError
from softfall.lists.distribution import BASE_VERSION
from softfall.lists.distribution import OPTION as ON_DEVICE
from softfall.lists.index.snapshot import Position
from softfall.lists.manifest import Manifest, sign
from softfall.options.confirm.keys import ConfirmKeys, make_keys
from softfall.options.contract import Prepared, Progress
from softfall.options.homomorphic.parameters import NAME as HOMOMORPHIC

SEED_BYTES = 32
DAY_MS = 86_400_000
VERSIONED = (ON_DEVICE, HOMOMORPHIC)


class OptionHasNoVersions(InputError):
    """The option's list does not change within an epoch: nobody would be told."""

    remedy = "Publish a new epoch: `softfall list publish`, without --changes."


class PublishFailed(OperatorError):
    """The new epoch could not be written; the old one is still current."""

    remedy = "Free space on the custodian's disk, then run `softfall list publish` again."


@dataclass(frozen=True, slots=True)
class Publisher:
    """What publishing works with. folder: where artefacts lie. token_key: of a new epoch.

    planned: the option as this custodian's settings have it.
    """

    engine: Engine
    catalogue: Catalogue
    book: EpochBook
    identity: Identity
    folder: Path
    epoch_days: float
    now_ms: Callable[[], int]
    token_key: Callable[[], bytes]
    planned: Callable[[KeptOption], KeptOption] = lambda plan: plan
    random_bytes: Callable[[int], bytes] = os.urandom

    def publish(self, option: str, progress: Progress) -> Manifest:
        """Publish the list as it is now; `progress(done, all)` counts evaluations.

        The caller holds `only_one(data_dir, "publish")`. Raises OptionUnknown, PublishFailed.
        """
        plan = self.planned(kept(option))
        with _named_failures():
            self.book.end_due(option, self.now_ms())
            self._clear_leftovers()
            position = self.catalogue.feed.position()  # what joins from here on is told again
            number = self.catalogue.freeze(option, self.now_ms())
            entries = self.catalogue.epoch_entries(number)
            plan = plan.fitting(entries[-1][0] if entries else 0)
            secret = plan.derive_secret(self.random_bytes(SEED_BYTES), number)
            prepare = plan.preparer(number, secret, self._workshop(plan, number))
            prepared = prepare(entries, progress)
            write_whole(artefact_path(self.folder, option, number), prepared.artefact)
            confirm = self._confirm_keys(plan, number)
            manifest = self._manifest(plan, number, len(entries), prepared, confirm)
            self._announce(manifest, secret, confirm, position)
            return manifest

    def _workshop(self, plan: KeptOption, number: int) -> Workshop:
        folder = files_folder(self.folder, plan.name, number)
        return Workshop(folder, self.random_bytes, self.identity.sign, self.now_ms())

    def _confirm_keys(self, plan: KeptOption, number: int) -> ConfirmKeys | None:
        """The epoch's HPKE keys, where the option confirms its candidates."""
        if not plan.confirms:
            return None
        return make_keys(self.random_bytes(SEED_BYTES), plan.name, number)

    def _manifest(
        self,
        plan: KeptOption,
        number: int,
        entries_count: int,
        prepared: Prepared,
        confirm: ConfirmKeys | None,
    ) -> Manifest:
        now_ms = self.now_ms()
        return Manifest(
            option=plan.name,
            epoch=number,
            public_key=prepared.public_key,
            artefact_sha256=hashlib.sha256(prepared.artefact).digest(),
            entries=entries_count,
            published_at_ms=now_ms,
            expires_at_ms=now_ms + round(self.epoch_days * DAY_MS),
            parameters=plan.parameters,
            token_key=self.token_key() if plan.request else b"",
            confirm_key=confirm.public if confirm else b"",
        )

    def _announce(
        self,
        manifest: Manifest,
        secret: bytes,
        confirm: ConfirmKeys | None,
        position: Position,
    ) -> None:
        """The one step that makes the epoch current."""
        unannounced = epochs.c.number == manifest.epoch, epochs.c.manifest.is_(None)
        with self.engine.begin() as connection:
            write_position(connection, manifest.epoch, BASE_VERSION, position)
            connection.execute(
                update(epochs)
                .where(*unannounced)
                .values(
                    public_key=manifest.public_key,
                    secret_key=secret,
                    confirm_secret=confirm.secret if confirm else None,
                    artefact_sha256=manifest.artefact_sha256,
                    manifest=sign(manifest, self.identity.sign),
                    published_at_ms=manifest.published_at_ms,
                    expires_at_ms=manifest.expires_at_ms,
                )
            )

    def _clear_leftovers(self) -> None:
        """Remove what a killed run left: no other publisher runs, so nobody is writing these."""
        query = select(epochs.c.option, epochs.c.number).where(epochs.c.secret_key.is_not(None))
        with self.engine.connect() as connection:
            live = {artefact_path(self.folder, *row) for row in connection.execute(query)}
            folders = {files_folder(self.folder, *row) for row in connection.execute(query)}
        for path in self.folder.glob("*.artefact*"):
            if path not in live:
                path.unlink()
        for path in self.folder.iterdir() if self.folder.exists() else ():
            if path.is_dir() and path not in folders:
                shutil.rmtree(path)


def publish_epoch(
    settings: CustodianSettings,
    option: str,
    progress: Progress,
    now_ms: Callable[[], int] = wall_ms,
) -> Manifest:
    """Publish the list in `settings.data_dir` as it is now; a running service notices by itself.

    progress(done, all) counts evaluations. Raises OptionUnknown, DataInUse while another publishes,
    EnclavesUnstated, IdentityUnusable, StoreUnusable, ListUnwritable, PublishFailed.
    """
    with only_one(settings.data_dir, "publish"):
        identity = load_identity(settings.data_dir)
        engine = open_database(settings.data_dir)
        try:
            manifest = Publisher(
                engine,
                Catalogue(engine, settings.data_dir),
                EpochBook.of(settings, engine),
                identity,
                settings.data_dir / EPOCHS_FOLDER,
                settings.epoch_days,
                now_ms,
                lambda: token_key_of_new_epoch(settings, now_ms()),
                lambda plan: plan.planned(settings, identity.public_key),
            ).publish(option, progress)
            if option == ON_DEVICE:
                ListPublishing(settings, engine, now_ms).bring_up_to_date()
            return manifest
        finally:
            engine.dispose()


def publish_changes(
    settings: CustodianSettings,
    progress: Progress,
    now_ms: Callable[[], int] = wall_ms,
    option: str = ON_DEVICE,
) -> PublishedChanges:
    """What changed on the list since the newest version of the option's epoch, as one more version.

    progress(done, all) counts evaluations, or blocks. Raises OptionHasNoVersions, NoEpoch before
    the first epoch, TooManyVersions, NumbersDoNotFit, ArtefactDamaged, DataInUse while another
    publishes, IdentityUnusable, StoreUnusable, ListKeysUnusable, PublishFailed.
    """
    if option not in VERSIONED:
        raise OptionHasNoVersions(f"only {' and '.join(VERSIONED)} have versions within an epoch")
    with only_one(settings.data_dir, "publish"):
        identity = load_identity(settings.data_dir)
        engine = open_database(settings.data_dir)
        try:
            with _named_failures():
                if option == ON_DEVICE:
                    return ListPublishing(settings, engine, now_ms).publish_changes(progress)
                lists = HomomorphicLists(settings, engine, now_ms)
                return lists.publish_changes(identity.sign, progress)
        finally:
            engine.dispose()


@contextlib.contextmanager
def _named_failures() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise PublishFailed(f"the new epoch can't be written: {error.strerror}") from None
    except DBAPIError as error:
        raise PublishFailed(f"the new epoch can't be stored: {error.orig}") from None
