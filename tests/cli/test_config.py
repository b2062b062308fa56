"""The configuration file: complete, commented, and strict."""

import os
import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner

from softfall.cli.main import app
from softfall.config import BadConfig, Settings, load
from softfall.config_shown import to_toml

runner = CliRunner()


def test_the_default_file_is_accepted_and_says_the_defaults(tmp_path: Path) -> None:
    shown = runner.invoke(app, ["config", "show", "--default"])
    assert shown.exit_code == 0
    path = tmp_path / "softfall.toml"
    path.write_text(shown.stdout)
    assert load(path) == Settings.model_construct()
    assert runner.invoke(app, ["config", "check", str(path)]).exit_code == 0


def test_every_setting_stands_in_the_default_file_below_its_comment() -> None:
    text = to_toml(Settings.model_construct())
    values = tomllib.loads(text)
    for name, section in Settings.model_fields.items():
        assert set(values[name]) == set(section.annotation.model_fields)  # type: ignore[union-attr]
        for info in section.annotation.model_fields.values():  # type: ignore[union-attr]
            assert f"# {info.description}" in text


@pytest.mark.parametrize(
    ("text", "nearest"),
    [
        ("[provider]\nprot = 1\n", "provider.port"),
        ("[providr]\nport = 1\n", "provider"),
        ("[media]\nmax_pixel = 1\n", "media.max_pixels"),
    ],
)
def test_an_unknown_key_is_an_error_that_names_the_nearest(
    tmp_path: Path, text: str, nearest: str
) -> None:
    path = tmp_path / "softfall.toml"
    path.write_text(text)
    with pytest.raises(BadConfig, match=f"nearest known key is '{nearest}'"):
        load(path)


@pytest.mark.parametrize(
    "content",
    [b"[provider", b"\xff\xfe", b"[provider]\nport = 'x'\n", b"[provider]\nport = 99999\n", b"a=1"],
)
def test_a_broken_file_is_named_and_nothing_starts(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "softfall.toml"
    path.write_bytes(content)
    with pytest.raises(BadConfig, match=r"softfall\.toml"):
        load(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadConfig, match=r"absent\.toml"):
        load(tmp_path / "absent.toml")


def test_the_environment_outranks_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "softfall.toml"
    path.write_text("[provider]\nport = 1111\nhost = '0.0.0.0'\n")
    monkeypatch.setenv("SOFTFALL__PROVIDER__PORT", "2222")
    settings = load(path)
    assert (settings.provider.port, settings.provider.host) == (2222, "0.0.0.0")


def test_a_secret_is_not_shown(tmp_path: Path) -> None:
    path = tmp_path / "softfall.toml"
    path.write_text("[provider]\nstaff_token = 'open-sesame'\n")
    shown = runner.invoke(app, ["config", "show", "--config", str(path)])
    assert shown.exit_code == 0
    assert "open-sesame" not in shown.stdout
    assert "staff_token is set" in shown.stdout


def test_doctor_prints_what_it_found_and_the_next_command() -> None:
    result = runner.invoke(app, ["doctor"])
    assert "Python 3" in result.stdout
    assert "Next: " in result.stdout
    assert result.exit_code == 0


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_doctor_names_a_folder_that_it_can_not_write(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    path = tmp_path.parent / "softfall.toml"
    path.write_text(f"[provider]\ndata_dir = '{tmp_path}/provider'\n")
    result = runner.invoke(app, ["doctor", "--config", str(path)])
    assert result.exit_code == 1
    assert "can't be written" in result.stdout


def test_doctor_says_that_a_library_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    from softfall.cli import doctor

    monkeypatch.setattr(doctor, "NATIVE_LIBRARIES", ("no_such_library",))
    result = runner.invoke(app, ["doctor"])
    assert result.exit_code == 1
    assert "MEND  no_such_library does not load" in result.stdout
    assert "Next: mend what is marked" in result.stdout


def test_doctor_says_which_token_an_older_installations_dealer_lacks(tmp_path: Path) -> None:
    from softfall.edge.dealer_tokens import token_file
    from softfall.edge.tls import init_tls

    tls_dir = tmp_path / "tls"
    init_tls(tls_dir)
    path = tmp_path / "softfall.toml"
    path.write_text(f"[provider]\ntls_dir = '{tls_dir}'\n[dealer]\ntls_dir = '{tls_dir}'\n")
    whole = runner.invoke(app, ["doctor", "--config", str(path)])
    assert "dealer-keyholder.token" not in whole.stdout
    token_file(tls_dir, "keyholder").unlink()
    lacking = runner.invoke(app, ["doctor", "--config", str(path)])
    assert "dealer-keyholder.token" in lacking.stdout
    assert "softfall keys renew" in lacking.stdout
    assert lacking.exit_code == whole.exit_code
