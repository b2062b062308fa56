"""The lookup route: what is on the list is told, by whatever way it is asked; nothing else is."""

import dataclasses
import json
import threading
from types import SimpleNamespace

import numpy as np
import pytest

from softfall.edge.confined import AT_ONCE, WAITING_AT_MOST, Failed
from softfall.media.hashed import Refused
from softfall.media.pdq import PdqHash, Unhashable
from tests.custodian.lookup.looking import (
    JPEG,
    JSON,
    OCTETS,
    Lookups,
    a_hash,
    entries,
    moved,
)

KNOWN, OTHER = a_hash("known"), a_hash("other")


@pytest.fixture
def lookups(tmp_path):
    made = Lookups(tmp_path)
    assert (made.list(KNOWN), made.list(OTHER)) == (1, 2)
    return made


def hashed(pdq: bytes, quality: int = 90) -> PdqHash:
    return PdqHash(pdq, quality, np.ones(256, np.float32), bytes(4096))


def error_of(reply) -> tuple[int, str]:
    return reply.status_code, reply.json()["error"]


def test_a_listed_hash_is_told_with_what_the_list_says_of_it(lookups):
    reply = lookups.look_up(KNOWN)
    assert reply.json() == {
        "looked_up": 1,
        "matches": [
            {
                "query": 0,
                "entries": [
                    {
                        "entry": 1,
                        "labels": ["a label"],
                        "sources": ["hotline"],
                        "certifiers": ["ngo"],
                        "view": "",
                        "whole": 0,
                    }
                ],
                "more": False,
            }
        ],
    }
    assert reply.headers["cache-control"] == "no-store"
    assert reply.headers["content-type"] == JSON


def test_many_at_once_are_told_by_their_places_in_both_forms(lookups):
    asked = [a_hash(str(n)) for n in range(600)]
    asked[3], asked[255], asked[256], asked[599] = KNOWN, OTHER, moved(KNOWN, 30), OTHER
    expected = {3: [1], 255: [2], 256: [1], 599: [2]}
    assert entries(lookups.look_up(*asked)) == expected
    assert entries(lookups.post(b"".join(asked), OCTETS)) == expected
    assert lookups.look_up(*asked).json()["looked_up"] == 600


def test_an_answer_is_the_same_at_every_distance_within_the_radius_and_empty_beyond(lookups):
    assert len({lookups.look_up(moved(KNOWN, bits)).content for bits in range(32)}) == 1
    assert entries(lookups.look_up(moved(KNOWN, 32))) == {}


def test_of_several_matches_their_order_tells_nothing_of_their_distances(lookups):
    lookups.list(moved(KNOWN, 4))
    near_first, near_second = (lookups.look_up(moved(KNOWN, bits)) for bits in (0, 4))
    assert entries(near_first) == {0: [1, 3]}
    assert near_first.content == near_second.content


def test_no_hash_is_in_an_answer_or_in_the_log(lookups):
    lookups.post(KNOWN, OCTETS)
    lookups.post(KNOWN[:31], OCTETS)
    lookups.app._figures.tell()
    for text in (lookups.look_up(KNOWN).text, lookups.lines.text):
        assert KNOWN.hex()[:8] not in text.lower()
    (line,) = (each for each in lookups.lines.all() if each["event"] == "lookups")
    assert (line["tool"], line["lookups"], line["entries"], line["BadHashes"]) == (
        "scanner", 1, 1, 1,
    )  # fmt: skip


