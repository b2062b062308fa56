import hashlib

import pytest

from softfall.lists import manifest as manifests
from softfall.options.contract import Submission
from softfall.options.split.provider import SplitProvider
from softfall.options.tags import wire
from tests.custodian.keeping import (
    DAY_MS,
    HOUR_MS,
    QUESTIONS,
    Keeper,
    a_question,
    ask_answer,
    ask_epoch,
    issued,
    post_ask,
)


def test_an_epoch_goes_from_the_list_to_a_verdict(keeper: Keeper) -> None:
    keeper.publish()
    app = keeper.app()
    body = ask_epoch(app, "/v1/epochs/current").content
    manifest = manifests.verify(body, keeper.public_key, now_ms=keeper.clocks.wall_ms)
    artefact = ask_epoch(app, f"/v1/epochs/{manifest.epoch}/artefacts/split").content
    assert hashlib.sha256(artefact).digest() == manifest.artefact_sha256
    provider = SplitProvider(manifest.epoch, artefact)
    verdicts = []
    for label in ("1/3", "an innocent photograph"):  # the first is an entry of the list
        pending = a_question(manifest, label)
        reply = ask_answer(app, pending.request.body)
        assert reply.status_code == 200
        submission, _ = pending.finish(reply.content)
        verdicts.append(type(provider.judge(submission, None)).__name__)  # type: ignore[arg-type]
    assert verdicts == ["Candidate", "Clear"]
    assert isinstance(submission, Submission)


def test_before_the_first_epoch_everything_says_so(keeper: Keeper) -> None:
    app = keeper.app()
    for path in ("/v1/epochs/current", "/v1/epochs/current?option=split", "/v1/health"):
        reply = ask_epoch(app, path)
        assert (reply.status_code, reply.json()["error"]) == (404, "NoEpoch")
    reply = ask_epoch(app, "/v1/epochs/1/artefacts/split")
    assert (reply.status_code, reply.json()["error"]) == (404, "EpochNotPublished")


def test_an_unknown_option_is_named_as_such(keeper: Keeper) -> None:
    app = keeper.app()
    for reply in (
        post_ask(app, b"x", option="mindreading"),
        ask_epoch(app, "/v1/epochs/current?option=mindreading"),
        ask_epoch(app, "/v1/epochs/1/artefacts/mindreading"),
    ):
        assert (reply.status_code, reply.json()["error"]) == (404, "OptionUnknown")
        assert "mindreading" not in reply.text


def test_an_epoch_published_by_another_process_is_noticed_without_a_restart(
    keeper: Keeper,
) -> None:
    app = keeper.app()
    assert ask_epoch(app, "/v1/health").status_code == 404
    first = keeper.publish()
    assert ask_epoch(app, "/v1/health").json() == {"ok": True, "epoch": first.epoch}
    keeper.add(3, seed=2)
    second = keeper.publish()
    assert second.epoch > first.epoch
    assert second.public_key != first.public_key
    current = manifests.read(ask_epoch(app, "/v1/epochs/current").content)
    assert current == second
    assert ask_answer(app, a_question(second).request.body).status_code == 200
    # For a while the epoch before still answers: devices and provider take time to notice.
    assert ask_answer(app, a_question(first).request.body).status_code == 200
    keeper.clocks.pass_ms(HOUR_MS + 1)
    reply = ask_answer(app, a_question(first).request.body)
    assert (reply.status_code, reply.json()["error"]) == (410, "EpochEnded")
    assert ask_answer(app, a_question(second).request.body).status_code == 200


def test_an_expired_epoch_answers_nobody_even_before_its_key_is_destroyed(keeper: Keeper) -> None:
    manifest = keeper.publish()
    app = keeper.app()
    question = a_question(manifest).request.body
    used, unused = issued(app, 2)
    assert ask_answer(app, question, used).status_code == 200
    keeper.clocks.pass_ms(30 * DAY_MS)
    assert ask_answer(app, question, unused).json()["error"] == "EpochEnded"
    assert ask_epoch(app, "/v1/epochs/current").json()["error"] == "NoEpoch"
    artefact = ask_epoch(app, f"/v1/epochs/{manifest.epoch}/artefacts/split")
    assert artefact.json()["error"] == "EpochEnded"


def with_points(body: bytes, first: bytes) -> bytes:
    values = wire.REQUEST.decode(body)
    points = values["points"]
    assert isinstance(points, bytes)
    return wire.REQUEST.encode({**values, "points": first + points[32:]})


IDENTITY = bytes(32)
NOT_CANONICAL = (2**255 - 19 + 2).to_bytes(32, "little")  # 2, plus the field's modulus
NEGATIVE = (1).to_bytes(32, "little")
HIGH_BIT = bytes(31) + b"\x80"


