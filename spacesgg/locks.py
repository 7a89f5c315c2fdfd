"""One process at a time on a file that a run goes on with."""

from typing import IO

try:
    import fcntl
except ImportError:  # not on Windows: there, nothing keeps two runs from writing one file
    fcntl = None


def take(file: int | IO[bytes]) -> bool:
    """Lock an open file until it is closed; return False where another run has it.

    A file system without locks (some clusters' are) is no reason to refuse to work.
    """
    if fcntl is None:
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True
