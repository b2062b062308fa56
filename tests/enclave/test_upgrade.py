"""The provider upgrades its enclave: until the custodian allows the new program, nobody uses it."""

import shutil
from pathlib import Path

import pytest

import softfall
from softfall.device.outcomes import CHECKED
from softfall.options.enclave.refusals import PcrNotAllowed
from tests.device.pictures import CHINA, FLOWER, jpeg

from .street import Street, measured_by, open_street, shown_next, until


def upgrade(street: Street) -> None:
    """One byte more in one module of the enclave, and the service started anew."""
    package = street.folder / "upgraded" / "softfall"
    shutil.copytree(Path(softfall.__file__).parent, package)
    changed = package / "enclave" / "app.py"
    changed.write_bytes(changed.read_bytes() + b"\n")
    street.enclave.kill()
    street.enclave.environment |= {"PYTHONPATH": str(package.parent)}
    street.enclave.start()
    street.enclave.wait_until_ready()


def test_an_upgraded_enclave_is_refused_by_name_until_the_custodian_allows_it(tmp_path: Path):
    with open_street(tmp_path) as street:
        ada, ben = street.join("ada"), street.join("ben")
        assert ada.send_photo("ben", jpeg(FLOWER)).checked == CHECKED
        assert len(shown_next(ben)) == 1
        before = measured_by(street.enclave)
        carried = street.carried()

        upgrade(street)
        assert measured_by(street.enclave)[0] != before[0]
        with pytest.raises(PcrNotAllowed):  # by one who never met the old one,
            ben.send_photo("ada", jpeg(FLOWER))
        with pytest.raises(PcrNotAllowed):  # and by one who had it proved
            ada.send_photo("ben", jpeg(CHINA))
        assert ada.outbox() == ben.outbox() == []
        assert street.staff("GET", "holds")["holds"] == []
        assert street.carried() == carried  # the custodian gave it no list either

        street.allow_what_runs()
        epoch = street.publish()
        assert until(lambda: street.holds_epoch(epoch))
        assert ada.send_photo("ben", jpeg(FLOWER)).checked == CHECKED
        assert [photo.checked for photo in shown_next(ben)] == [CHECKED]
        listed = ada.send_photo("ben", jpeg(CHINA))
        hold = until(lambda: street.hold_of(listed.envelope_id))
        assert hold is not None
        assert hold["kind"] == "confirmed"
