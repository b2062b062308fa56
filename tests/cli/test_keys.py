"""`softfall keys` and `softfall list publish`, as a keeper types them."""

import base64
import hashlib
from pathlib import Path

import pytest

from softfall.custodian.keys import load_identity
from softfall.edge.custodian_key import read_custodian_key
from softfall.lists.manifest import verify

from .typed import Done, as_a_program, typed


class Shell:
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def softfall(self, *words: str) -> Done:
        return typed(self.folder, *words)


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path)


def test_keys_are_made_once_where_the_configuration_says(shell: Shell) -> None:
    (shell.folder / "s.toml").write_text(
        '[custodian]\ndata_dir = "kept"\ntls_dir = "tls"\n[provider]\ntls_dir = "tls"\n'
    )
    made = shell.softfall("keys", "init", "--config", "s.toml", "--host", "chat.example")
    assert made.returncode == 0, made.stderr
    key = base64.b64encode(load_identity(shell.folder / "kept").public_key).decode()
    assert key in made.stdout
    before = {path: path.read_bytes() for path in shell.folder.rglob("*.*")}
    again = shell.softfall("keys", "init", "--config", "s.toml")
    assert again.returncode == 2
    assert "IdentityExists" in again.stderr
    assert before == {path: path.read_bytes() for path in shell.folder.rglob("*.*")}
    shown = as_a_program(shell.folder, "keys", "show", "--config", "s.toml")
    assert key in shown.stdout
    assert "provider certificate ends" in shown.stdout
    renewed = shell.softfall("keys", "renew", "--config", "s.toml")
    assert renewed.returncode == 0, renewed.stderr
    assert (
        before[shell.folder / "tls/provider.crt"]
        != (shell.folder / "tls/provider.crt").read_bytes()
    )


def test_keys_of_the_on_device_list_are_made_shown_and_replaced(shell: Shell) -> None:
    made = shell.softfall("keys", "init", "--dir", "softfall-data")
    assert "root of the on-device list" in made.stdout
    data = shell.folder / "softfall-data/custodian"
    offline = shell.folder / "safe"
    (data / "root.key").rename(offline)
    before = (data / "list-keys/timestamp.key").read_bytes()
    refused = shell.softfall("keys", "rotate", "timestamp")
    assert refused.returncode == 2
    assert "ListKeysUnusable" in refused.stderr
    assert shell.softfall("keys", "rotate", "mirrors", "--root-key", str(offline)).returncode == 2
    done = shell.softfall("keys", "rotate", "timestamp", "root", "--root-key", str(offline))
    assert done.returncode == 0, done.stderr
    assert "version 2" in done.stdout
    assert (data / "list-keys/timestamp.key").read_bytes() != before
    assert (data / "root.key").read_bytes() != offline.read_bytes()
    shown = shell.softfall("keys", "show")
    assert "its newest version is 2" in shown.stdout


def test_a_list_for_homomorphic_matching_is_published_and_then_only_its_changes(
    shell: Shell,
) -> None:
    made = shell.softfall("keys", "init")
    assert made.returncode == 0, made.stderr
    hashes = (hashlib.sha256(bytes([number])).hexdigest() for number in range(50))
    (shell.folder / "list.txt").write_text("\n".join(hashes))
    shell.softfall("list", "import", "list.txt", "--source", "hotline")
    publish = ("list", "publish", "--option", "homomorphic")
    first = shell.softfall(*publish)
    assert first.returncode == 0, first.stderr
    assert "epoch 1 of homomorphic is current: 50 entries" in first.stdout
    assert "nothing has changed" in shell.softfall(*publish, "--changes").stdout
    shell.softfall("list", "withdraw", "7")
    second = shell.softfall(*publish, "--changes")
    assert "version 1 of epoch 1: 0 entries joined, 1 left" in second.stdout
    (shell.folder / "softfall-data/keyholder/keyholder.pub").unlink()
    refused = shell.softfall(*publish)
    assert refused.returncode == 2
    assert "KeyholderKeyUnusable" in refused.stderr


def test_only_some_options_have_versions(shell: Shell) -> None:
    shell.softfall("keys", "init", "--dir", "softfall-data")
    wrong = shell.softfall("list", "publish", "--changes")
    assert wrong.returncode == 2
    assert "OptionHasNoVersions" in wrong.stderr
    early = shell.softfall("list", "publish", "--option", "on_device", "--changes")
    assert early.returncode == 3
    assert "NoEpoch" in early.stderr