@pytest.mark.parametrize("point", [IDENTITY, NOT_CANONICAL, NEGATIVE, HIGH_BIT, b"\xff" * 32])
def test_malformed_points_are_refused_by_name(keeper: Keeper, point: bytes) -> None:
    manifest = keeper.publish()
    reply = ask_answer(keeper.app(), with_points(a_question(manifest).request.body, point))
    assert (reply.status_code, reply.json()["error"]) == (400, "MalformedPoint")


def test_a_question_of_another_size_is_refused(keeper: Keeper) -> None:
    manifest = keeper.publish()
    app = keeper.app()
    body = a_question(manifest).request.body
    values = wire.REQUEST.decode(body)
    points = values["points"]
    assert isinstance(points, bytes)
    for wrong in (points[:-32], points + points[:32], points[:-1], points[:32]):
        if len(wrong) <= 32 * wire.MAX_POINTS:
            reply = ask_answer(app, wire.REQUEST.encode({**values, "points": wrong}))
            assert (reply.status_code, reply.json()["error"]) == (400, "MalformedMessage")
    for wrong in (b"\x80", body + b"\x00", body[:-1]):
        for reply in (ask_answer(app, wrong), post_ask(app, wrong)):
            assert (reply.status_code, reply.json()["error"]) == (400, "MalformedMessage")


def test_a_question_for_an_epoch_that_was_never_published_is_refused(keeper: Keeper) -> None:
    manifest = keeper.publish()
    values = wire.REQUEST.decode(a_question(manifest).request.body)
    reply = ask_answer(keeper.app(), wire.REQUEST.encode({**values, "epoch": 99}))
    assert (reply.status_code, reply.json()["error"]) == (404, "EpochNotPublished")


def test_a_frozen_but_unpublished_epoch_is_nobodys_business(keeper: Keeper) -> None:
    from softfall.custodian.catalogue import Catalogue

    manifest = keeper.publish()
    catalogue = Catalogue.open(keeper.settings.data_dir)
    frozen = catalogue.freeze("split", keeper.clocks.wall_ms)
    catalogue.close()
    app = keeper.app()
    assert ask_epoch(app, "/v1/health").json()["epoch"] == manifest.epoch
    reply = ask_epoch(app, f"/v1/epochs/{frozen}/artefacts/split")
    assert reply.json()["error"] == "EpochNotPublished"


def test_a_question_over_the_size_limit_is_refused(keeper: Keeper) -> None:
    keeper.publish()
    reply = post_ask(keeper.app(), bytes(keeper.settings.max_request_bytes + 1))
    assert (reply.status_code, reply.json()["error"]) == (413, "RequestTooLarge")


def test_the_rate_limit_is_for_all_callers_together(keeper: Keeper) -> None:
    keeper.changed["requests_per_minute"] = 2
    keeper.publish()
    app = keeper.app()
    codes = [ask_epoch(app, "/v1/health").status_code for _ in range(6)]
    # The sliding window is an approximation: just after a full minute it may let one more through.
    assert codes in ([200] * 2 + [429] * 4, [200] * 3 + [429] * 3)


def test_a_damaged_artefact_is_the_operators_error(keeper: Keeper) -> None:
    manifest = keeper.publish()
    path = keeper.settings.data_dir / "epochs" / f"split-{manifest.epoch}.artefact"
    path.write_bytes(path.read_bytes()[:-1] + b"\x00")
    reply = ask_epoch(keeper.app(), f"/v1/epochs/{manifest.epoch}/artefacts/split")
    assert (reply.status_code, reply.json()["error"]) == (500, "ArtefactDamaged")


def test_logs_and_figures_hold_nothing_of_what_was_asked_or_answered(keeper: Keeper) -> None:
    manifest = keeper.publish()
    app = keeper.app()
    body = a_question(manifest).request.body
    reply = ask_answer(app, body).content
    post_ask(app, b"zebra-crossing")
    ask_epoch(app, "/v1/epochs/current?option=zebra-crossing")
    figures = ask_epoch(app, "/metrics").text
    assert f"softfall_evaluations_total {QUESTIONS}.0" in figures
    assert f"softfall_quota_used_evaluations {QUESTIONS}.0" in figures
    answers = [
        line for line in keeper.lines.all() if line["route"] == "/v1/options/{option}/answer"
    ]
    assert [line["status"] for line in answers] == [200, 400]
    assert set(answers[0]) == {
        "service", "request_id", "method", "route", "status", "duration_ms", "bytes_in",
        "bytes_out", "event", "level", "timestamp",
    }  # fmt: skip
    told = keeper.lines.text + figures
    points = wire.REQUEST.decode(body)["points"]
    assert isinstance(points, bytes)
    for secret in (points[:32].hex(), reply[40:72].hex(), "zebra", "127.0.0.1", "testclient"):
        assert secret not in told
