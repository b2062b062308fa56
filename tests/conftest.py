"""What every test shares: no time limit is an assertion, so hypothesis sets none either."""

from hypothesis import settings

settings.register_profile("softfall", deadline=None)
settings.load_profile("softfall")
