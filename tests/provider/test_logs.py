import json
import secrets

from .cast import LISTED
from .conftest import House


def test_logs_and_figures_hold_nothing_of_who_wrote_what(house: House) -> None:
    ada, ben = house.join("ada-of-this-test"), house.join("ben-of-this-test")
    envelope_id = secrets.token_bytes(16)
    conversation = "a conversation nobody else has"
    digest = ada.upload(b"sealed picture")
    house.send(
        ada,
        ada.media(
            ben.name,
            word=LISTED,
            envelope_id=envelope_id,
            conversation=conversation,
            attachment=digest,
        ),
    )
    house.send(ada, ada.text(ben.name, conversation=conversation))
    ada.post(b"junk of this test")
    ada.post(ada.text("nobody-of-this-test"))
    ben.call("GET", f"/v1/attachments/{digest.hex()}")
    house.holds()
    house.life(envelope_id)
    house.service.upkeep.round()
    figures = house.http.get("/metrics").text
    lines = house.log.getvalue().splitlines()
    assert len(lines) > 8
    for line in lines:
        assert json.loads(line)["service"] == "provider"
    for secret in (
        "of-this-test", "of this test", conversation, "junk", envelope_id.hex(), digest.hex(),
        ada.token, ben.token, "sealed", "a staff token",
    ):  # fmt: skip
        assert secret not in house.log.getvalue(), secret
        assert secret not in figures
    assert "request" in house.log.getvalue()  # the search would find what is there
