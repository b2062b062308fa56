"""What every test shares: both databases; no time limit is an assertion, nor one of hypothesis."""

from hypothesis import settings

from .databases import (  # noqa: F401 - fixtures: pytest finds them by being here
    _templates,
    database_url,
    databases,
    postgres,
    postgres_server,
)

settings.register_profile("softfall", deadline=None)
settings.load_profile("softfall")