def test_an_on_device_list_is_published_and_changed(shell: Shell) -> None:
    shell.softfall("keys", "init", "--dir", "softfall-data")
    halves = ["0f" * 32, "f0" * 32, "33" * 32]
    (shell.folder / "known.txt").write_text("\n".join(halves[:2]) + "\n")
    shell.softfall("list", "import", "known.txt", "--source", "hotline")
    done = shell.softfall("list", "publish", "--option", "on_device")
    assert "epoch 1 of on_device is current: 2 entries" in done.stdout, done.stderr
    (shell.folder / "more.txt").write_text(halves[2] + "\n")
    shell.softfall("list", "import", "more.txt", "--source", "hotline")
    done = shell.softfall("list", "publish", "--option", "on_device", "--changes")
    assert "version 1 of epoch 1: 1 entries joined, 0 left" in done.stdout, done.stderr
    done = shell.softfall("list", "publish", "--option", "on_device", "--changes")
    assert "nothing has changed: epoch 1 stays at version 1" in done.stdout


def test_one_folder_can_hold_everything(shell: Shell) -> None:
    assert shell.softfall("keys", "init", "--dir", "all").returncode == 0
    made = {str(path.relative_to(shell.folder)) for path in shell.folder.rglob("*.*")}
    assert {"all/tls/ca.crt", "all/tls/provider.key", "all/custodian/identity.key"} <= made


def test_the_keyholder_has_a_key_from_the_first_and_another_when_it_is_told_to(
    shell: Shell,
) -> None:
    made = shell.softfall("keys", "init", "--dir", "softfall-data")
    assert "keyholder's public key" in made.stdout
    data = shell.folder / "softfall-data/keyholder"
    first = (data / "keyholder.pub").read_text()
    pinned = read_custodian_key(data / "custodian.pub")
    assert pinned == load_identity(shell.folder / "softfall-data/custodian").public_key
    rotated = shell.softfall("keys", "rotate-keyholder")
    assert "now number 2" in rotated.stdout, rotated.stderr
    assert (data / "keyholder.pub").read_text() != first
    shown = shell.softfall("keys", "show")
    assert "keyholder's key 2" in shown.stdout
    assert "keyholder certificate ends" in shown.stdout
    checked = shell.softfall("doctor")
    assert "the custodian names the keyholder's key 2" in checked.stdout
    (data / "keyholder.pub").write_text(first)
    checked = shell.softfall("doctor")
    assert "is not the keyholder's newest key" in checked.stdout


def test_a_keyholder_makes_its_own_key_on_a_machine_of_its_own(shell: Shell) -> None:
    made = shell.softfall("keys", "rotate-keyholder")
    assert "now number 1" in made.stdout, made.stderr
    assert (shell.folder / "softfall-data/keyholder/keyholder.pub").exists()
    assert not (shell.folder / "softfall-data/custodian").exists()


def test_without_keys_showing_them_says_what_to_do(shell: Shell) -> None:
    shown = shell.softfall("keys", "show")
    assert shown.returncode == 2
    assert "IdentityUnusable" in shown.stderr
    assert "softfall keys init" in shown.stderr


def test_a_list_is_published_and_its_manifest_is_signed_by_the_keys_shown(shell: Shell) -> None:
    from softfall.custodian.epochs import EpochBook
    from softfall.custodian.store import open_database

    (shell.folder / "s.toml").write_text('[custodian]\ndata_dir = "all/custodian"\n')
    early = shell.softfall("list", "publish", "--config", "s.toml")
    assert early.returncode == 2
    assert "IdentityUnusable" in early.stderr
    assert shell.softfall("keys", "init", "--dir", "all").returncode == 0
    published = shell.softfall("list", "publish", "--config", "s.toml")
    assert published.returncode == 0, published.stderr
    assert published.stdout.startswith("epoch 1 of split is current: 0 entries")
    data_dir = shell.folder / "all/custodian"
    book = EpochBook(open_database(data_dir), data_dir / "epochs", 0)
    manifest = book.published("split")[0].manifest
    assert verify(manifest, load_identity(data_dir).public_key).epoch == 1
    unknown = shell.softfall("list", "publish", "--config", "s.toml", "--option", "none")
    assert unknown.returncode == 2
    assert "OptionUnknown" in unknown.stderr
