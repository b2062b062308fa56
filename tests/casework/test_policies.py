from pathlib import Path

import pytest

from softfall.casework.policies import (
    OWN_PICTURE_POLICY,
    OWN_PICTURE_WORDS,
    PoliciesUnusable,
    PolicyUnknown,
    load,
)

ONE = '[[policy]]\nid = "{}"\ntitle = "A title"\nwords = "Some words."\n'


def test_softfalls_own_table_says_what_is_done_about_young_peoples_own_pictures() -> None:
    policies = load()
    assert "never an automatic referral" in policies.get(OWN_PICTURE_POLICY).words
    assert "never referred automatically" in OWN_PICTURE_WORDS
    with pytest.raises(PolicyUnknown):
        policies.get("whatever")


def test_an_operators_own_table_replaces_it(tmp_path: Path) -> None:
    file = tmp_path / "policies.toml"
    file.write_text(ONE.format("ours"))
    assert [row.id for row in load(str(file)).rows] == ["ours"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "policy = 1",
        "[[policy]]",
        ONE.format("Not An Id"),
        ONE.format("twice") + ONE.format("twice"),
        ONE.format("more") + 'colour = "red"\n',
        "[[policy\n",
    ],
)
def test_a_table_that_is_none_is_refused_by_name(tmp_path: Path, text: str) -> None:
    file = tmp_path / "policies.toml"
    file.write_text(text)
    with pytest.raises(PoliciesUnusable):
        load(str(file))


def test_a_file_that_is_not_there_is_named() -> None:
    with pytest.raises(PoliciesUnusable):
        load("/nowhere/policies.toml")
