"""What running services really hold: no code that decrypts a message or opens a picture."""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from softfall.custodian.keys import create_identity
from softfall.edge.custodian_tokens import read_custodian_token
from softfall.edge.tls import client_context

from .process import Served
from .split_epoch import SplitEpoch
from .test_kill import join

# Told by Python itself: the interpreter of the service runs this at its start, because the test
# puts it on the path; the service ships nothing of the kind.
SPY = """
import os, sys, threading, time

def tell():
    asked = os.environ["SPY_ASKED"]
    while not os.path.exists(asked):
        time.sleep(0.05)
    names = "\\n".join(sorted(sys.modules))
    with open(asked + ".part", "w") as file:
        file.write(names)
    os.rename(asked + ".part", asked + ".told")

threading.Thread(target=tell, daemon=True).start()
"""

NOBODYS_BUSINESS = (
    "vodozemac", "softfall.device", "softfall.messaging.session", "softfall.media.decode",
    "softfall.options.split.device", "softfall.options.tags.device",
    "softfall.options.confirm.device", "softfall.dealer",
    "softfall.options.tokens.device", "softfall.testing",
    "softfall.compare", "PIL", "pillow_heif", "simplejpeg",
)  # fmt: skip


class Spy:
    """Sees the modules of one Python process, and the libraries that it has mapped."""

    def __init__(self, folder: Path) -> None:
        self.asked = folder / "asked"
        (folder / "spy").mkdir()
        (folder / "spy" / "sitecustomize.py").write_text(SPY)
        self.environment = {"PYTHONPATH": str(folder / "spy"), "SPY_ASKED": str(self.asked)}

    def modules(self) -> list[str]:
        self.asked.touch()
        told = self.asked.with_name("asked.told")
        while not told.exists():
            time.sleep(0.05)
        return told.read_text().splitlines()


def mapped(pid: int) -> str:
    return Path(f"/proc/{pid}/maps").read_text()


def holds_any(modules: list[str], rooms: tuple[str, ...]) -> list[str]:
    return [m for m in modules if any(m == room or m.startswith(room + ".") for room in rooms)]


def provider(folder: Path, spy: Spy) -> Served:
    served = Served(
        folder, environment=spy.environment, staff_token="t", custodian_url="https://127.0.0.1:9"
    )
    SplitEpoch().install(folder / "provider")
    return served


def use_provider(served: Served) -> None:
    """Something of everything, so that whatever is loaded late is loaded."""
    epoch = SplitEpoch()
    ada, ben = join(served, "ada"), join(served, "ben")
    ada.call("PUT", "/v1/keys", json={"one_time_keys": [ada.identity.one_time_key("k")]})
    ben.call("POST", "/v1/keys/claim", json={"account": "ada"})
    told = epoch.submission(epoch.listed)
    submission = {"option": told.option, "epoch": told.epoch, "body": told.body}
    for body in (ada.text("ben"), ada.media("ben", submission=submission)):
        assert ada.post(body).status_code == 202
    assert len(ben.mailbox(wait_seconds=20)) == 1
    ben.call("POST", "/v1/reports", content=b"junk")
    ada.call("POST", "/v1/options/split/ask", content=b"junk")
    staff = {"authorization": "Bearer t"}
    for _ in range(200):  # media wait a little
        if ada.http.get("/v1/staff/holds", headers=staff).json()["holds"]:
            return
        time.sleep(0.05)
    raise AssertionError("nothing was judged")


def custodian(folder: Path, spy: Spy) -> Served:
    create_identity(folder / "custodian")
    return Served(folder, "custodian", environment=spy.environment)


def use_custodian(served: Served) -> None:
    context = client_context(served.folder / "tls", "provider")
    shown = {"authorization": f"Bearer {read_custodian_token(served.folder / 'tls')}"}
    with httpx.Client(base_url=served.url, verify=context, timeout=20, headers=shown) as http:
        for path in ("/v1/health", "/v1/epochs/current?option=split", "/metrics"):
            http.get(path)
        http.post("/v1/options/split/answer", content=b"junk")
        for step in ("begin", "finish"):
            http.post(f"/v1/confirm/{step}", content=b"junk")


SERVICES: list[tuple[Callable[[Path, Spy], Served], Callable[[Served], None], str, str]] = [
    (provider, use_provider, "softfall.provider.app", "softfall.custodian"),
    (custodian, use_custodian, "softfall.custodian.app", "softfall.provider"),
]


@pytest.mark.parametrize(("make", "use", "own", "other"), SERVICES, ids=["provider", "custodian"])
def test_a_running_service_holds_no_code_that_decrypts_or_opens_pictures(
    tmp_path: Path,
    make: Callable[[Path, Spy], Served],
    use: Callable[[Served], None],
    own: str,
    other: str,
) -> None:
    spy = Spy(tmp_path)
    served = make(tmp_path, spy)
    served.start()
    served.wait_until_ready()
    try:
        use(served)
        modules = spy.modules()
        assert served.process is not None
        libraries = mapped(served.process.pid)
    finally:
        served.stop()
    assert own in modules
    assert "granian" in libraries
    assert holds_any(modules, (*NOBODYS_BUSINESS, other)) == []
    assert "vodozemac" not in libraries
    assert holds_any(modules, (f"softfall.options.split.{own.split('.')[1]}",)) != []


def test_the_spy_would_see_it(tmp_path: Path) -> None:
    spy = Spy(tmp_path)
    code = "import softfall.messaging.session.olm, time; print(flush=True); time.sleep(600)"
    process = subprocess.Popen(
        [sys.executable, "-c", code], env=spy.environment, stdout=subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        process.stdout.readline()
        seen = holds_any(spy.modules(), NOBODYS_BUSINESS)
        assert "vodozemac" in seen
        assert "softfall.messaging.session.olm" in seen
        assert "vodozemac" in mapped(process.pid)
    finally:
        process.kill()
        process.communicate()
