"""``ray start``, loaded ahead of the moment when the head's address is known.

Loading Ray takes a worker's host as long as starting it. One line on stdin, when it comes, holds
the words and the environment; no line means that nothing is to be started.
"""

import json
import os
import sys


def main() -> None:
    """Load Ray, wait for the line, become ``ray start``."""
    from ray.scripts import scripts

    line = sys.stdin.readline()
    if not line:
        return
    told = json.loads(line)
    os.environ.update(told["environment"])
    sys.argv = ["ray", *told["words"]]
    scripts.main()


if __name__ == "__main__":
    main()
