"""`python -I -m softfall.hasher [render|template] ...`: started by a service.

`template` is what services start, once; it is forked for each picture. The other two open one
picture and end. Only the program that is asked for is loaded; the process ends with its status,
without the interpreter's own farewell.
"""

import os
import sys

if __name__ == "__main__":
    if sys.argv[1:2] == ["template"]:
        from softfall.hasher import template

        os._exit(template.main(sys.argv[2:]))
    elif sys.argv[1:2] == ["render"]:
        from softfall.hasher.rendering import main

        os._exit(main(sys.argv[2:]))
    else:
        from softfall.hasher.main import main

        os._exit(main(sys.argv[1:]))
