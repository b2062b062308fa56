"""Where a demo lies, and how it is configured: one folder, free ports, secrets of its own.

Guarantees: what is in the folder is never overwritten; a configuration gets its name only once the
whole folder is set up, so that a demo which is cut off in the middle begins anew.
"""

import secrets
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from softfall import config_shown
from softfall.config import BadConfig, Settings
from softfall.errors import InputError, UnavailableError

DEMO_OPTIONS: Final = ("split", "homomorphic")
PORTS: Final[Mapping[str, int]] = {
    "provider": 8443,
    "custodian": 8444,
    "dealer": 8445,
    "console": 8447,
    "simulator": 8448,
    "keyholder": 8450,
}

PLAYED: Final = ("softfall", "local authority")  # the simulator's own log-in, no secret

Say = Callable[[str], None]


class ServiceDidNotStart(UnavailableError):
    """A service of the demo ended, or did not listen in time."""

    remedy = "Read the service's log, which the message names, and run the demo again."


class DemoOptionUnusable(InputError):
    """The demo can't be played under this option, or not in a folder set up for another."""

    remedy = f"Ask for one of: {', '.join(DEMO_OPTIONS)}; a folder keeps the one it was made with."


@dataclass(frozen=True, slots=True)
class Place:
    """Where everything of one demo lies."""

    root: Path

    @property
    def config_file(self) -> Path:
        """The services' configuration; made once, then the user's to edit."""
        return self.root / "softfall.toml"

    @property
    def list_file(self) -> Path:
        """The hashes of the listed photographs."""
        return self.root / "known.csv"

    @property
    def words_file(self) -> Path:
        """The operator's words for public names."""
        return self.root / "words.txt"

    @property
    def staff_file(self) -> Path:
        """The names and passwords of the demo's staff."""
        return self.root / "staff.txt"

    @property
    def secret_file(self) -> Path:
        """What unseals the demo's devices."""
        return self.root / "devices" / "secret.key"

    def device(self, person: str) -> Path:
        """One person's device."""
        return self.root / "devices" / person

    def log(self, service: str) -> Path:
        """One service's log."""
        return self.root / f"{service}.log"


def configuration(place: Place, option: str) -> str:
    """The demo's softfall.toml. Raises DemoOptionUnusable."""
    if option not in DEMO_OPTIONS:
        raise DemoOptionUnusable(f"the demo does not play {option!r}")
    ports = {name: _free_port(wanted) for name, wanted in PORTS.items()}
    urls = {name: f"https://127.0.0.1:{port}" for name, port in ports.items()}
    attester = place.root / "attester"  # `keys init` makes one, though no enclave runs here
    changes: dict[str, dict[str, Any]] = {
        "provider": {
            "option": option,
            "custodian_url": urls["custodian"],
            "dealer_url": urls["dealer"],
            "keyholder_url": urls["keyholder"],
            "console_url": urls["console"],
            "surface_words_file": str(place.words_file),
        },
        "custodian": {
            "dealer_url": urls["dealer"],
            "keyholder_key_file": place.root / "keyholder" / "keyholder.pub",
        },
        "dealer": {},
        "keyholder": {
            "dealer_url": urls["dealer"],
            "custodian_key_file": place.root / "keyholder" / "custodian.pub",
        },
        "console": {"provider_url": urls["provider"]},
    }
    for name, change in changes.items():
        change |= {"port": ports[name], "data_dir": place.root / name}
    changes["enclave"] = {
        "attester_dir": attester,
        "custodian_key_file": attester / "custodian.pub",
    }
    settings = Settings.model_construct()
    tls = {"tls_dir": place.root / "tls"}
    sections = {
        name: getattr(settings, name).model_copy(update={**tls, **change})
        for name, change in changes.items()
    }
    sections["referral"] = settings.referral.model_copy(update=_authority(ports["simulator"]))
    text = config_shown.to_toml(settings.model_copy(update=sections))
    # Secrets are not shown by `to_toml`, so they are put in afterwards; both read one staff token.
    for name in ("staff_token", "surface_token"):
        text = text.replace(f'{name} = ""', f'{name} = "{secrets.token_urlsafe(24)}"')
    return text.replace('cybertipline_password = ""', f'cybertipline_password = "{PLAYED[1]}"')


def _authority(port: int) -> dict[str, str]:
    return {
        "cybertipline_url": f"http://127.0.0.1:{port}",
        "cybertipline_username": PLAYED[0],
        "esp_name": "Softfall demo",
        "reporter_first_name": "Demo",
        "reporter_last_name": "Desk",
        "reporter_email": "desk@softfall.example",
        "legal_url": "https://softfall.example/legal",
    }


def _free_port(wanted: int) -> int:
    """The wanted port, or whichever is free where another program has it."""
    for port in (wanted, 0):
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            number: int = probe.getsockname()[1]
            return number
    raise BadConfig("no port is free on 127.0.0.1")


def command(words: Sequence[str], say: Say, stdin: str = "") -> str:
    """What one of our own commands prints; shown as it is typed. Raises ServiceDidNotStart."""
    say(f"$ softfall {' '.join(words)}")
    ran = subprocess.run(  # noqa: S603 - our own command, by this interpreter
        [sys.executable, "-m", "softfall", *words],
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
    )
    if ran.returncode:
        raise ServiceDidNotStart(f"`softfall {' '.join(words[:2])}` failed: {ran.stderr.strip()}")
    return ran.stdout
