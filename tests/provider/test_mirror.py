"""The provider's copy of the on-device list, made from the custodian's real repository."""

import asyncio
import contextlib
import errno
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from softfall.lists.distribution import TIMESTAMP, is_path
from softfall.provider import mirror
from softfall.provider.mirror import ListFileMissing, Mirror
from softfall.provider.options import OfferedOption
from softfall.provider.relay import CustodianUnavailable
from softfall.store.transactions import StorageFull
from softfall.wire import MalformedMessage
from tests.custodian.keeping import Keeper
from tests.custodian.list_client import read_list
from tests.custodian.list_keeping import changed, folder, publish, publish_more
from tests.custodian.segmented import keep_numbers

from .cast import WORD, WordHalf

Handle = Callable[[httpx.Request], Any]


@pytest.fixture
def listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Keeper:
    keep_numbers(monkeypatch)
    keeper = Keeper(tmp_path / "keeper").set_up(6)
    publish(keeper)
    return keeper


class Between:
    """The custodian's service as the mirror reaches it; `tamper` may answer in its place."""

    def __init__(self, keeper: Keeper) -> None:
        self.inner = httpx.ASGITransport(app=keeper.app())
        self.tamper: Callable[[httpx.Request], httpx.Response | None] = lambda request: None
        self.asked: list[str] = []

    def client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=self, base_url="https://custodian")  # type: ignore[arg-type]

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request.url.path.removeprefix("/v1/distribution").strip("/"))
        return self.tamper(request) or await self.inner.handle_async_request(request)

    async def __aenter__(self) -> "Between":
        return self

    async def __aexit__(self, *_: object) -> None:
        return None

    async def aclose(self) -> None:
        return None


@pytest.fixture
def between(listed: Keeper) -> Between:
    return Between(listed)


def look(between: Between, home: Path) -> int:
    async def once() -> int:
        async with between.client() as client:
            return await Mirror(home, client).look()

    return asyncio.run(once())


def files(home: Path) -> dict[str, bytes]:
    found = {
        path.relative_to(home).as_posix(): path.read_bytes()
        for path in home.rglob("*")
        if path.is_file()
    }
    assert all(is_path(path) for path in found), "nothing half-written lies about"
    return found


def test_the_mirror_holds_what_the_custodian_holds_and_follows_it(
    listed: Keeper, between: Between, tmp_path: Path
) -> None:
    home = tmp_path / "mirror"
    assert look(between, home) > 0
    assert files(home) == files(folder(listed))
    assert look(between, home) == 0
    for _ in range(5):
        changed(listed)
        publish_more(listed)
        look(between, home)
        assert files(home) == files(folder(listed)), "what is named no more is dropped"


def test_what_makes_a_version_current_comes_last(
    listed: Keeper, between: Between, tmp_path: Path
) -> None:
    home = tmp_path / "mirror"
    look(between, home)
    before = files(home)
    changed(listed)
    publish_more(listed)
    for number, path in enumerate(each for each in files(folder(listed)) if each not in before):
        between.tamper = lambda request, path=path: (  # type: ignore[misc]
            httpx.Response(503) if request.url.path.endswith(path) else None
        )
        trial = tmp_path / f"mirror-{number}"  # the last try may have fetched this file already
        shutil.copytree(home, trial)
        with pytest.raises(CustodianUnavailable):
            look(between, trial)
        assert files(trial)[TIMESTAMP] == before[TIMESTAMP]
        assert before.items() <= files(trial).items()
    between.tamper = lambda request: None
    look(between, home)
    assert files(home) == files(folder(listed))


