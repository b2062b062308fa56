import re
from html.parser import HTMLParser

import pytest

from softfall.casework.model import Role
from softfall.config import Settings
from softfall.console import pages
from softfall.console.dress import HEADERS

from .house import START_MS, House

PAGES = ("/", "/settings", "/password", "/transparency")


class Outline(HTMLParser):
    """What a page is made of, as far as rules about all pages go."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.found if name == tag]


def served(house: House) -> list[str]:
    return [path for path in PAGES if path in house.app.openapi()["paths"]]


@pytest.mark.parametrize(
    ("path", "accept"), [("/login", "text/html"), ("/nowhere", "text/html"),
                         ("/settings", "application/json"), ("/static/console.css", "*/*"),
                         ("/v1/intake", "application/json"), ("/v1/health", "*/*")],
)  # fmt: skip
def test_every_answer_wears_the_headers(house: House, path: str, accept: str) -> None:
    answer = house.browser().http.get(path, headers={"accept": accept})
    for name, value in HEADERS.items():
        assert answer.headers.get_list(name) == [value]
    policy = HEADERS["content-security-policy"]
    assert policy.startswith("default-src 'none'")
    for never in ("unsafe", "http:", "https:", "data:", "*"):
        assert never not in policy
    kept = answer.headers.get_list("cache-control")
    assert len(kept) == 1
    assert ("no-store" in kept[0]) is not path.startswith("/static/")


def test_an_error_is_a_page_for_a_browser_and_json_for_a_program(house: House) -> None:
    mo = house.person(Role.MODERATOR)
    page = mo.get("/staff")
    assert (page.status_code, page.headers["content-type"]) == (403, "text/html; charset=utf-8")
    assert "RoleLacking" in page.text
    assert "Ask somebody whose role it is" in page.text
    assert f"{len(page.content)}" == page.headers["content-length"]
    told = mo.http.get("/staff", headers={"accept": "application/json"})
    assert told.json()["error"] == "RoleLacking"
    assert house.browser().get("/nowhere").status_code == 404
    assert "RouteUnknown" in house.browser().get("/nowhere").text
    assert house.browser().get("/v1/nowhere").json()["error"] == "RouteUnknown"


def test_what_a_caller_says_is_never_markup(house: House) -> None:
    evil = "<script>alert(1)</script>"
    answer = house.browser().get("/login", params={"next": f"/{evil}"})
    assert evil not in answer.text
    ann = house.person(Role.AUDITOR)
    assert evil not in ann.get("/audit", params={"action": evil, "subject": '"><b>'}).text
    assert '"><b>' not in ann.get("/audit", params={"subject": '"><b>'}).text


@pytest.mark.parametrize(
    "elsewhere",
    ["https://elsewhere.example", "//elsewhere.example", "/\\elsewhere.example", "\\\\e", "e",
     "javascript:alert(1)", "/\t/elsewhere.example", "http:/e", "///elsewhere.example", ""],
)  # fmt: skip
def test_no_redirect_leads_elsewhere(house: House, elsewhere: str) -> None:
    assert pages.local_path(elsewhere) == "/"
    mo = house.person(Role.MODERATOR)
    assert mo.post("/theme", {"theme": "dark", "onward": elsewhere}).headers["location"] == "/"


def test_what_no_database_keeps_alike_is_refused(either_house: House) -> None:
    browser = either_house.browser()
    assert (
        browser.post("/login", {"name": "a\0b", "password": "x"}, page="/login").status_code == 422
    )
    ann = either_house.person(Role.AUDITOR)
    assert ann.get("/audit", params={"subject": "a\0b"}).status_code == 422
    ada = either_house.person(Role.ADMINISTRATOR)
    assert ada.post("/staff", {"name": "a\0b", "role": "lead"}).status_code == 422
    assert ada.post("/staff/a%00b/unlock").status_code == 422
    assert ada.post("/staff/nobody\u2028\ud7ff/unlock").status_code == 404


@pytest.mark.parametrize("field", ["reference", "reason", "kind", "subject", "reporter", "text"])
def test_what_no_database_keeps_alike_is_refused_at_the_intake(
    either_house: House, field: str
) -> None:
    body = {
        "reference": "r:1", "source": "report", "subject": "sam", "reason": "other",
        "arrived_at_ms": START_MS, field: "a\0b",
    }  # fmt: skip
    own = {"authorization": f"Bearer {either_house.service.provider_token}"}
    http = either_house.browser().http
    # A text lies encrypted in the vault, so it may hold anything.
    expected = 200 if field == "text" else 422
    assert http.post("/v1/intake", json=body, headers=own).status_code == expected
    assert http.get("/v1/intake/cases/a%00b", headers=own).status_code == 422


def test_a_redirect_keeps_a_path_of_ours() -> None:
    assert pages.local_path("/cases/7?x=1#y") == "/cases/7?x=1#y"


def test_pages_have_landmarks_labels_and_no_inline_script_or_style(house: House) -> None:
    for role in Role:
        browser = house.person(role)
        ways = re.findall(r'<a href="(/[a-z-]*)"', browser.get("/").text)
        assert "/settings" in ways
        for path in {*served(house), *(way for way in ways if way)}:
            text = browser.get(path).text
            outline = Outline(text)
            for landmark in ("header", "main", "footer", "h1", "title"):
                assert len(outline.all(landmark)) >= 1, (path, landmark)
            assert len(outline.all("h1")) == 1, path
            assert outline.all("html")[0]["lang"] == "en"
            assert outline.all("a")[0] == {"class": "skip", "href": "#content"}
            for tag, attrs in outline.found:
                assert "style" not in attrs, (path, tag)
                assert not [name for name in attrs if name.startswith("on")], (path, tag)
                assert tag != "style"
                assert tag != "script" or attrs.get("src"), path
            labelled = {attrs.get("for") for attrs in outline.all("label")}
            ids = [attrs["id"] for _, attrs in outline.found if "id" in attrs]
            assert len(ids) == len(set(ids)), path
            for tag in ("input", "select", "textarea"):
                for attrs in outline.all(tag):
                    hidden = attrs.get("type") == "hidden" or "hidden" in attrs
                    named = attrs.get("id") in labelled or attrs.get("aria-label")
                    inside = attrs.get("type") in {"checkbox", "radio"}
                    assert hidden or named or inside, (path, attrs)


def test_every_form_that_changes_something_carries_the_token(house: House) -> None:
    for role in Role:
        browser = house.person(role)
        for path in served(house) + (["/staff"] if role is Role.ADMINISTRATOR else []):
            text = browser.get(path).text
            forms = re.findall(r'<form[^>]*method="post".*?</form>', text, re.S)
            assert forms
            assert all(re.search(r'name="csrf" value="[0-9a-f]{64}"', form) for form in forms)


def test_nothing_a_page_names_is_from_elsewhere(house: House) -> None:
    browser = house.person(Role.ADMINISTRATOR)
    for path in served(house):
        outline = Outline(browser.get(path).text)
        for _, attrs in outline.found:
            for name in ("src", "href", "action", "data", "srcset"):
                target = attrs.get(name) or ""
                assert "//" not in target or path == "/settings", (path, target)
        for link in [*outline.all("link"), *outline.all("script")]:
            target = link.get("href") or link.get("src") or ""
            assert browser.get(target).status_code == 200


def test_static_files_name_nothing_from_elsewhere() -> None:
    css = pages.static_files()["console.css"].content.decode()
    assert "url(" not in css
    assert "@import" not in css


def test_a_static_file_of_ours_is_named_by_its_content(house: House) -> None:
    url = pages.static_url("console.css")
    assert re.fullmatch(r"/static/console\.css\?v=[0-9a-f]{12}", url)
    answer = house.browser().get(url)
    assert answer.headers["content-type"].startswith("text/css")
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"


def test_the_copy_of_htmx_is_the_one_that_is_named() -> None:
    import hashlib

    files = pages.static_files()
    digest = hashlib.sha256(files["htmx.min.js"].content).hexdigest()
    assert digest in files["THIRD-PARTY.md"].content.decode()


def test_settings_show_every_setting_and_no_secret(house: House) -> None:
    page = house.person(Role.AUDITOR).get("/settings").text
    count = 0
    for section in Settings.model_fields.values():
        for name, info in section.annotation.model_fields.items():  # type: ignore[union-attr]
            assert f"<code>{name}</code>" in page
            count += bool(info.description)
    assert count > 60


def test_a_secret_that_is_set_is_said_to_be_and_not_shown(tmp_path, tls_dir) -> None:  # type: ignore[no-untyped-def]
    from .house import console

    with console(tmp_path / "c", tls_dir, staff_token="do not show this") as house:
        page = house.person(Role.ADMINISTRATOR).get("/settings").text
    assert "do not show this" not in page
    assert "set, not shown" in page


def test_the_navigation_shows_what_a_role_may_open(house: House) -> None:
    for role in Role:
        browser = house.person(role)
        nav = browser.get("/").text.split("<nav")[1].split("</nav>")[0]
        for path in re.findall(r'href="([^"]*)"', nav):
            assert browser.get(path).status_code == 200, (role, path)


def test_home_shows_five_lines_each_with_its_limits(house: House) -> None:
    page = house.person(Role.MODERATOR).get("/").text
    assert page.count("Its limits") == 5
    assert "Grooming by text is never found by hashes" in page
