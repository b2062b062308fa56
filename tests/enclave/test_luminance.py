"""The luminance policy over real sockets: planes are sealed, and the enclave hashes them itself."""

from pathlib import Path

from softfall.device.outcomes import CHECKED
from tests.device.pictures import CHINA, FLAT, FLOWER, jpeg

from .street import open_street, shown_next, until


def test_under_the_luminance_policy_the_enclave_hashes_for_itself(tmp_path: Path):
    with open_street(tmp_path, policy="luminance") as street:
        ada, ben = street.join("ada"), street.join("ben")
        for data in (jpeg(FLOWER), FLAT):
            assert ada.send_photo("ben", data).checked == CHECKED
            (photo,) = shown_next(ben)
            assert (photo.picture, photo.checked) == (data, CHECKED)
        sent = ada.send_photo("ben", jpeg(CHINA))
        hold = until(lambda: street.hold_of(sent.envelope_id))
        assert hold is not None
        assert hold["kind"] == "confirmed"
