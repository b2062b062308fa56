"""Drafts, approvals and what lets a referral out, on both databases."""

import contextlib
from dataclasses import replace

import pytest

from softfall.audit import trail
from softfall.casework.referral.facts import Edits
from softfall.casework.referral.life import State, UnknownReferralMove
from softfall.casework.referral.moves import ReferralUnknown
from softfall.casework.referral.referrals import (
    DraftClosed,
    DraftMoved,
    OwnWords,
    ReferralNotApproved,
    ReferralNotDecided,
    Referrals,
    TooLateToWithdraw,
)
from softfall.testing.cybertipline import Fate
from tests.casework.referral.town import CASE, Town, message


def actions(town: Town) -> list[str]:
    with town.db.read() as tx:
        return [line.action for line in trail.read(tx)]


def test_a_draft_is_there_before_anybody_has_touched_it(town: Town) -> None:
    draft = town.referrals.draft(CASE)
    assert draft.state is State.DRAFT
    assert draft.revision == 0
    assert draft.completeness is not None
    assert draft.completeness.missing
    assert b"<report>" in draft.package.report
    assert actions(town) == []


def test_a_persons_edits_are_in_the_preview_and_kept(town: Town) -> None:
    edits = Edits(summary="what happened, in words")
    saved = town.referrals.save_draft(CASE, "mo", edits, 0)
    assert b"what happened, in words" in saved.package.report
    again = town.referrals.draft(CASE)
    assert (again.edits, again.edited_by, again.revision) == (edits, "mo", 1)
    assert actions(town) == ["referral.drafted"]


def test_of_two_who_edit_at_once_the_second_is_told(town: Town) -> None:
    town.referrals.save_draft(CASE, "mo", Edits(summary="one"), 0)
    with pytest.raises(DraftMoved):
        town.referrals.save_draft(CASE, "ann", Edits(summary="two"), 0)
    assert town.referrals.draft(CASE).edits.summary == "one"


def test_what_is_sent_is_byte_for_byte_what_was_approved(town: Town) -> None:
    town.referrals.save_draft(CASE, "mo", Edits(summary="in words"), 0)
    shown = town.referrals.draft(CASE)
    town.referrals.approve(CASE, "lena", shown.digest)
    town.casefile.known = replace(town.casefile.known, subject="somebody else")
    town.run()
    (report,) = [each for each in town.authority.reports() if each.fate is Fate.FINISHED]
    assert report.document == shown.package.report
    for file, approved in zip(report.files, shown.package.files, strict=True):
        assert file.details is not None
        numbers = f"<reportId>{report.report_id}</reportId><fileId>{file.file_id}</fileId>"
        start = approved.details.index(b"<reportId>")
        end = approved.details.index(b"</fileId>") + len(b"</fileId>")
        assert file.details == approved.details[:start] + numbers.encode() + approved.details[end:]
    assert town.referrals.draft(CASE).digest == shown.digest


def test_whoever_wrote_it_is_not_its_second_reader(town: Town) -> None:
    draft = town.referrals.save_draft(CASE, "mo", Edits(summary="in words"), 0)
    with pytest.raises(OwnWords):
        town.referrals.approve(CASE, "mo", draft.digest)
    alone = Referrals(town.db, town.clock, town.settings, town.casefile, second_reader=False)
    assert alone.approve(CASE, "mo", draft.digest) is State.QUEUED


def test_an_edit_after_the_approval_needs_another_approval(town: Town) -> None:
    town.casefile.decided = False
    first = town.referrals.draft(CASE)
    town.referrals.approve(CASE, "lena", first.digest)
    assert town.referrals.draft(CASE).approved_by == "lena"
    changed = town.referrals.save_draft(CASE, "mo", Edits(summary="changed"), 0)
    assert changed.approved_by is None
    town.casefile.decided = True
    with town.db.write() as tx, pytest.raises(ReferralNotApproved):
        town.referrals.queue_sending(tx, CASE)
    with pytest.raises(DraftMoved):
        town.referrals.approve(CASE, "lena", first.digest)


def test_what_came_to_the_case_after_the_approval_needs_another_approval(town: Town) -> None:
    town.casefile.decided = False
    town.referrals.approve(CASE, "lena", town.referrals.draft(CASE).digest)
    known = town.casefile.known
    more = replace(known.sources[0], reference="report-2", messages=(message(5, "another line"),))
    town.casefile.known = replace(known, sources=(*known.sources, more))
    town.casefile.decided = True
    with town.db.write() as tx, pytest.raises(DraftMoved):
        town.referrals.queue_sending(tx, CASE)
    town.run()
    assert not town.authority.reports()


