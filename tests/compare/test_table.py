"""The cells follow from the results: change a result, and the cell that tells of it changes."""

import io

import pytest
from rich.console import Console

from softfall.compare import findings
from softfall.compare.cells import Cell, Tone, duration, size
from softfall.compare.console import print_comparison
from softfall.compare.plan import Cheat, Kind
from softfall.compare.results import Comparison, MatchCosts, Outcome, Readable, Undeclared
from softfall.compare.table import make_table

from .results_at_will import HELD, LOST, QUARANTINED, SHOWN, USUAL, comparison, option_run, sent


def cell(made: Comparison, question: str, option: int = 0) -> Cell:
    for group in make_table(made):
        for row in group.rows:
            if row.question == question:
                return row.cells[option]
    raise AssertionError(f"no row asks {question!r}")


def with_outcome(turn: int, outcome: Outcome) -> Comparison:
    outcomes = list(USUAL)
    outcomes[turn] = outcome
    return comparison(option_run("split", outcomes))


def test_every_question_has_an_answer_from_every_option():
    made = comparison(option_run("in_transit"), option_run("split"))
    rows = [row for group in make_table(made) for row in group.rows]
    assert len({row.question for row in rows}) == len(rows)
    assert all(len(row.cells) == 2 for row in rows)
    assert all(cell.text for row in rows for cell in row.cells)


@pytest.mark.parametrize(
    ("turn", "outcome", "question", "usual", "changed"),
    [
        (1, SHOWN, "Listed pictures, sent as they are", "1 of 1", "0 of 1"),
        (2, SHOWN, "Of those that plain PDQ matches", "2 of 2", "1 of 2"),
        (3, HELD, "Listed pictures after everyday edits", "1 of 2", "2 of 2"),
        (2, SHOWN, "blur", "1 of 1", "0 of 1"),
        (3, HELD, "crop 5 %", "0 of 1", "1 of 1"),
        (4, HELD, "Unlisted pictures, held by mistake", "0 of 1", "1 of 1"),
        (4, HELD, "New material, stopped", "0 of 1", "1 of 1"),
        (0, HELD, "Grooming by text alone, stopped", "0 of 1", "1 of 1"),
        (5, SHOWN, "Patched sender caught", "1 of 1", "0 of 1"),
        (5, SHOWN, f"hands over {Cheat.JUNK.value}", "1 of 1", "0 of 1"),
        (6, QUARANTINED, "Colluding pair caught", "no", "1 of 1"),
        (6, LOST, "Messages lost", "0 of 7", "1 of 7"),
    ],
)
def test_a_cell_changes_with_the_outcome_that_it_tells_of(
    turn: int, outcome: Outcome, question: str, usual: str, changed: str
):
    assert cell(comparison(option_run("split")), question).text == usual
    assert cell(with_outcome(turn, outcome), question).text == changed


def test_a_lost_message_is_not_a_stopped_one():
    assert cell(with_outcome(1, LOST), "Listed pictures, sent as they are").text == "0 of 1"


def test_a_mistake_reads_badly_and_its_bound_is_told():
    found = cell(with_outcome(4, HELD), "Unlisted pictures, held by mistake")
    assert found.tone is Tone.BAD
    assert "under 100.0 %" in found.note
    assert "1,234" in found.note


@pytest.mark.parametrize(
    ("changes", "question", "text"),
    [
        ({"pictures": 2}, "Pictures that the provider can read", "2 of 4"),
        ({"texts": 1}, "Words that the provider can read", "1 of 1"),
        ({"list_entries": 1234}, "Can the list be read at the provider", "yes"),
    ],
)
def test_what_was_found_open_is_told(changes: dict[str, int], question: str, text: str):
    found = Readable(
        **{
            "role": "provider",
            "searched_bytes": 9,
            "pictures": 0,
            "texts": 0,
            "list_entries": 0,
            **changes,
        }
    )
    made = comparison(option_run("split", readable=(found,)))
    assert cell(made, question).text == text
    assert cell(made, question).tone is Tone.BAD


def test_undeclared_bytes_are_told_and_make_the_run_unsound():
    strange = Undeclared(role="provider", route="POST /v1/x", why="no request is declared", count=3)
    made = comparison(option_run("split", undeclared=(strange,)))
    found = cell(made, "Bytes that nothing declares")
    assert (found.text, found.tone) == ("3", Tone.BAD)
    assert "POST /v1/x" in found.note
    assert not made.sound
    assert comparison(option_run("split")).sound
    assert not with_outcome(2, LOST).sound


def test_costs_are_medians_over_honest_pictures_alone():
    run = option_run("split")
    rows = [
        sent(turn, outcome, sender_ms=ms)
        for turn, outcome, ms in (
            (0, SHOWN, 9000),
            (1, HELD, 10),
            (2, HELD, 20),
            (3, SHOWN, 30),
            (4, SHOWN, 40),
            (5, QUARANTINED, 9000),
            (6, SHOWN, 9000),
        )
    ]
    made = comparison(run.model_copy(update={"sent": tuple(rows)}))
    assert cell(made, "The sender waits").text == "25 ms"


