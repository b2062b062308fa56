"""`python -m softfall`: the same command as `softfall`."""

from softfall.cli.main import main

if __name__ == "__main__":
    main()
