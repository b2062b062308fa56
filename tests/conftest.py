"""What every test shares: both databases; files in memory; no time limit is an assertion.

Nor is one of hypothesis.
"""

from hypothesis import settings

from .databases import (  # noqa: F401 - fixtures: pytest finds them by being here
    _templates,
    database_url,
    databases,
    postgres,
    postgres_server,
)
from .scratch import write_into_memory

write_into_memory()

settings.register_profile("softfall", deadline=None)
settings.load_profile("softfall")