WRONG = {
    "no type": (KNOWN, "", 415, "LookupTypeUnknown"),
    "another type": (KNOWN, "text/plain", 415, "LookupTypeUnknown"),
    "cut octets": (KNOWN[:31], OCTETS, 400, "BadHashes"),
    "no octets": (b"", OCTETS, 400, "BadHashes"),
    "cut json": (b'{"hashes":["0f', JSON, 422, "InvalidRequest"),
    "no json": (KNOWN, JSON, 422, "InvalidRequest"),
    "too many octets": (bytes(32 * 4097), OCTETS, 413, "RequestTooLarge"),
    "too long a json": (b" " * 500_000, JSON, 413, "RequestTooLarge"),
    "too many in json": (
        json.dumps({"hashes": ["0f" * 32] * 4097}).encode(), JSON, 413, "TooManyHashes",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("body", "kind", "status", "error"), WRONG.values(), ids=WRONG)
def test_bad_input_is_refused_by_name_and_repeats_nothing(lookups, body, kind, status, error):
    reply = lookups.post(body, kind)
    assert error_of(reply) == (status, error)
    assert set(reply.json()) == {"error", "blame", "what", "remedy"}


def test_a_type_may_have_parameters_and_capitals(lookups):
    assert entries(lookups.post(KNOWN, "Application/Octet-Stream; charset=x")) == {0: [1]}


@pytest.mark.parametrize("token", ["x", "x" * 43])
def test_without_a_tools_token_nothing_is_told_and_no_body_is_read(lookups, token):
    reply = lookups.post(b"x" * 10_000_000, OCTETS, token)
    assert error_of(reply) == (401, "LookupTokenRefused")
    assert reply.headers["www-authenticate"] == "Bearer"
    bare = lookups.ask("POST", "/v1/lookup", content=KNOWN, headers={"Content-Type": OCTETS})
    assert error_of(bare) == (401, "LookupTokenRefused")


def test_a_body_that_never_arrives_is_given_up(tmp_path):
    lookups = Lookups(tmp_path, {"body_seconds": 0.01})
    never = threading.Event()

    async def part():
        yield b"0"
        import asyncio

        await asyncio.to_thread(never.wait, 0.3)

    assert error_of(lookups.post(part(), OCTETS)) == (408, "RequestTooSlow")


def test_a_tools_hour_is_counted_and_then_refused_across_restarts(tmp_path):
    lookups = Lookups(tmp_path, {"hashes_per_hour": 4})
    assert lookups.look_up(KNOWN, OTHER).status_code == 200
    assert lookups.look_up(KNOWN, OTHER).status_code == 200
    assert error_of(lookups.look_up(KNOWN)) == (429, "ToolLookupsSpent")
    lookups.restarted()
    reply = lookups.look_up(KNOWN)
    assert error_of(reply) == (429, "ToolLookupsSpent")
    assert int(reply.headers["retry-after"]) > 0


def test_walking_towards_an_entry_ends_with_the_tools_matches(tmp_path):
    """Bit by bit, as whoever has a matching picture would; the refusals tell nothing either."""
    lookups = Lookups(tmp_path, {"matches_per_hour": 20})
    lookups.list(KNOWN)
    replies = [lookups.look_up(moved(KNOWN, bits)) for bits in range(31, 0, -1)]
    assert [each.status_code for each in replies] == [200] * 20 + [429] * 11
    inside, outside = lookups.look_up(KNOWN), lookups.look_up(a_hash("far"))
    assert inside.content == outside.content
    assert inside.status_code == outside.status_code == 429


def test_copies_of_a_hash_in_one_lookup_are_no_cheaper_way_to_walk(tmp_path):
    lookups = Lookups(tmp_path, {"matches_per_hour": 20})
    lookups.list(KNOWN)
    first = lookups.look_up(*[KNOWN] * 21)
    assert error_of(first) == (429, "ToolMatchesSpent")
    after = lookups.look_up(*[a_hash("far")] * 21)
    assert after.content == first.content
    assert after.headers["retry-after"] == first.headers["retry-after"]
    lookups.restarted()
    assert lookups.look_up(a_hash("far")).status_code == 429


def test_a_lookup_of_a_crowded_place_sends_those_after_it_beside(lookups):
    desk, threads = lookups.app._desk, []
    search = desk._parts.index.search
    worked, now = iter([0.0, 0.1, 0.1, 0.1, 0.1]), [100.0]

    def told(queries, radius_bits=31):
        threads.append(threading.current_thread())
        return search(queries, radius_bits)

    index = SimpleNamespace(search=told)
    clocks = {"seconds": lambda: now[0], "worked_seconds": lambda: next(worked)}
    desk._parts = dataclasses.replace(desk._parts, index=index, **clocks)
    for _ in range(2):
        assert entries(lookups.look_up(KNOWN)) == {0: [1]}
    now[0] += 11
    assert entries(lookups.look_up(KNOWN)) == {0: [1]}
    here = [each is threading.main_thread() for each in threads]
    assert here == [True, False, True]


def test_a_picture_is_handed_to_the_hasher_as_it_is_and_looked_up(lookups):
    lookups.hasher.says = (hashed(moved(OTHER, 8)),)
    reply = lookups.post(b"a picture", JPEG)
    assert entries(reply) == {0: [2]}
    assert reply.json()["picture"] == {
        "views": [{"view": "whole", "outcome": "hashed", "quality": 90, "reason": ""}]
    }
    assert lookups.hasher.asked == [b"a picture"]


def test_a_picture_with_a_border_is_looked_up_both_ways(lookups):
    lookups.hasher.says = (hashed(a_hash("with border")), hashed(KNOWN))
    reply = lookups.post(b"p", JPEG)
    assert entries(reply) == {1: [1]}
    assert (reply.json()["looked_up"], len(reply.json()["picture"]["views"])) == (2, 2)
    lookups.hasher.says = (Unhashable("low quality", 30), hashed(KNOWN))
    reply = lookups.post(b"p", JPEG)
    assert (entries(reply), reply.json()["looked_up"]) == ({1: [1]}, 1)


def test_a_picture_without_a_dependable_hash_is_an_answer_of_its_own(lookups):
    lookups.hasher.says = (Unhashable("flat", 0),)
    assert lookups.post(b"p", "image/png").json() == {
        "looked_up": 0,
        "matches": [],
        "picture": {
            "views": [{"view": "whole", "outcome": "unhashable", "quality": 0, "reason": "flat"}]
        },
    }


def test_a_picture_that_is_refused_or_breaks_the_hasher_is_an_error_by_name(lookups):
    lookups.hasher.says = (Refused("BrokenPicture: what the file said"),)
    reply = lookups.post(b"p", JPEG)
    assert error_of(reply) == (422, "LookupPictureRefused")
    assert reply.json()["what"] == "refused: BrokenPicture"
    lookups.hasher.says = Failed("the hasher broke down over it (status -9)")
    reply = lookups.post(b"p", JPEG)
    assert error_of(reply) == (503, "HasherBusy")
    assert reply.headers["retry-after"] == "1"


def test_more_pictures_than_may_wait_are_refused_before_they_are_read(lookups):
    lookups.app._desk._pictures = AT_ONCE + WAITING_AT_MOST
    assert error_of(lookups.post(b"p", JPEG)) == (503, "HasherBusy")
    assert lookups.hasher.asked == []


def test_a_picture_over_the_limit_is_refused_unread(tmp_path):
    lookups = Lookups(tmp_path, {"max_picture_bytes": 100})
    assert error_of(lookups.post(bytes(101), JPEG)) == (413, "RequestTooLarge")
    assert lookups.hasher.asked == []


def test_what_nobody_foresaw_is_told_by_type_and_place_only(lookups):
    def ask(picture, within_seconds):
        raise ValueError("a secret of the picture's")

    lookups.hasher.ask = ask
    assert error_of(lookups.post(b"p", JPEG)) == (500, "InternalError")
    assert "a secret" not in lookups.lines.text
    assert "ValueError" in lookups.lines.text


def test_the_rest_of_the_service_is_served_beside(lookups):
    assert lookups.ask("GET", "/v1/health").json() == {"ok": True}
    assert error_of(lookups.ask("GET", "/v1/lookup")) == (405, "MethodRefused")
    assert error_of(lookups.ask("GET", "/v1/elsewhere")) == (404, "RouteUnknown")
    lookups.look_up(KNOWN)
    assert 'softfall_tool_lookups_total{status="200"} 1.0' in lookups.ask("GET", "/metrics").text


def test_figures_are_handed_on_in_lumps_and_none_counts_twice(lookups):
    for _ in range(3):
        lookups.look_up(KNOWN, OTHER)
    for _ in range(2):
        text = lookups.ask("GET", "/metrics").text
        assert 'softfall_tool_lookups_total{status="200"} 3.0' in text
        assert "softfall_tool_hashes_total 6.0" in text


def test_a_body_in_parts_is_read_whole_and_cut_off_at_the_limit(lookups):
    async def parts(count):
        for _ in range(count):
            yield KNOWN

    assert entries(lookups.post(parts(3), OCTETS)) == {0: [1], 1: [1], 2: [1]}
    assert error_of(lookups.post(parts(4097), OCTETS)) == (413, "RequestTooLarge")
