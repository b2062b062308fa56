"""The platform's own routes: real pictures, the real hasher, and only a match goes any further."""

import io

import httpx
import pytest
from PIL import Image

from softfall.config import MediaLimits
from softfall.lists.facts import LOOKUP, EntryFacts, encode_listed
from softfall.media.decode import decode
from softfall.media.pdq import plain_pdq

from .cast import Custodian
from .conftest import House, Open
from .fake_console import FakeConsole
from .test_handover import URL, settled

TOKEN = "a platform's token, made up"
ENTRY = EntryFacts(7, ("a label",), ("hotline", "ngo"), ("hotline", "ngo"))


def photograph(seed: int) -> bytes:
    """Soft shapes, as PDQ can measure them; seed: which."""
    tile = Image.effect_noise((9, 9), 90 + seed).resize((320, 240), Image.Resampling.BICUBIC)
    out = io.BytesIO()
    tile.convert("RGB").save(out, "JPEG", quality=90)
    return out.getvalue()


LISTED, UNLISTED = photograph(1), photograph(2)


class Keeper(Custodian):
    """A custodian whose list has one picture."""

    def __init__(self) -> None:
        super().__init__()
        self.listed = plain_pdq(decode(LISTED, MediaLimits()).pixels).bits

    async def _handle(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/v1/lookup" and self.fault is None:
            asked = LOOKUP.decode(request.content)["hash"]
            return httpx.Response(200, content=encode_listed([ENTRY] * (asked == self.listed)))
        return await super()._handle(request)


@pytest.fixture
def keeper():
    made = Keeper()
    made.publish(1)
    return made


@pytest.fixture
def fake():
    return FakeConsole()


@pytest.fixture
def house(open_house: Open, keeper, fake, tmp_path):
    words = tmp_path / "words.txt"
    words.write_text("blue heron\n", "utf-8")
    changes = {"console_url": URL, "surface_token": TOKEN, "surface_words_file": str(words)}
    with open_house(keeper, console=fake.console(), **changes) as opened:
        yield opened


def put(house: House, path: str, token: str = TOKEN, **request):
    return house.http.put(path, headers={"authorization": f"Bearer {token}"}, **request)


def picture(house: House, body: bytes, reference: str = "p1", **more):
    params = {"kind": "profile picture", "subject": "ada"}
    return put(house, f"/v1/surfaces/pictures/{reference}", params=params, content=body, **more)


def name(house: House, text: str, reference: str = "n1"):
    body = {"kind": "group name", "subject": "group 4", "name": text}
    return put(house, f"/v1/surfaces/names/{reference}", json=body)


def test_a_listed_profile_picture_becomes_a_case_with_its_picture(house, fake):
    assert picture(house, LISTED).json()["answer"] == "matched"
    settled(house)
    (case,) = fake.cases.values()
    assert (case.source, case.kind, case.subject) == ("surface", "profile picture", "ada")
    assert case.facts is not None
    assert case.facts.certifiers == ("hotline", "ngo")
    assert list(fake.pictures.values()) == [LISTED]


def test_an_unlisted_picture_leaves_nothing_at_all(house, fake):
    assert picture(house, UNLISTED).json()["answer"] == "clear"
    settled(house)
    assert (fake.cases, fake.pictures) == ({}, {})
    assert house.service.outbox.pictures.all() == []


def test_a_group_name_with_one_of_the_platforms_words_becomes_a_case(house, fake):
    assert name(house, "Friends of the Blue Heron").json()["answer"] == "matched"
    assert name(house, "Friends of the library", "n2").json()["answer"] == "clear"
    settled(house)
    (case,) = fake.cases.values()
    assert case.text == "Friends of the Blue Heron"


@pytest.mark.parametrize(
    ("body", "answer"),
    [(b"", "unreadable"), (b"no picture", "unreadable"), (LISTED[:300], "unreadable")],
)
def test_what_is_no_picture_is_answered_with_its_reason(house, body, answer):
    told = picture(house, body).json()
    assert told["answer"] == answer
    assert told["reason"]


def test_only_the_platform_gets_in(house):
    assert picture(house, LISTED, token="another").json()["error"] == "NotAuthenticated"
    ada = house.join("ada")
    assert picture(house, LISTED, token=ada.token).json()["error"] == "NotAuthenticated"


def test_without_a_token_or_a_console_the_routes_are_off(open_house, keeper, fake):
    for changes in ({"surface_token": TOKEN}, {"console_url": URL}):
        with open_house(keeper, console=fake.console(), **changes) as opened:
            assert picture(opened, LISTED).json()["error"] == "SurfacesOff"


def test_a_custodian_that_is_away_is_said_so_and_nothing_is_lost(house, keeper, fake):
    keeper.fault = httpx.ConnectError("away")
    told = picture(house, LISTED)
    assert (told.status_code, told.json()["error"]) == (503, "CustodianUnavailable")
    keeper.fault = None
    assert picture(house, LISTED).json()["answer"] == "matched"
    settled(house)
    assert len(fake.cases) == 1


@pytest.mark.parametrize(
    "params", [{}, {"kind": "message", "subject": "ada"}, {"kind": "profile picture"}]
)
def test_a_submission_in_another_form_is_refused(house, params):
    told = put(house, "/v1/surfaces/pictures/p1", params=params, content=LISTED)
    assert (told.status_code, told.json()["error"]) == (422, "InvalidRequest")