def test_nothing_goes_out_without_a_decision(town: Town) -> None:
    town.casefile.decided = False
    digest = town.referrals.draft(CASE).digest
    assert town.referrals.approve(CASE, "lena", digest) is State.DRAFT
    with town.db.write() as tx, pytest.raises(ReferralNotDecided):
        town.referrals.queue_sending(tx, CASE)
    town.run()
    assert not town.authority.reports()


def test_the_decisions_own_transaction_queues_it_or_nothing_of_it_stays(town: Town) -> None:
    with town.db.write() as tx, pytest.raises(ReferralNotApproved):
        town.referrals.queue_sending(tx, CASE)
    with pytest.raises(DraftMoved), town.db.write() as tx:
        town.referrals.approve_in(tx, CASE, "lena", "0" * 64)
    digest = town.referrals.draft(CASE).digest
    with contextlib.suppress(KeyboardInterrupt), town.db.write() as tx:
        town.referrals.approve_in(tx, CASE, "lena", digest)
        town.referrals.queue_sending(tx, CASE)
        raise KeyboardInterrupt
    assert actions(town) == []
    with town.db.write() as tx:
        town.referrals.approve_in(tx, CASE, "lena", digest)
        town.referrals.queue_sending(tx, CASE)
    assert town.referrals.status(CASE).state is State.QUEUED
    assert actions(town) == ["referral.approved", "referral.queued"]


def test_where_no_authority_is_configured_nothing_is_queued_and_nothing_refused(town: Town) -> None:
    off = town.settings.model_copy(update={"cybertipline_url": ""})
    referrals = Referrals(town.db, town.clock, off, town.casefile)
    with town.db.write() as tx:
        assert referrals.queue_sending(tx, CASE) is State.DRAFT
    with pytest.raises(ReferralUnknown):
        referrals.status(CASE)


def test_a_referral_on_its_way_is_neither_edited_nor_approved_again(town: Town) -> None:
    digest = town.referrals.draft(CASE).digest
    town.queue()
    with pytest.raises(DraftClosed):
        town.referrals.save_draft(CASE, "mo", Edits(), 0)
    with pytest.raises(DraftClosed):
        town.referrals.approve(CASE, "lena", digest)


def test_a_finished_one_can_neither_be_withdrawn_nor_begun_again(town: Town) -> None:
    town.queue()
    town.run()
    with pytest.raises(TooLateToWithdraw):
        town.referrals.withdraw(CASE, "lena", "too late")
    for act in (
        town.referrals.begin_again,
        town.referrals.edit_again,
        town.referrals.mark_finished,
    ):
        with pytest.raises(UnknownReferralMove):
            act(CASE, "lena", "again")
    assert actions(town) == ["referral.approved", "referral.queued", "referral.sent"]


def test_one_that_is_queued_is_withdrawn_without_a_word_to_the_authority(town: Town) -> None:
    town.queue()
    assert town.referrals.withdraw(CASE, "lena", "decided otherwise") is State.WITHDRAWN
    town.run()
    assert not town.authority.calls
    assert actions(town)[-1] == "referral.withdrawn"


def test_an_earlier_report_about_the_same_account_is_named(town: Town) -> None:
    town.queue("a" * 32)
    town.run()
    (first,) = town.authority.reports()
    report = town.referrals.draft("b" * 32).package.report
    assert f"<priorCTReports>{first.report_id}</priorCTReports>".encode() in report
    own = town.referrals.draft("a" * 32).package.report
    assert b"priorCTReports" not in own


def test_nobody_has_drafted_what_is_not_there(town: Town) -> None:
    with pytest.raises(ReferralUnknown):
        town.referrals.status("f" * 32)


def test_no_word_of_a_case_is_kept_in_the_clear_but_under_its_key(town: Town) -> None:
    """What the tables keep beside the sealed columns: names, numbers, states."""
    from sqlalchemy import select

    from softfall.casework.referral.tables import referral_files, referral_steps, referrals

    town.referrals.save_draft(CASE, "mo", Edits(summary="in words"), 0)
    town.queue()
    town.run()
    with town.db.read() as tx:
        rows = [tx.execute(select(each)).mappings().all() for each in
                (referrals, referral_files, referral_steps)]  # fmt: skip
    kept = [
        str(value)
        for table in rows
        for row in table
        for name, value in row.items()
        if not name.startswith("sealed_")
    ]
    assert not any("park" in value or "in words" in value for value in kept)
