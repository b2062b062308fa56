import pytest

from softfall.casework.model import Role
from softfall.casework.rights import RIGHTS, Deed, NotYourRole, StaffRef, check, deeds_of


@pytest.mark.parametrize("role", list(Role))
def test_every_deed_is_somebodys_and_every_other_role_is_refused(role: Role) -> None:
    for deed in Deed:
        if role in RIGHTS[deed]:
            check(StaffRef("mo", role), deed)
        else:
            with pytest.raises(NotYourRole, match=str(deed)):
                check(StaffRef("mo", role), deed)


def test_a_lead_does_all_that_a_moderator_does_and_others_nothing() -> None:
    assert deeds_of(Role.MODERATOR) < deeds_of(Role.LEAD) == set(Deed)
    assert deeds_of(Role.AUDITOR) == deeds_of(Role.ADMINISTRATOR) == set()
