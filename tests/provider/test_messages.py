from .cast import LISTED
from .conftest import House


def test_a_text_goes_from_sender_to_recipient_and_no_further(house: House) -> None:
    ada, ben, eve = house.join("ada"), house.join("ben"), house.join("eve")
    house.send(ada, ada.text("ben"))
    (delivery,) = ben.mailbox()
    assert delivery["sequence"] == 1
    assert delivery["payload"] == {"recipient": "ben", "kind": 1, "body": b"sealed for ben"}
    assert delivery["receipt"]["sender"] == "ada"
    assert delivery["members"] == ["ada", "ben"]
    assert ada.mailbox() == eve.mailbox() == []


def test_unlisted_media_is_delivered_and_listed_media_is_held(house: House) -> None:
    ada, ben = house.join("ada"), house.join("ben")
    house.send(ada, ada.media("ben", word=LISTED))
    house.send(ada, ada.media("ben"))
    (delivery,) = ben.mailbox()
    assert delivery["receipt"]["option"] == "split"
    (hold,) = house.holds()
    assert (hold["sender"], hold["kind"]) == ("ada", "candidate")
