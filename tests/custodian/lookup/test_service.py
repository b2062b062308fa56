"""The service as processes: several workers, one port, one list; started again, and ended."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
import pytest

from softfall.custodian.catalogue import Catalogue
from softfall.custodian.lookup.tools import add_tool, remove_tool
from softfall.edge.tls import TlsFilesUnusable, client_context
from softfall.lists.entries import Statement
from tests.custodian.keeping import START_MS, a_hash
from tests.edge.asking import fresh_tls
from tests.media.picture_files import saved, scene

WORKERS = 2
_PATIENCE_SECONDS = 120


@dataclass
class Running:
    """The service on a folder of its own."""

    folder: Path
    process: "subprocess.Popen[str]"
    url: str
    token: str

    @property
    def catalogue(self) -> Catalogue:
        return Catalogue.open(self.folder / "custodian")

    @property
    def workers(self) -> list[psutil.Process]:
        """The crew; not what they have started in turn."""
        return psutil.Process(self.process.pid).children()

    def client(self) -> httpx.Client:
        return httpx.Client(
            base_url=self.url,
            verify=client_context(self.folder / "tls"),
            headers={"Authorization": f"Bearer {self.token}"},
            timeout=60,
        )

    def told(self, pdq: bytes) -> int:
        """How many entries a fresh connection, whoever takes it, is told of."""
        with self.client() as client:
            reply = client.post("/v1/lookup", json={"hashes": [pdq.hex()]})
            return sum(
                len(match["entries"]) for match in reply.raise_for_status().json()["matches"]
            )


@contextlib.contextmanager
def running(folder: Path) -> Iterator[Running]:
    fresh_tls(folder / "tls")
    catalogue = Catalogue.open(folder / "custodian")
    catalogue.add(Statement(a_hash("known"), "hotline"), START_MS)
    catalogue.close()
    token = add_tool(folder / "custodian", "scanner")
    settings = {
        "CUSTODIAN__DATA_DIR": folder / "custodian",
        "CUSTODIAN__TLS_DIR": folder / "tls",
        "LOOKUP__PORT": 0,
        "LOOKUP__WORKERS": WORKERS,
    }
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "softfall", "serve", "lookup"],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env={**os.environ, **{f"SOFTFALL__{key}": str(v) for key, v in settings.items()}},
        )
        assert process.stdout is not None
        line = process.stdout.readline()
        try:
            assert line.startswith("listening on https://"), (folder / "log").read_text()
            yield Running(folder, process, line.split()[-1], token)
        finally:
            process.kill()
            process.wait()


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("lookup")) as found:
        yield found


def until(holds: Callable[[], bool]) -> None:
    """Wait for it; the whole test's time limit is what ends a wait for ever."""
    give_up = time.monotonic() + _PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < give_up
        time.sleep(0.02)


def many(service: Running, pdq: bytes) -> set[int]:
    """What connections that any worker may take are told."""
    return {service.told(pdq) for _ in range(8)}


def test_all_workers_answer_and_follow_the_list(service: Running) -> None:
    assert len(service.workers) == WORKERS
    assert many(service, a_hash("known")) == {1}
    catalogue, added = service.catalogue, a_hash("added")
    catalogue.add(Statement(added, "hotline"), START_MS)
    until(lambda: many(service, added) == {1})
    catalogue.withdraw(added, None, START_MS + 1)
    until(lambda: many(service, added) == {0})
    catalogue.close()


def test_a_real_picture_is_hashed_in_confinement_and_looked_up(service: Running) -> None:
    with service.client() as client:
        reply = client.post(
            "/v1/lookup", content=saved(scene(), "JPEG"), headers={"Content-Type": "image/jpeg"}
        )
        assert reply.json()["picture"]["views"][0]["outcome"] == "hashed"
        broken = client.post("/v1/lookup", content=b"x", headers={"Content-Type": "image/jpeg"})
        assert (broken.status_code, broken.json()["error"]) == (422, "LookupPictureRefused")


def test_a_token_that_was_taken_away_is_refused_without_a_restart(service: Running) -> None:
    token = add_tool(service.folder / "custodian", "other")
    headers = {"Authorization": f"Bearer {token}"}
    body = {"hashes": ["0f" * 32]}

    def status() -> int:
        with service.client() as client:
            return client.post("/v1/lookup", json=body, headers=headers).status_code

    until(lambda: status() == 200)
    remove_tool(service.folder / "custodian", "other")
    until(lambda: {status() for _ in range(8)} == {401})


def test_figures_are_those_of_all_workers_together(service: Running) -> None:
    def lookups() -> set[str]:
        with service.client() as client:
            text = client.get("/metrics").text
        name = 'softfall_tool_lookups_total{status="200"} '
        return {line for line in text.splitlines() if line.startswith(name)}

    many(service, a_hash("known"))
    # a worker hands its figures on ten times a second, and before it shows them
    until(lambda: len(set().union(*(lookups() for _ in range(6)))) == 1)


def test_a_worker_that_was_killed_is_replaced_and_the_others_go_on(service: Running) -> None:
    before = {worker.pid for worker in service.workers}
    service.workers[0].kill()
    until(lambda: len({worker.pid for worker in service.workers} & before) == WORKERS - 1)
    until(lambda: len(service.workers) == WORKERS)

    def answered() -> bool:
        with contextlib.suppress(httpx.TransportError):  # a connection that died with its worker
            return many(service, a_hash("known")) == {1}
        return False

    until(answered)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_no_process_outlives_the_service(tmp_path: Path, number: signal.Signals) -> None:
    with running(tmp_path) as service:
        family = psutil.Process(service.process.pid).children(recursive=True)
        assert len(family) >= WORKERS
        service.process.send_signal(number)
        assert service.process.wait() == (0 if number == signal.SIGTERM else -number)
        _, alive = psutil.wait_procs(family, _PATIENCE_SECONDS)
        assert not alive


def test_a_second_service_on_the_same_list_says_so(service: Running) -> None:
    settings = {"CUSTODIAN__DATA_DIR": service.folder / "custodian", "LOOKUP__PORT": 0}
    ran = subprocess.run(
        [sys.executable, "-m", "softfall", "serve", "lookup"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **{f"SOFTFALL__{key}": str(v) for key, v in settings.items()}},
    )
    assert ran.returncode == 2
    assert "DataInUse" in ran.stderr


def test_a_worker_that_can_not_start_ends_the_service_with_its_reason(tmp_path: Path) -> None:
    settings = {"CUSTODIAN__DATA_DIR": tmp_path, "CUSTODIAN__TLS_DIR": tmp_path / "none"}
    settings["LOOKUP__PORT"] = 0
    ran = subprocess.run(
        [sys.executable, "-m", "softfall", "serve", "lookup"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **{f"SOFTFALL__{key}": str(v) for key, v in settings.items()}},
    )
    assert ran.returncode == 2
    assert "LookupNotStarted: TlsFilesUnusable" in ran.stderr
    assert f"what to do: {TlsFilesUnusable.remedy}" in ran.stderr
