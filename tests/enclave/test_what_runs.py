"""What the running enclave really holds and may do, looked at from inside its own process."""

import importlib.metadata
import json
import os
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from softfall.edge.tls import client_context
from softfall.enclave import measure
from tests.enclave.street import Street
from tests.provider.process import Served
from tests.provider.test_what_runs import NOBODYS_BUSINESS, holds_any

# Told by Python itself: the interpreter of the service runs this at its start, because the test
# puts it on the path; the service ships nothing of the kind. It tells through a pipe that it opens
# before anything is given up: no file could be written later.
SPY = """
import json, os, sys, threading, time

told = os.open(os.environ["SPY_PIPE"], os.O_WRONLY)

def tries():
    import resource, socket, subprocess
    attempts = {
        "program": lambda: subprocess.run(["/bin/true"]),
        "process": os.fork,
        "file": lambda: open(os.environ["SPY_PIPE"] + ".made", "w"),
        "socket": socket.socket,
        "trace": lambda: open(f"/proc/{os.getppid()}/mem", "r+b"),
    }
    for name, attempt in attempts.items():
        try:
            attempt()
            yield name, "done"
        except OSError as error:
            yield name, os.strerror(error.errno)

def tell():
    while not os.path.exists(os.environ["SPY_PIPE"] + ".asked"):
        time.sleep(0.05)
    threads = os.listdir("/proc/self/task")
    filters = [open(f"/proc/self/task/{t}/status").read() for t in threads]
    modules = sorted(sys.modules)
    body = {"modules": modules, "tried": dict(tries()), "threads": filters}
    body = json.dumps(body).encode()
    while body:
        body = body[os.write(told, body):]
    os.close(told)

threading.Thread(target=tell, daemon=True).start()
"""


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("inside")
    (folder / "spy").mkdir()
    (folder / "spy" / "sitecustomize.py").write_text(SPY)
    pipe = folder / "pipe"
    os.mkfifo(pipe)
    street = Street(folder)
    on_the_path = f"{folder / 'spy'}:{street.installed}"
    street.enclave.environment |= {"PYTHONPATH": on_the_path, "SPY_PIPE": str(pipe)}
    street.enclave.start()
    reading = os.open(pipe, os.O_RDONLY)  # waits for the spy, which waits for this
    street.enclave.wait_until_ready()
    try:
        use(street.enclave)
        (folder / "pipe.asked").touch()
        parts = []
        while part := os.read(reading, 1 << 20):
            parts.append(part)
    finally:
        os.close(reading)
        street.close()
    body: dict[str, Any] = json.loads(b"".join(parts))
    return body


def use(enclave: Served) -> None:
    """Something of everything, so that whatever is loaded late is loaded."""
    context = client_context(enclave.folder / "tls", "provider")
    with httpx.Client(base_url=enclave.url, verify=context, timeout=20) as http:
        for path in ("health", "state", f"attestation?nonce={'ab' * 32}", "attestation?nonce=ab"):
            http.get(f"/v1/{path}")
        http.get("/metrics")
        for path in ("judge", "list"):
            assert http.post(f"/v1/{path}", content=b"junk").status_code in (400, 403)


def test_it_holds_no_code_that_decrypts_messages_or_opens_pictures(told: dict[str, Any]) -> None:
    assert "softfall.enclave.app" in told["modules"]
    others = ("softfall.provider", "softfall.custodian", "softfall.options.split")
    devices = ("softfall.options.enclave.device", "softfall.options.tags")
    assert holds_any(told["modules"], (*NOBODYS_BUSINESS, *others, *devices)) == []


def test_everything_of_ours_that_it_runs_is_measured(told: dict[str, Any]) -> None:
    package = Path(measure.softfall.__file__).parent
    measured = {part.decode() for part in measure._modules(package) if part.endswith(b".py")}
    ours = [name for name in told["modules"] if name.split(".")[0] == "softfall"]
    assert len(ours) > 40
    for name in ours:
        path = "/".join(name.split(".")[1:])
        assert {f"{path}.py", f"{path}/__init__.py".lstrip("/")} & measured, name


def test_every_library_that_it_runs_is_measured_by_its_version(told: dict[str, Any]) -> None:
    by_module = importlib.metadata.packages_distributions()
    measured = {part.decode().split("==")[0] for part in measure._installed()}
    tops = {name.split(".")[0] for name in told["modules"]} - set(sys.stdlib_module_names)
    for top in sorted(tops & set(by_module)):
        named = {measure._normal(name) for name in by_module[top]}
        assert named & measured, f"{top} of {named} is loaded, and not measured"


@pytest.mark.parametrize("what", ["program", "process", "file", "socket", "trace"])
def test_the_real_service_is_confined_even_in_a_thread_from_before(
    told: dict[str, Any], what: str
) -> None:
    assert told["tried"][what] == "Operation not permitted"


def test_no_thread_of_the_real_service_escapes_the_filters(told: dict[str, Any]) -> None:
    assert len(told["threads"]) > 2
    for status in told["threads"]:
        assert "Seccomp:\t2" in status
        assert "Seccomp_filters:\t2" in status
        assert "NoNewPrivs:\t1" in status
