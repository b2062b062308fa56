"""The real keyholder, as an operator starts it, over HTTPS: answered, killed, looked into."""

from pathlib import Path

import httpx
import pytest

from softfall.edge.dealer_tokens import read_token, token_file
from softfall.edge.keyholder_tokens import keyholder_token_file
from softfall.edge.tls import client_context
from softfall.options.homomorphic import wire
from softfall.options.homomorphic.parameters import Mode
from softfall.options.homomorphic.provider import Match, NoMatch
from tests.options.homomorphic.parties import SECRET, hash_at
from tests.provider.process import Served
from tests.provider.test_what_runs import NOBODYS_BUSINESS, Spy, holds_any, mapped

from .street import LISTED, Refused, Street

NOTHING_OF_A_LIST = (
    "softfall.options.homomorphic.encrypting", "softfall.options.homomorphic.device",
    "softfall.options.homomorphic.opening", "softfall.options.homomorphic.provider",
    "softfall.options.homomorphic.provider_modes", "softfall.options.homomorphic.custodian",
    "softfall.options.homomorphic.laying", "softfall.options.homomorphic.changing",
    "softfall.options.homomorphic.dealer", "softfall.crypto.lattice.public",
    "softfall.media.pdq", "softfall.provider", "softfall.custodian", "softfall.lists.index",
)  # fmt: skip


@pytest.mark.parametrize("mode", list(Mode))
def test_a_listed_picture_matches_over_https_and_nothing_of_it_stays(
    tmp_path: Path, mode: Mode
) -> None:
    street = Street(tmp_path, mode)
    with street.running():
        street.carry()
        assert street.state()["lists"] == [{"epoch": 7, "list_version": 0, "missing": []}]
        near, far = hash_at(LISTED[5], 31), hash_at(LISTED[5], 32)
        pictures = street.submit(near, "near"), street.submit(far, "far")
        assert street.persistent_outcomes(*pictures) == [Match((5,)), NoMatch()]
        assert street.call("GET", "/v1/health").json()["lists"] == 1
        metrics = street.call("GET", "/metrics").text
        kept, logged = street.on_disk(), street.keyholder.log.read_bytes()
    for secret in (near, far, *LISTED.values()):
        for place in (kept, logged):
            assert secret not in place
            assert secret.hex().encode() not in place
    for submission in pictures:
        values = wire.decode(wire.QUERY, submission.body)
        for name in ("query", "capsule"):
            assert wire.octets(values, name)[:64] not in kept + logged
        assert wire.octets(values, "commitment").hex().encode() not in logged
    assert read_token(tmp_path / "tls", "keyholder").encode() not in kept + logged
    assert SECRET not in logged
    assert "softfall_keyholder_begun_total" in metrics
    assert not [line for line in metrics.splitlines() if "match" in line]


def test_it_holds_no_code_that_reads_queries_lays_lists_or_opens_pictures(tmp_path: Path) -> None:
    spy = Spy(tmp_path)
    street = Street(tmp_path, environment=spy.environment)
    with street.running():
        street.carry()
        street.persistent_outcomes(street.submit(LISTED[1]))
        for path in ("lists", "begin", "finish"):
            with pytest.raises(Refused, match="MalformedMessage"):
                street.call("POST", f"/v1/{path}", b"junk")
        street.call("GET", "/metrics")
        modules = spy.modules()
        assert street.keyholder.process is not None
        libraries = mapped(street.keyholder.process.pid)
    assert "softfall.keyholder.app" in modules
    assert holds_any(modules, (*NOBODYS_BUSINESS, *NOTHING_OF_A_LIST)) == []
    assert "vodozemac" not in libraries


def test_only_the_installations_parties_are_answered(tmp_path: Path) -> None:
    street = Street(tmp_path)
    with street.running():
        for context in (
            client_context(tmp_path / "tls"),
            client_context(tmp_path / "tls", "enclave"),
        ):
            with pytest.raises(httpx.TransportError), httpx.Client(verify=context) as stranger:
                stranger.get(street.keyholder.url + "/v1/health")
        assert street.call("GET", "/v1/health").json()["ok"]


def test_a_second_keyholder_on_the_same_folder_is_refused(tmp_path: Path) -> None:
    street = Street(tmp_path)
    with street.running():
        other = Served(tmp_path, "keyholder", custodian_key_file=tmp_path / "custodian.pub")
        other.start()
        assert other.process is not None
        assert other.process.wait(60) == 2
        assert other.process.stdout is not None
        other.process.stdout.close()
    assert "FolderHeld" in other.log.read_text()


@pytest.mark.parametrize(
    ("missing", "error"),
    [
        ("key", "SealingKeyUnusable"),
        ("pin", "CustodianKeyUnusable"),
        ("token", "DealerToken"),
        ("provider", "KeyholderToken"),
    ],
)
def test_without_what_it_needs_it_does_not_start_and_says_what_to_do(
    tmp_path: Path, missing: str, error: str
) -> None:
    street = Street(tmp_path)
    {
        "key": street.data_dir / "sealing-1.key",
        "pin": tmp_path / "custodian.pub",
        "token": token_file(tmp_path / "tls", "keyholder"),
        "provider": keyholder_token_file(tmp_path / "tls"),
    }[missing].unlink()
    street.keyholder.start()
    process = street.keyholder.process
    assert process is not None
    assert process.wait(60) == 2
    assert process.stdout is not None
    process.stdout.close()
    log = street.keyholder.log.read_text()
    assert error in log
    assert "softfall keys init" in log
