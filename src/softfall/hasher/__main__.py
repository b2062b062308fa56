"""`python -I -m softfall.hasher`: started by the provider, once for each reported picture."""

from softfall.hasher.main import run

if __name__ == "__main__":
    run()
