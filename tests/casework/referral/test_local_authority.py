"""The local authority: its table of order is the schema's, its page tells no words; the verbs."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from lxml import etree

from softfall.casework.referral.client import Client
from softfall.casework.referral.compose import compose
from softfall.casework.referral.documents import MAX_TEXT_CHARS
from softfall.casework.referral.facts import Edits
from softfall.casework.referral.life import Event
from softfall.casework.referral.package import pack
from softfall.testing import cybertipline_forms
from softfall.testing.cybertipline import Authority, Fault
from softfall.testing.cybertipline_forms import parse, problem, with_schema
from softfall.testing.cybertipline_page import page
from tests.casework.referral.test_documents import SCHEMA, needs_schema
from tests.casework.referral.town import NOW_MS, SETTINGS, text_only, transport
from tests.provider.process import SOFTFALL

XS = "{http://www.w3.org/2001/XMLSchema}"
TYPES = {"reportingPerson": "person", "victimPerson": "person"}
DOCS = Path(__file__).parents[3] / "docs" / "referral.md"


def document(edits: Edits | None = None) -> bytes:
    facts = text_only()
    return pack(compose(facts, edits or Edits(), SETTINGS), facts).report


@needs_schema
@pytest.mark.parametrize("name", sorted(cybertipline_forms._CHILDREN))
def test_its_own_table_of_order_is_the_published_schemas(name: str) -> None:
    root = etree.parse(str(SCHEMA)).getroot()
    kind = TYPES.get(name)
    path = f"{XS}complexType[@name='{kind}']" if kind else f"{XS}element[@name='{name}']"
    declared = root.find(path)
    group = next(each for each in declared.iter(f"{XS}sequence", f"{XS}choice"))
    words = []
    for each in group.iterchildren(f"{XS}element", f"{XS}choice"):
        for one in [each] if each.tag == f"{XS}element" else each.iterchildren(f"{XS}element"):
            mark = "*" if one.get("maxOccurs") == "unbounded" else ""
            must = one.get("minOccurs") != "0" and not mark and group.tag == f"{XS}sequence"
            words.append((one.get("name") or one.get("ref")) + ("!" if must else mark))
    assert cybertipline_forms._CHILDREN[name].split() == words


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ((rb"<incidentType>[^<]*</incidentType>", b""), "incidentSummary lacks incidentType"),
        ((rb"<reporter>.*</reporter>", b""), "report lacks reporter"),
        ((rb"<chatClient>", b"<chatClient></chatClient><chatClient>"), "out of place"),
        ((rb"chatRoomName>", b"roomName>"), "chatImIncident has no roomName"),
        (
            (rb"(?s)(<incidentSummary>.*</incidentSummary>)(.*</reporter>)", rb"\2\1"),
            "out of place",
        ),
    ],
)
def test_a_form_that_is_not_right_is_told_in_a_sentence(
    change: tuple[bytes, bytes], told: str
) -> None:
    broken = re.sub(change[0], change[1], document(), flags=re.DOTALL)
    root = parse(broken)
    assert root is not None
    assert told in (problem(root) or "")
    authority = Authority(lambda: NOW_MS)
    with Client(SETTINGS, transport(authority)) as client:
        reply = client.submit(broken)
        assert reply.outcome is Event.INVALID
        assert reply.code == 4100
    assert not authority.reports()


@needs_schema
def test_with_the_schema_it_refuses_what_its_own_table_cannot_know() -> None:
    check = with_schema(SCHEMA)
    assert check is not None
    authority = Authority(lambda: NOW_MS, check=check)
    wrong_time = re.sub(rb"(?<=<incidentDateTime>)[^<]*", b"yesterday", document())
    with Client(SETTINGS, transport(authority)) as client:
        assert client.submit(document()).outcome is Event.ACCEPTED
        assert client.submit(wrong_time).outcome is Event.INVALID


@pytest.mark.parametrize("body", [b"", b"<report>", b"\xff", b"<!DOCTYPE a><report/>", b"{}"])
def test_what_is_no_xml_is_refused_as_that(body: bytes) -> None:
    with Client(SETTINGS, transport(Authority(lambda: NOW_MS))) as client:
        assert client.submit(body).code == 4110


def test_its_page_tells_counts_and_facts_and_no_words() -> None:
    authority = Authority(lambda: NOW_MS)
    with Client(SETTINGS, transport(authority)) as client:
        number = client.submit(document(Edits(summary="<script>alert(1)</script>"))).report_id
        assert number
        client.upload(number, "evidence-1.png", b"harmless")
        client.finish(number)
    shown = page(authority.reports())
    assert str(number) in shown
    assert "1 finished" in shown
    assert "mallory" in shown
    assert "see you at the park" not in shown
    assert "<script>" not in shown


@pytest.fixture(scope="module")
def simulator() -> Iterator[str]:
    arguments = [SOFTFALL, "simulator", "cybertipline", "--port", "0", "--fault", "/status=500"]
    process = subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    yield process.stdout.readline().removeprefix("listening on ").strip()
    process.terminate()
    process.wait()
    process.stdout.close()


def ask_status(url: str, tmp_path: Path) -> "subprocess.CompletedProcess[str]":
    config = tmp_path / "softfall.toml"
    config.write_text(
        f'[referral]\ncybertipline_url = "{url}"\ncybertipline_username = "softfall"\n'
        'cybertipline_password = "local authority"\n'
    )
    return subprocess.run(
        [SOFTFALL, "referral", "status", "--config", config], capture_output=True, text=True,
        check=False,
    )  # fmt: skip


def test_the_verbs_tell_whether_the_authority_answers(simulator: str, tmp_path: Path) -> None:
    first = ask_status(simulator, tmp_path)
    assert first.returncode == 3
    assert "uncertain" in first.stdout
    second = ask_status(simulator, tmp_path)
    assert second.returncode == 0, second.stderr
    assert "accepted" in second.stdout
    refused = ask_status("http://authority.example", tmp_path)
    assert refused.returncode == 2
    assert "PlainHttpRefused" in refused.stderr


def test_what_is_not_on_its_interface_is_not_there(simulator: str) -> None:
    assert httpx.get(f"{simulator}/elsewhere").status_code == 404
    assert httpx.post(f"{simulator}/control/faults", content=b"{}").status_code == 400
    assert httpx.get(f"{simulator}/").status_code == 200


def test_every_fault_is_one_that_the_page_of_help_or_a_test_names() -> None:
    words = " ".join(subprocess.run(
        [SOFTFALL, "simulator", "cybertipline", "--help"],
        capture_output=True, text=True, check=False,
        env={"COLUMNS": "400", "PATH": "/usr/bin", "NO_COLOR": "1"},
    ).stdout.split())  # fmt: skip
    assert "drop after accept" in words
    assert all(fault in words for fault in Fault if fault is not Fault.HOLD_AFTER)


def test_the_docs_state_the_length_at_which_a_text_is_cut() -> None:
    assert f"more\n  than {MAX_TEXT_CHARS:,} characters" in DOCS.read_text("utf-8")