def test_bytes_are_counted_beyond_the_pictures_own_file():
    made = comparison(option_run("split"))
    # sent up: 1,500 bytes each; the files: 1000, 900, 800, 2000 bytes
    assert cell(made, "Bytes up, sender").text == "550 B"
    # down to the recipient: 2,500 bytes each; of the files that arrived: 800 and 2000
    assert cell(made, "Bytes down, recipient").text == "1.1 kB"


def test_an_option_that_submits_nothing_has_nothing_to_lie_about():
    made = comparison(option_run("in_transit", submits=False))
    assert "nothing to lie about" in cell(made, "Patched sender caught").note


def test_recall_by_edit_begins_with_pictures_as_they_are():
    made = comparison(option_run("split"))
    recalls = findings.recall_by_edit(made, made.options[0])
    assert [each.edit for each in recalls] == ["as it is", "blur", "crop 5 %"]
    assert [str(each.plain) for each in recalls] == ["1 of 1", "1 of 1", "0 of 1"]
    assert str(findings.recall_overall(recalls, "all").kept) == "2 of 2"


def test_nothing_to_measure_is_a_dash_and_no_error():
    run = option_run("split").model_copy(update={"sent": ()})
    made = comparison(run, turns=())
    assert cell(made, "The sender waits").text == "-"
    assert cell(made, "Listed pictures, sent as they are").text == "0 of 0"
    assert findings.sent_of(made, run, Kind.TEXT) == []


@pytest.mark.parametrize("columns", [100, 120])
def test_the_console_table_fits_and_tells_the_limits(columns: int):
    out = io.StringIO()
    made = comparison(option_run("in_transit"), option_run("split"))
    print_comparison(made, make_table(made), Console(file=out, width=columns))
    lines = out.getvalue().splitlines()
    assert max(map(len, lines)) <= columns
    assert any("Colluding pair caught" in line and "no" in line for line in lines)
    assert "What split can't do" in out.getvalue()
    assert "Two colluding patched apps escape" in out.getvalue()


def test_sizes_and_times_read_as_people_say_them():
    assert [size(each) for each in (0, 999, 1000, 2_500_000, 3e9, None)] == [
        "0 B",
        "999 B",
        "1.0 kB",
        "2.5 MB",
        "3.0 GB",
        "-",
    ]
    assert [duration(each) for each in (0.44, 9.96, 12.4, 2500, None)] == [
        "0.4 ms",
        "10.0 ms",
        "12 ms",
        "2,500 ms",
        "-",
    ]


KEYED = MatchCosts(
    pictures=12, provider_ms=34.0, keyholder_ms=12.5, sent_bytes=150_000, received_bytes=120_000,
    dealt_bytes={"provider": 51.0, "keyholder": 610_000.0}, dealer_ms=7.0,
)  # fmt: skip


def test_what_matching_with_a_keyholder_cost_is_told_and_what_was_dealt_apart():
    made = comparison(option_run("homomorphic", matching=KEYED), option_run("split"))
    asked = cell(made, "Matching one picture")
    assert asked.text == "34 ms"
    assert "12 ms of it at the keyholder; 150.0 kB there, 120.0 kB back; 12 pictures" in asked.note
    dealt = cell(made, "Dealt in advance for one picture")
    assert dealt.text == "610.1 kB"
    assert "51 B to the provider, 610.0 kB to the keyholder; 7.0 ms at the dealer" in dealt.note
    for question in ("Matching one picture", "Dealt in advance for one picture"):
        assert cell(made, question, 1).text == "-"


def test_a_party_that_takes_no_part_can_read_nothing_and_is_not_said_to_have_been_searched():
    seen = Readable(role="keyholder", searched_bytes=9, pictures=0, texts=0, list_entries=0)
    made = comparison(option_run("homomorphic", readable=(seen,)), option_run("split"))
    question = "Can the list be read at the keyholder"
    assert (cell(made, question).text, cell(made, question).tone) == ("no", Tone.GOOD)
    assert cell(made, question, 1).text == "-"


def test_more_options_than_a_terminal_has_room_for_stand_in_a_second_table():
    names = ("in_transit", "split", "on_device", "enclave", "homomorphic", "homomorphic_permuted",
             "backdoor")  # fmt: skip
    made = comparison(*(option_run(name, summary="how") for name in names))
    printed = {}
    for columns in (100, 200):
        out = io.StringIO()
        print_comparison(made, make_table(made), Console(file=out, width=columns))
        lines = out.getvalue().splitlines()
        assert max(map(len, lines)) <= columns
        printed[columns] = [line for line in lines if "Colluding pair caught" in line]
        heads = " ".join(line for line in lines if "can't do" not in line)
        assert all(name in heads for name in names)
    assert [line.split().count("no") for line in printed[100]] == [4, 3]
    assert [line.split().count("no") for line in printed[200]] == [7]


def test_a_run_without_the_permuted_mode_says_how_to_see_it_beside():
    for names, said in (
        (("split", "homomorphic"), True),
        (("homomorphic", "homomorphic_permuted"), False),
        (("split",), False),
    ):
        made = comparison(*(option_run(name) for name in names))
        out = io.StringIO()
        print_comparison(made, make_table(made), Console(file=out, width=100))
        words = " ".join(out.getvalue().split())
        told = "softfall compare --option homomorphic --option homomorphic_permuted"
        assert (told in words) is said
