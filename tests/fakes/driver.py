"""``autopeft drive`` without Ray and training: it writes a journal that a test has prepared.

The lines stand in ``$FAKE_SCHEDULER/lines.jsonl``; what is in the run's journal already is not
written again. What a test wants otherwise stands in ``driver.json`` beside it:

- lines: after so many in one allocation it stops as before a walltime, with exit code 75;
- wait: after the first line it waits until this file exists;
- die: after the first line it ends as this signal number ends it, with all of its process group;
- fail: it prints this text and ends with exit code 1;
- slow: so many seconds per line.
"""

import json
import os
import signal
import sys
import time
from pathlib import Path

STATE = Path(os.environ["FAKE_SCHEDULER"])
RUN = Path(sys.argv[2])


def wishes():
    path = STATE / "driver.json"
    return json.loads(path.read_text()) if path.exists() else {}


def main():
    signal.signal(signal.SIGUSR1, lambda *_: sys.exit(75))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(130))
    if reason := wishes().get("fail"):
        print(reason)
        sys.exit(1)
    lines = (STATE / "lines.jsonl").read_bytes().splitlines(keepends=True)
    journal = RUN / "journal.jsonl"
    done = len(journal.read_bytes().splitlines()) if journal.exists() else 0
    for number, line in enumerate(lines[done:], start=1):
        with journal.open("ab") as file:
            file.write(line[:7])
            file.flush()
            file.write(line[7:])
        while (path := wishes().get("wait")) and not Path(path).exists():
            time.sleep(0.02)
        if death := wishes().get("die"):
            os.killpg(0, death)
        if number == wishes().get("lines") and done + number < len(lines):
            sys.exit(75)
        time.sleep(wishes().get("slow", 0))


main()
