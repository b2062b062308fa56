"""The end of an epoch: nothing of its key is left in any file."""

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import select

from softfall.custodian.epochs import EpochBook, EpochEnded
from softfall.custodian.store import open_database
from softfall.custodian.tables import epochs
from tests.custodian.keeping import DAY_MS, HOUR_MS, Keeper, a_question, ask_answer, issued


def files_with(folder: Path, needle: bytes) -> list[str]:
    """The files that hold `needle`: every one, the database's write-ahead log included."""
    return [
        str(path.relative_to(folder))
        for path in sorted(folder.rglob("*"))
        if path.is_file() and needle in path.read_bytes()
    ]


def secret_of(keeper: Keeper, number: int) -> bytes:
    engine = open_database(keeper.settings.data_dir)
    with engine.connect() as connection:
        secret = connection.scalar(select(epochs.c.secret_key).where(epochs.c.number == number))
    engine.dispose()
    assert isinstance(secret, bytes)
    return secret


def a_book(keeper: Keeper) -> EpochBook:
    return EpochBook.of(keeper.settings, open_database(keeper.settings.data_dir))


def artefacts(keeper: Keeper) -> list[str]:
    return sorted(path.name for path in (keeper.settings.data_dir / "epochs").iterdir())


def test_an_ended_epochs_key_is_in_no_file_any_more(keeper: Keeper) -> None:
    first = keeper.publish()
    secret = secret_of(keeper, first.epoch)
    # The search would find it: before the end the key is there, be it in the log or the database.
    assert files_with(keeper.folder, secret)
    second = keeper.publish()
    keeper.clocks.pass_ms(HOUR_MS)
    assert a_book(keeper).end_due("split", keeper.clocks.wall_ms) == [first.epoch]
    assert files_with(keeper.folder, secret) == []
    assert artefacts(keeper) == [f"split-{second.epoch}.artefact"]
    assert files_with(keeper.folder, secret_of(keeper, second.epoch))


def test_the_key_is_gone_though_the_log_was_written_while_others_were_reading(
    keeper: Keeper,
) -> None:
    first = keeper.publish()
    secret = secret_of(keeper, first.epoch)
    keeper.publish()
    keeper.clocks.pass_ms(HOUR_MS)
    reader = open_database(keeper.settings.data_dir).connect()
    reader.exec_driver_sql("BEGIN")
    reader.execute(
        select(epochs.c.secret_key)
    ).all()  # a long read keeps the log from being emptied
    book = a_book(keeper)
    assert book.end_due("split", keeper.clocks.wall_ms) == [first.epoch]
    reader.rollback()
    reader.close()
    assert book.end_due("split", keeper.clocks.wall_ms) == []  # the next round finishes the work
    assert files_with(keeper.folder, secret) == []


def test_a_key_that_another_process_could_not_wipe_from_the_log_is_wiped_here(
    keeper: Keeper,
) -> None:
    first = keeper.publish()
    secret = secret_of(keeper, first.epoch)
    service = a_book(keeper)
    service.end_due("split", keeper.clocks.wall_ms)
    reader = open_database(keeper.settings.data_dir).connect()
    reader.exec_driver_sql("BEGIN")
    reader.execute(select(epochs.c.secret_key)).all()
    keeper.clocks.pass_ms(31 * DAY_MS)
    keeper.publish()  # ends the first, but can't empty the log while somebody reads
    assert files_with(keeper.folder, secret)
    reader.rollback()
    reader.close()
    service.end_due("split", keeper.clocks.wall_ms)
    assert files_with(keeper.folder, secret) == []


def test_a_kill_between_the_overwriting_and_the_log_is_made_good_at_the_next_start(
    keeper: Keeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = keeper.publish()
    secret = secret_of(keeper, first.epoch)
    keeper.publish()
    keeper.clocks.pass_ms(HOUR_MS)
    killed = a_book(keeper)
    with monkeypatch.context() as patch:
        patch.setattr(EpochBook, "_empty_the_log", lambda _: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            killed.end_due("split", keeper.clocks.wall_ms)
    assert a_book(keeper).end_due("split", keeper.clocks.wall_ms) == []
    assert files_with(keeper.folder, secret) == []


def test_the_running_service_ends_epochs_by_itself(keeper: Keeper) -> None:
    first = keeper.publish()
    secret = secret_of(keeper, first.epoch)
    app = keeper.app()
    question = a_question(first).request.body
    used, unused = issued(app, 2)
    answered = ask_answer(app, question, used)
    assert answered.status_code == 200  # the key is in the service's memory too
    keeper.clocks.pass_ms(30 * DAY_MS)

    async def run() -> None:
        async with app.router.lifespan_context(app):
            while "epoch ended" not in keeper.lines.text or files_with(keeper.folder, secret):
                await asyncio.sleep(0.02)

    asyncio.run(run())
    assert ask_answer(app, question, unused).json()["error"] == "EpochEnded"
    assert artefacts(keeper) == []
    assert {"event": "epoch ended", "option": "split", "epoch": first.epoch}.items() <= next(
        line for line in keeper.lines.all() if line["event"] == "epoch ended"
    ).items()


def test_an_ended_epoch_stays_ended_when_the_clock_is_set_back(keeper: Keeper) -> None:
    manifest = keeper.publish()
    keeper.clocks.pass_ms(30 * DAY_MS)
    book = a_book(keeper)
    assert book.end_due("split", keeper.clocks.wall_ms) == [manifest.epoch]
    keeper.clocks.pass_ms(-29 * DAY_MS)
    with pytest.raises(EpochEnded):
        book.answering(manifest.epoch, "split", keeper.clocks.wall_ms)
    with pytest.raises(EpochEnded):
        book.secret(manifest.epoch)


def test_ending_is_safe_to_repeat(keeper: Keeper) -> None:
    keeper.publish()
    book = a_book(keeper)
    assert book.end_due("split", keeper.clocks.wall_ms) == []
    keeper.clocks.pass_ms(31 * DAY_MS)
    assert len(book.end_due("split", keeper.clocks.wall_ms)) == 1
    assert book.end_due("split", keeper.clocks.wall_ms) == []
