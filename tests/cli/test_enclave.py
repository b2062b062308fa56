"""`softfall enclave measure`, and starting the enclave where something is not in order."""

import contextlib
import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

from softfall.cli.main import main
from softfall.edge.custodian_key import read_custodian_key
from softfall.enclave import attester
from softfall.enclave.measure import measure


class Shell:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "s.toml").write_text(
            "[enclave]\nport = 0\n"
            'tls_dir = "all/tls"\n'
            'attester_dir = "all/attester"\n'
            'custodian_key_file = "all/attester/custodian.pub"\n'
            "[custodian]\n"
            'data_dir = "all/custodian"\n'
            'tls_dir = "all/tls"\n'
            'enclave_root_file = "all/attester/software-root.crt"\n'
            'enclave_measurements_file = "enclaves.jsonl"\n'
        )

    def softfall(self, *words: str) -> tuple[int, str, str]:
        """Exit code, output and errors of one verb, in this process."""
        with (
            contextlib.chdir(self.folder),
            contextlib.redirect_stdout(io.StringIO()) as out,
            contextlib.redirect_stderr(io.StringIO()) as err,
            pytest.MonkeyPatch.context() as patch,
        ):
            patch.setattr(sys, "argv", ["softfall", *words, "--config", "s.toml"])
            try:
                main()
            except SystemExit as ended:
                return int(ended.code or 0), out.getvalue(), err.getvalue()
        raise AssertionError("the command line always ends by leaving")

    def serve(self) -> subprocess.CompletedProcess[str]:
        """In a process of its own: it gives up what this one still needs."""
        code = "from softfall.cli.main import main; main()"
        return subprocess.run(
            [sys.executable, "-c", code, "serve", "enclave", "--config", "s.toml"],
            cwd=self.folder, capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip

    def set_up(self) -> None:
        code, out, err = self.softfall("keys", "init", "--dir", "all")
        assert code == 0, err
        assert "SOFTWARE attester" in out


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path)


def test_measuring_prints_a_line_that_the_custodian_can_allow(shell: Shell) -> None:
    shell.set_up()
    key = read_custodian_key(shell.folder / "all/attester/custodian.pub")
    code, out, err = shell.softfall("enclave", "measure")
    assert code == 0, err
    told = json.loads(out)
    assert told["software"] is True
    assert told["pcr1"] == measure(key)[1].hex()
    (shell.folder / "enclaves.jsonl").write_text(out)
    code, out, err = shell.softfall("list", "publish", "--option", "enclave")
    assert code == 0, err
    assert out.startswith("epoch 1 of enclave is current: 0 entries")


def test_publishing_for_enclaves_says_what_is_missing(shell: Shell) -> None:
    shell.set_up()
    code, _, err = shell.softfall("list", "publish", "--option", "enclave")
    assert code == 2
    assert "EnclavesUnstated" in err
    assert "softfall enclave measure" in err


def test_without_keys_measuring_and_serving_say_what_to_do(shell: Shell) -> None:
    served = shell.serve()
    for code, err in (
        (served.returncode, served.stderr),
        shell.softfall("enclave", "measure")[::2],
    ):
        assert code == 2
        assert "CustodianKeyUnusable" in err
        assert "softfall keys init" in err


@pytest.mark.parametrize(
    ("missing", "error"),
    [(attester.KEY, "AttesterUnusable"), ("../tls/enclave.key", "TlsFilesUnusable")],
)
def test_the_enclave_does_not_start_on_files_that_are_missing(
    shell: Shell, missing: str, error: str
) -> None:
    shell.set_up()
    (shell.folder / "all/attester" / missing).unlink()
    refused = shell.serve()
    assert refused.returncode == 2, refused.stdout
    assert error in refused.stderr
    assert "listening" not in refused.stdout


def test_keys_are_renewed_and_the_root_stays(shell: Shell) -> None:
    shell.set_up()
    folder = shell.folder / "all/attester"
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    code, _, err = shell.softfall("keys", "renew")
    assert code == 0, err
    after = {path.name: path.read_bytes() for path in folder.iterdir()}
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {attester.CERTIFICATE, attester.KEY}