def test_a_version_that_appears_in_the_middle_of_a_round_is_never_half_there(
    listed: Keeper, between: Between, tmp_path: Path
) -> None:
    home, count = tmp_path / "mirror", [0]

    def publish_now(request: httpx.Request) -> None:
        count[0] += 1
        changed(listed)
        publish_more(listed)

    between.tamper = publish_now
    for _ in range(4):
        with contextlib.suppress(CustodianUnavailable):  # what it wanted was tidied away meanwhile
            look(between, home)
        if (home / TIMESTAMP).exists():
            shown = tmp_path / "shown"
            read_from(home, listed, shown)
    between.tamper = lambda request: None
    look(between, home)
    read_from(home, listed, tmp_path / "shown")
    assert count[0] > 4


def read_from(home: Path, keeper: Keeper, client: Path) -> None:
    """A client that only ever sees the mirror accepts it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tests.custodian.list_client.FolderFetcher.__init__",
                      lambda self, _: setattr(self, "folder", home))  # fmt: skip
        assert read_list(keeper.settings.data_dir, client)


Fault = tuple[str, Callable[[httpx.Response], httpx.Response]]
FAULTS: list[Fault] = [
    ("too long", lambda answer: httpx.Response(200, content=answer.content + b"x")),
    ("too short", lambda answer: httpx.Response(200, content=answer.content[:-1])),
    ("missing", lambda answer: httpx.Response(404)),
]


@pytest.mark.parametrize("fault", FAULTS, ids=[name for name, _ in FAULTS])
def test_a_file_of_another_size_is_not_kept(
    listed: Keeper, between: Between, tmp_path: Path, fault: Fault
) -> None:
    home = tmp_path / "mirror"
    segment = next(path for path in files(folder(listed)) if path.endswith(".segment"))
    whole = httpx.Response(200, content=(folder(listed) / segment).read_bytes())

    def tamper(request: httpx.Request) -> httpx.Response | None:
        return fault[1](whole) if request.url.path.endswith(segment) else None

    between.tamper = tamper
    with pytest.raises(CustodianUnavailable):
        look(between, home)
    assert segment not in files(home)
    assert TIMESTAMP not in files(home)


@pytest.mark.parametrize(
    ("body", "refused"),
    [(b"junk", MalformedMessage), (b"\x81\x81\x82\x67../evil\x01", MalformedMessage),
     (b"\x00" * (3 * 1024 * 1024), CustodianUnavailable)],
)  # fmt: skip
def test_an_index_that_is_none_changes_nothing(
    between: Between, tmp_path: Path, body: bytes, refused: type[Exception]
) -> None:
    home = tmp_path / "mirror"
    look(between, home)
    before = files(home)

    def tamper(request: httpx.Request) -> httpx.Response | None:
        return httpx.Response(200, content=body) if request.url.path.endswith("tion") else None

    between.tamper = tamper
    with pytest.raises(refused):
        look(between, home)
    assert files(home) == before


def test_a_full_disk_keeps_the_last_good_copy(
    listed: Keeper, between: Between, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "mirror"
    look(between, home)
    before = files(home)
    changed(listed)
    publish_more(listed)

    def fail(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(mirror.os, "fsync", fail)  # type: ignore[attr-defined]
        with pytest.raises(StorageFull):
            look(between, home)
    assert files(home) == before
    look(between, home)
    assert files(home) == files(folder(listed))


def test_what_a_killed_process_left_is_cleared(between: Between, tmp_path: Path) -> None:
    home = tmp_path / "mirror"
    look(between, home)
    (home / "parts/left-over").write_bytes(b"half")
    os.utime(home / "parts/left-over", (0, 0))
    look(between, home)
    assert "left-over" not in [path.name for path in home.rglob("*")]
    files(home)


def test_before_the_first_list_there_is_nothing(tmp_path: Path) -> None:
    keeper = Keeper(tmp_path / "keeper").set_up(2)
    home = tmp_path / "mirror"
    assert look(Between(keeper), home) == 0
    assert files(home) == {}


NUMBERS = OfferedOption(
    "on_device", WordHalf, WORD, WORD, from_manifest=lambda told: WordHalf(told.epoch, b"")
)


@pytest.fixture
def house(open_house: Any, listed: Keeper) -> Iterator[Any]:
    """A provider with the on-device option, its custodian the real one."""

    class Real:
        manifest = b""

        def client(self) -> httpx.AsyncClient:
            return Between(listed).client()

    with open_house(Real(), list_mib_per_hour=1, offered=NUMBERS, clock=Now(listed)) as opened:
        while opened.service.epochs.current is None or not opened.service.mirror.has_list:
            opened.http.get("/v1/health")
        yield opened


class Now:
    def __init__(self, keeper: Keeper) -> None:
        self.keeper = keeper

    def __call__(self) -> int:
        return self.keeper.clocks.wall_ms


def test_devices_fetch_the_list_whole_or_from_where_they_stopped(
    house: Any, listed: Keeper
) -> None:
    ada = house.join("ada")
    assert house.http.get("/v1/service").json()["epoch"] == 1
    for path, content in files(folder(listed)).items():
        answer = ada.call("GET", f"/v1/lists/{path}")
        assert (answer.status_code, answer.content) == (200, content)
        assert answer.headers["etag"]
    segment = next(path for path in files(folder(listed)) if path.endswith(".segment"))
    content = (folder(listed) / segment).read_bytes()
    answer = ada.call("GET", f"/v1/lists/{segment}", headers_more={"range": "bytes=5-"})
    assert (answer.status_code, answer.content) == (206, content[5:])
    assert answer.headers["content-range"] == f"bytes 5-{len(content) - 1}/{len(content)}"


@pytest.mark.parametrize("asked", ["bytes=99999-", "bytes=x-", "bytes=-5", "lines=1-", "bytes=7-3"])
def test_a_range_that_the_file_has_not_is_refused_by_name(
    house: Any, listed: Keeper, asked: str
) -> None:
    ada = house.join("ada")
    segment = next(path for path in files(folder(listed)) if path.endswith(".segment"))
    answer = ada.call("GET", f"/v1/lists/{segment}", headers_more={"range": asked})
    assert (answer.status_code, answer.json()["error"]) == (400, "RangeUnusable")


def test_metadata_that_a_device_has_already_is_not_sent_again(house: Any) -> None:
    ada = house.join("ada")
    tag = ada.call("GET", f"/v1/lists/{TIMESTAMP}").headers["etag"]
    again = ada.call("GET", f"/v1/lists/{TIMESTAMP}", headers_more={"if-none-match": tag})
    assert (again.status_code, again.content) == (304, b"")


def test_strangers_and_the_curious_get_nothing(house: Any) -> None:
    ada = house.join("ada")
    assert house.http.get(f"/v1/lists/{TIMESTAMP}").status_code == 401
    for path in ("parts/x", "../provider.db", "..%2fprovider.db", "metadata/9.root.json"):
        answer = ada.call("GET", f"/v1/lists/{path}")
        assert answer.status_code == 404, path


def test_an_account_gets_so_many_bytes_an_hour_and_others_theirs(house: Any) -> None:
    ada, ben = house.join("ada"), house.join("ben")
    path = f"/v1/lists/{TIMESTAMP}"
    codes = [ada.call("GET", path).status_code for _ in range(1025)]
    assert codes == [200] * 1024 + [429]
    assert ben.call("GET", path).status_code == 200


def test_a_service_without_the_option_hands_out_no_list(open_house: Any) -> None:
    with open_house(option="none") as opened:
        ada = opened.join("ada")
        answer = ada.call("GET", f"/v1/lists/{TIMESTAMP}")
        assert (answer.status_code, answer.json()["error"]) == (404, "ListFileMissing")


def test_a_file_that_is_no_lists_is_no_file_of_the_mirror(tmp_path: Path) -> None:
    with pytest.raises(ListFileMissing):
        Mirror(tmp_path, httpx.AsyncClient()).file("../x")
