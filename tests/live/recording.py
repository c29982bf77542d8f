"""What became of each drill on each scheduler, kept for docs/reference/clusters.md.

``make live`` records; other runs only where ``LIVE_RECORD=1`` says so. A drill that was not run
keeps what was recorded of it before.
"""

import json
import os
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
FILE = HERE / "drills.json"
SCHEDULERS = ("slurm", "sge", "pbs")


def is_wanted() -> bool:
    """Whether this run records."""
    return os.environ.get("LIVE_RECORD") == "1"


def record(item: pytest.Item, report: pytest.TestReport, versions: dict[str, str]) -> None:
    """The file says what became of the drill just now."""
    known: dict[str, Any] = json.loads(FILE.read_text()) if FILE.exists() else {"drills": {}}
    known["versions"] = versions | {"ray": version("ray")}
    title, scheduler = named(item)
    known["drills"].setdefault(title, {})[scheduler] = {
        "outcome": report.outcome,
        "seconds": round(report.duration),
        "commit": commit(),
        **dict(report.user_properties),
    }
    FILE.write_text(json.dumps(known, indent=1, sort_keys=True) + "\n")


def named(item: pytest.Item) -> tuple[str, str]:
    """The drill in words, and its scheduler; ``lab`` if none takes part.

    Its name's words are its title, with what it is done to: ``a raylet is killed: head``.
    """
    assert isinstance(item, pytest.Function)
    parameters = dict(item.callspec.params) if hasattr(item, "callspec") else {}
    scheduler = str(parameters.pop("kind", "lab"))
    title = item.originalname.removeprefix("test_").replace("_", " ")
    return ": ".join([title, *map(str, parameters.values())]), scheduler


def commit() -> str:
    """The commit that is checked out, with a ``+`` if something that counts differs from it."""
    changed = _git("status", "--porcelain", "--", "platform", "clusters", "tests/live/*.py")
    return _git("rev-parse", "--short=7", "HEAD") + ("+" if changed else "")


def _git(*words: str) -> str:
    command = ["git", "-C", str(HERE.parent.parent), *words]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
