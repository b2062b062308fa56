"""The whole way over real sockets: custodian, enclave and provider as processes, real devices."""


import pytest

from softfall.device.outcomes import CHECKED, Shown
from tests.device.pictures import CHINA, FLAT, FLOWER, jpeg

from .street import Street, open_street, shown_next, until


@pytest.fixture(scope="module")
def street(tmp_path_factory):
    with open_street(tmp_path_factory.mktemp("street")) as made:
        yield made


def test_an_unlisted_photograph_is_delivered_and_checked(street: Street):
    ada, ben = street.join("ada"), street.join("ben")
    for data in (jpeg(FLOWER), FLAT):
        assert ada.send_photo("ben", data).checked == CHECKED
        (photo,) = shown_next(ben)
        assert isinstance(photo, Shown)
        assert (photo.picture, photo.checked) == (data, CHECKED)


def test_a_listed_photograph_is_held_as_confirmed_and_words_flow_on(street: Street):
    cy, dan = street.join("cy"), street.join("dan")
    sent = cy.send_photo("dan", jpeg(CHINA))
    assert sent.checked == CHECKED
    cy.send_text("dan", "words flow on")
    assert [a.text for a in shown_next(dan)] == ["words flow on"]
    hold = until(lambda: street.hold_of(sent.envelope_id))
    assert hold is not None
    assert hold["kind"] == "confirmed"
