"""Every kind of tampering is found, and the line is named."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from softfall.audit.chain import Line
from softfall.audit.keys import AuditKey
from softfall.audit.verifying import FINDINGS_KEPT, Fault

from .logs import LOG, chain, chained_anew, hashed_anew, looked_over, signed

SIZE = 12
LINES = chain(SIZE)
NUMBERS = st.integers(1, SIZE)
FORGERIES: dict[str, object] = {
    "at_ms": 999_999,
    "who": "noor",
    "action": "case.decided",
    "subject": "case-2",
    "details": "{}",
    "previous": bytes(32),
    "hash": bytes(32),
}


def changed(line: Line, name: str) -> Line:
    return replace(line, **{name: FORGERIES[name]})


def faults(lines: list[Line]) -> list[tuple[Fault, int]]:
    return [(f.fault, f.number) for f in looked_over(lines).findings]


def test_an_untouched_log_is_whole() -> None:
    verdict = looked_over(LINES)
    assert verdict.whole
    assert (verdict.lines, verdict.found, verdict.findings) == (SIZE, 0, ())


def test_an_empty_log_is_whole() -> None:
    assert looked_over([]).whole


@given(number=NUMBERS, name=st.sampled_from(sorted(FORGERIES)))
def test_a_changed_field_is_found_at_its_line(number: int, name: str) -> None:
    lines = [changed(line, name) if line.number == number else line for line in LINES]
    assert faults(lines) == [(Fault.CHANGED, number)]


@given(number=st.integers(1, SIZE - 1), name=st.sampled_from(sorted(FORGERIES.keys() - {"hash"})))
def test_a_line_replaced_with_a_hash_that_fits_is_found_by_the_next(number: int, name: str) -> None:
    forged = [hashed_anew(changed(line, name)) if line.number == number else line for line in LINES]
    assert (Fault.REPLACED, number) in faults(forged)


@given(first=NUMBERS, count=st.integers(1, 4))
def test_removed_lines_are_named(first: int, count: int) -> None:
    gone = range(first, min(first + count, SIZE + 1))
    left = [line for line in LINES if line.number not in gone]
    if gone.stop > SIZE:  # cut off at the end: only a checkpoint tells
        assert looked_over(left).whole
    else:
        verdict = looked_over(left)
        assert [(f.fault, f.number) for f in verdict.findings] == [(Fault.MISSING, first)]
        assert str(gone.stop - 1) in verdict.findings[0].sentence


@given(gone=st.integers(1, SIZE - 1))
def test_a_line_removed_and_the_rest_numbered_anew_is_found(gone: int) -> None:
    left = [line for line in LINES if line.number != gone]
    renumbered = [replace(line, number=number) for number, line in enumerate(left, 1)]
    found = faults(renumbered)
    assert found[0] == (Fault.MOVED, gone)


@given(st.lists(NUMBERS, min_size=2, max_size=2, unique=True))
def test_two_lines_that_changed_places_are_found(pair: list[int]) -> None:
    lines = list(LINES)
    one, other = sorted(pair)
    lines[one - 1], lines[other - 1] = lines[other - 1], lines[one - 1]
    found = looked_over(lines)
    assert not found.whole
    assert {f.fault for f in found.findings} <= {Fault.MOVED, Fault.MISSING, Fault.REPLACED}
    assert any(one <= f.number <= other for f in found.findings)


@given(after=NUMBERS, copied=NUMBERS)
def test_an_added_line_is_found(after: int, copied: int) -> None:
    lines = [*LINES[:after], LINES[copied - 1], *LINES[after:]]
    if copied == after + 1:  # the copy comes first, so it is the line itself that comes again
        assert (Fault.REPEATED, copied) in faults(lines)
    else:
        assert not looked_over(lines).whole


@given(after=NUMBERS)
def test_a_forged_line_put_between_is_found(after: int) -> None:
    forged = hashed_anew(
        replace(LINES[after - 1], number=after + 1, previous=LINES[after - 1].hash, who="noor")
    )
    rest = [replace(line, number=line.number + 1) for line in LINES[after:]]
    verdict = looked_over([*LINES[:after], forged, *rest])
    assert verdict.whole == (after == SIZE)  # at the end it is a line like any other
    if rest:
        assert verdict.findings[0].number == after + 2
        assert verdict.findings[0].fault is Fault.MOVED


@given(order=st.permutations(range(SIZE)))
def test_any_other_order_is_found(order: list[int]) -> None:
    assert looked_over([LINES[i] for i in order]).whole == (order == sorted(order))


def test_a_log_cut_off_at_its_end_is_found_by_a_checkpoint(key: AuditKey) -> None:
    for left in range(SIZE - 1):
        verdict = looked_over(LINES[:left], [signed(LINES, SIZE - 1, key)], key)
        assert [(f.fault, f.number) for f in verdict.findings] == [(Fault.CUT_OFF, left + 1)]
    assert looked_over(LINES[: SIZE - 1], [signed(LINES, SIZE - 1, key)], key).whole


@given(number=NUMBERS)
def test_a_log_written_anew_without_a_flaw_is_found_by_a_checkpoint(
    key: AuditKey, number: int
) -> None:
    kept = [signed(LINES, n, key) for n in (4, 8, SIZE)]
    forged = chained_anew(
        [replace(line, who="noor") if line.number == number else line for line in LINES]
    )
    assert looked_over(forged).whole  # the chain alone can't tell
    verdict = looked_over(forged, kept, key)
    assert verdict.findings[0].fault is Fault.REWRITTEN
    assert verdict.findings[0].number == min(n for n in (4, 8, SIZE) if n >= number)
    assert verdict.covered == max((n for n in (4, 8) if n < number), default=0)


def test_checkpoints_say_how_far_they_vouch(key: AuditKey) -> None:
    verdict = looked_over(LINES, [signed(LINES, 3, key), signed(LINES, 9, key)], key)
    assert (verdict.whole, verdict.checkpoints, verdict.covered) == (True, 2, 9)


def test_a_checkpoint_that_was_changed_or_is_signed_by_another_or_of_another_log_is_named(
    key: AuditKey, other_key: AuditKey
) -> None:
    good = signed(LINES, 5, key)
    for bad in (
        replace(good, number=4),
        replace(good, hash=bytes(32)),
        replace(good, at_ms=1),
        replace(good, log="another"),
        replace(good, public_key=other_key.public_key),
        replace(good, signature=bytes(64)),
        replace(good, public_key=b"short"),
        signed(LINES, 5, other_key),
        signed(LINES, 5, key, log="another"),
    ):
        verdict = looked_over(LINES, [bad], key)
        assert [f.fault for f in verdict.findings] == [Fault.FALSE_CHECKPOINT]
        assert verdict.covered == 0


def test_a_log_under_another_name_is_found() -> None:
    assert [(f.fault, f.number) for f in looked_over(LINES, log="another").findings] == [
        (Fault.REPLACED, 1)
    ]
    assert looked_over(LINES, log=LOG).whole


def test_many_findings_are_counted_and_the_first_are_told() -> None:
    lines = [replace(line, who="noor") for line in chain(FINDINGS_KEPT + 50)]
    verdict = looked_over(lines)
    assert verdict.found == FINDINGS_KEPT + 50
    assert len(verdict.findings) == FINDINGS_KEPT
