"""Programs to search over: short scripts, each good or bad in its own way."""

import sys
from pathlib import Path
from typing import Any

from autopeft.spec.trial import ObjectiveSpec

WAYS = {
    "good": "json.dump((x - 1) ** 2, open(out, 'w'))",
    "metrics": "json.dump({'loss': x, 'size': 3}, open(out, 'w'))",
    "list": "json.dump([x, -x], open(out, 'w'))",
    "fails": "print('about to'); print('no license', file=sys.stderr); sys.exit(3)",
    "dies": "import os; os.kill(os.getpid(), 11)",
    "garbage": "open(out, 'w').write('it went well')",
    "empty": "open(out, 'w')",
    "silent": "pass",
    "nan": "json.dump(float('nan'), open(out, 'w'))",
    "hangs": "print('waiting', file=sys.stderr)\nwhile True: time.sleep(1)",
    "deaf": "import signal; signal.signal(15, signal.SIG_IGN)\nwhile True: time.sleep(1)",
    "streams": (
        "print('hello')\n"
        "for step in (10, 20, 30):\n    print(json.dumps({'step': step, 'loss': x / step}))\n"
    ),
    "endless": (
        "import subprocess; child = subprocess.Popen(['sleep', '600'])\n"
        "print(json.dumps({'step': 1, 'child': child.pid}))\n"
        "while True: time.sleep(1)"
    ),
    "leaves": (
        "import subprocess; child = subprocess.Popen(['sleep', '600'])\n"
        "json.dump({'child': child.pid}, open(out, 'w'))"
    ),
    "chatters": "print('word ' * 200_000); json.dump(x, open(out, 'w'))",
    "unfinished": "print('{\"step\": 10, \"loss\": 0.5}', end='')",
}
OPENING = "import json, sys, time\nx, out = float(sys.argv[1]), sys.argv[2]\n"


def spec(way: str, folder: Path, *, x: float = 0.5, steps: int = 30, **task: Any) -> ObjectiveSpec:
    """Return a trial of one of the programs, written into ``folder``."""
    script = folder / f"{way}.py"
    script.write_text(OPENING + WAYS[way])
    return ObjectiveSpec.model_validate(
        {
            "task": {
                "kind": "command",
                # Without site it starts in 10 ms: a program of nothing but the standard library.
                "command": [sys.executable, "-S", script.name, "{x}", "{out}"],
                "folder": str(folder),
                "parameters": {"x": x},
                "steps": steps,
                **task,
            }
        }
    )
