"""The process that --workers are copies of. It loads what they need, once for all of them.

They are no copies of the command's own process, for OpenMP, inside OpenCV, Open3D and scikit-learn, may hang in a
copy of a process in which it has run.
"""

import argparse
import multiprocessing
import os
import signal
import sys
import threading
from pathlib import Path

at_work = threading.Lock()  # held in a worker while it works on one image
METHOD = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"  # on Windows


def start_early(script: str) -> None:
    """Start it before the imports of a script that is given --workers: both then load libraries at once."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--workers", nargs="?", default="1")  # what is wrong with it the script will say
    if parser.parse_known_args()[0].workers != "1":
        start([Path(script).stem])


def start(preload: list[str]) -> None:
    """Start it unless it runs, deaf to Ctrl-C even while it still imports the modules of these names."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # a core to each worker: the images are what is shared out
    if METHOD != "forkserver":
        return
    from multiprocessing import forkserver  # not on Windows

    forkserver.set_forkserver_preload(preload)
    # Else it would look for the modules in the folder where the user is, not where this process has them from (as
    # Python 3.10 does all the same, which does not know the second).
    search = {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "PYTHONSAFEPATH": "1"}
    before = {name: os.environ.get(name) for name in search}
    is_main = threading.current_thread() is threading.main_thread()  # whose signals are to set
    handler = signal.signal(signal.SIGINT, signal.SIG_IGN) if is_main else None  # which the new process inherits
    os.environ.update(search)
    try:
        forkserver.ensure_running()
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})
        if is_main:
            signal.signal(signal.SIGINT, handler)


def end_with_parent() -> None:
    """Let this worker end when its parent has, which `kill -9` or a lack of memory can end without a word.

    The image at work is finished first, so that nothing half-written is left. The process that workers are copies
    of ends when the last of them has.
    """
    parent = multiprocessing.parent_process()

    def watch() -> None:
        parent.join()
        with at_work:
            os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
