"""Who runs this process, as the operating system knows it.

Decisions and keys are bound to this name, so it is never taken from the environment, which whoever
starts a command may set as they like.
"""

from __future__ import annotations

import os


def system_user() -> str:
    """Return the name of the user of this process; the number of one without a name."""
    try:
        import pwd
    except ImportError:  # where there is no such thing, the login name has to do
        return os.getlogin()
    number = os.getuid()
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)
