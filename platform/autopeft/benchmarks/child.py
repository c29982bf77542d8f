"""A side of a benchmark in a process of its own, away from the checkout."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from autopeft.clusters.ray_environment import ENVIRONMENT
from autopeft.core.errors import AutopeftError

LONGEST_S = 1800
LAST_WORDS = 2000


def call(module: str, *arguments: object, folder: Path, threads: int | None = None) -> Any:
    """Run ``python -m autopeft.benchmarks.<module>`` and return the JSON of its last line.

    Args:
        module: Whose ``main`` answers.
        arguments: Its command line.
        folder: The child's working folder; never the checkout, where ``mlflow/`` would hide mlflow.
        threads: How many numerical libraries may use, as Ray tells its own workers.

    Raises:
        AutopeftError: The child failed; its last words are in the message.
    """
    command = [sys.executable, "-P", "-m", f"autopeft.benchmarks.{module}", *map(str, arguments)]
    done = subprocess.run(
        command, cwd=folder, env=_environment(threads), capture_output=True, text=True,
        timeout=LONGEST_S, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        raise AutopeftError(f"{module} failed: {done.stderr.strip()[-LAST_WORDS:]}")
    return json.loads(done.stdout.splitlines()[-1])


def _environment(threads: int | None) -> Mapping[str, str]:
    """Return ours less what is set for Tune; Ray's own settings must be there at its import."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("TUNE_", "RAY_"))}
    environment |= {k: v for k, v in ENVIRONMENT.items() if k.startswith("RAY_")}
    del environment["RAY_AIR_NEW_OUTPUT"]
    return environment | ({} if threads is None else {"OMP_NUM_THREADS": str(threads)})
