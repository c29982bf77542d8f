"""``ray start``, loaded ahead of the moment when the head's address is known.

Loading Ray takes a worker's host as long as starting it. One line on stdin, when it comes, holds
the words and the environment; no line means that nothing is to be started.

Who started this ends it, with all of its session, and removes Ray's folder. One that was killed
with -9 cannot: the kernel then tells this one (clusters.shell), which does both.
"""

import atexit
import json
import os
import shutil
import signal
import sys

from autopeft.clusters.shell import end_rest_of_session


def main(folder: str, owner: int) -> None:
    """Load Ray, wait for the line, become ``ray start``.

    Args:
        folder: Ray's temporary one.
        owner: The process that started this.
    """
    # The first that is registered comes last: Ray has ended what it ends by itself then.
    atexit.register(_tidy, folder, owner)
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    from ray.scripts import scripts

    line = sys.stdin.readline()
    if not line:
        return
    told = json.loads(line)
    os.environ.update(told["environment"])
    sys.argv = ["ray", *told["words"]]
    scripts.main()


def _tidy(folder: str, owner: int) -> None:
    """Leave nothing, if there is nobody else to do so; Ray's agents outlive it by minutes."""
    if os.getppid() != owner:
        end_rest_of_session()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
