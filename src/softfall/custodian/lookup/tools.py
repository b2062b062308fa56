"""Which tools may look things up, and by which token each shows itself.

Guarantees: a token is 256 random bits, told once when it is made; the file holds its SHA-256 alone,
so whoever reads the file can't ask. Compared in constant time. A tool that is removed, or given
another token, is refused within `REREAD_SECONDS` by every worker, without a restart.
Refuses: a file that is not what `add` writes (`ToolsUnusable`); names that a log line or a shell
could stumble over (`BadToolName`).
"""

import hashlib
import hmac
import json
import re
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from softfall.custodian.store import only_one, write_whole
from softfall.errors import InputError, OperatorError, RefusedError

TOOLS_FILE: Final = "lookup-tools.json"
REREAD_SECONDS: Final = 1.0
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
_BEARER: Final = b"Bearer "
_MAX_TOKEN_BYTES: Final = 128


class BadToolName(InputError):
    """A tool's name that can't be used."""

    remedy = "Take 1 to 32 small letters, digits, - and _; begin with a letter or a digit."


class UnknownTool(InputError):
    """No tool of this name may look things up."""

    remedy = "See which tools there are: `softfall keys lookup-tokens`."


class LookupTokenRefused(RefusedError):
    """Lookups need a tool's token, and this is none."""

    remedy = "Send `Authorization: Bearer TOKEN`; the keeper makes one with `keys lookup-token`."


class ToolsUnusable(OperatorError):
    """The file of tools and their tokens can't be read."""

    remedy = "Put back a backup of lookup-tools.json, or remove it and make the tokens anew."


@dataclass(frozen=True, slots=True)
class Tool:
    """One tool. token_sha256: 32 bytes."""

    name: str
    token_sha256: bytes


def add_tool(data_dir: Path, name: str) -> str:
    """A new token for a tool, in place of any that it had; it is written down nowhere.

    Raises BadToolName, ToolsUnusable, DataInUse.
    """
    if not _NAME.fullmatch(name):
        raise BadToolName("the name is not one that a tool can have")
    token = secrets.token_urlsafe(32)
    with only_one(data_dir, TOOLS_FILE):
        others = [tool for tool in read_tools(data_dir) if tool.name != name]
        _write(data_dir, [*others, Tool(name, _digest(token.encode()))])
    return token


def remove_tool(data_dir: Path, name: str) -> None:
    """From now on the tool's token is refused. Raises UnknownTool, ToolsUnusable, DataInUse."""
    with only_one(data_dir, TOOLS_FILE):
        known = read_tools(data_dir)
        others = [tool for tool in known if tool.name != name]
        if len(others) == len(known):
            raise UnknownTool("no tool of this name may look things up")
        _write(data_dir, others)


def read_tools(data_dir: Path) -> list[Tool]:
    """All tools, by name; none where there is no file. Raises ToolsUnusable."""
    path = data_dir / TOOLS_FILE
    try:
        rows = json.loads(path.read_text("utf-8"))
        tools = [Tool(row["tool"], bytes.fromhex(row["token_sha256"])) for row in rows]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, TypeError, KeyError):
        raise ToolsUnusable(f"{path} can't be read") from None
    if any(len(tool.token_sha256) != hashlib.sha256().digest_size for tool in tools):
        raise ToolsUnusable(f"{path} holds what is no digest")
    return sorted(tools, key=lambda tool: tool.name)


class ToolBook:
    """The tools as the file has them, looked at again now and then."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._tools: list[Tool] = []
        self._file: tuple[int, int] | None = None
        self._read_at_s = float("-inf")

    def named(self, authorization: bytes | None, now_s: float) -> str:
        """The tool that a request's Authorization header shows.

        now_s: of a clock that never runs back. Raises LookupTokenRefused, ToolsUnusable.
        """
        if now_s - self._read_at_s >= REREAD_SECONDS:
            self._read_again()
            self._read_at_s = now_s
        token = (authorization or b"").removeprefix(_BEARER)
        if not token or token == authorization or len(token) > _MAX_TOKEN_BYTES:
            raise LookupTokenRefused("the request shows no token")
        shown, found = _digest(token), ""
        for tool in self._tools:  # all of them, so that time tells nothing of where it stands
            if hmac.compare_digest(shown, tool.token_sha256):
                found = tool.name
        if not found:
            raise LookupTokenRefused("no tool has this token")
        return found

    def _read_again(self) -> None:
        try:
            status = (self._data_dir / TOOLS_FILE).stat()
        except FileNotFoundError:
            self._file, self._tools = None, []
            return
        if self._file != (status.st_ino, status.st_mtime_ns):
            self._tools = read_tools(self._data_dir)
            self._file = (status.st_ino, status.st_mtime_ns)


def _digest(token: bytes) -> bytes:
    return hashlib.sha256(token).digest()


def _write(data_dir: Path, tools: list[Tool]) -> None:
    rows = [{"tool": tool.name, "token_sha256": tool.token_sha256.hex()} for tool in tools]
    write_whole(data_dir / TOOLS_FILE, json.dumps(rows, indent=1).encode() + b"\n")
