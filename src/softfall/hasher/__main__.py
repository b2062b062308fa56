"""`python -I -m softfall.hasher [render] ...`: started by a service, once for each picture.

Only the program that is asked for is loaded; the process ends with its status, without the
interpreter's own farewell.
"""

import os
import sys

if __name__ == "__main__":
    if sys.argv[1:2] == ["render"]:
        from softfall.hasher.rendering import main

        os._exit(main(sys.argv[2:]))
    else:
        from softfall.hasher.main import main

        os._exit(main(sys.argv[1:]))
