"""A real sweep in a real process, and what is needed to kill parts of it."""

import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import psutil
import pytest

SHIPPED = Path(__file__).parents[2] / "search_spaces" / "tiny_clap.yaml"
SMALL = (
    "search.trials=6",
    "search.retrain=1",
    "search.retrain_seeds=2",
    "search.baselines=false",
    "training.steps=40",
    "search.scheduler.grace_steps=20",
)


class Sweep:
    """``autopeft run`` in its own folder."""

    def __init__(
        self, folder: Path, *overrides: str, file: Path = SHIPPED, small: Sequence[str] = SMALL
    ) -> None:
        self.folder = folder
        self.out = folder / "out.txt"
        self.process = self.start("run", str(file), *small, *overrides)

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Start the command line as a user would; its output is kept."""
        command = [sys.executable, "-P", "-m", "autopeft.cli.main", *arguments]
        # A user's shell has no RAY_…; the test session's own Ray must not be joined.
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("RAY_", "TUNE_"))}
        with self.out.open("ab") as out:
            return subprocess.Popen(
                command, cwd=self.folder, stdout=out, stderr=out, env=environment,
                process_group=0,
            )  # fmt: skip

    @property
    def run(self) -> Path:
        """The run folder."""
        return next((self.folder / "runs").glob("*/journal.jsonl")).parent

    def events(self) -> list[dict[str, Any]]:
        """What the journal holds now."""
        found = list((self.folder / "runs").glob("*/journal.jsonl"))
        lines = found[0].read_bytes().splitlines(keepends=True) if found else []
        return [json.loads(line) for line in lines if line.endswith(b"\n")]

    def wait_for(self, event: str, count: int, *, seconds: float = 150) -> None:
        """Wait until so many events of a kind are journalled."""
        deadline = time.monotonic() + seconds
        while sum(e["event"] == event for e in self.events()) < count:
            assert time.monotonic() < deadline, self.out.read_text()[-2000:]
            assert self.process.poll() is None, self.out.read_text()[-2000:]
            time.sleep(0.1)

    @property
    def driver(self) -> psutil.Process:
        """The driver's process."""
        return psutil.Process(json.loads((self.run / "driver.json").read_text())["pid"])

    def children(self, name: str) -> list[psutil.Process]:
        """The driver's descendants with ``name`` in theirs."""
        return [c for c in self.driver.children(recursive=True) if name in c.name()]

    def finish(self, *, seconds: float = 280) -> None:
        """Wait for the end and check that every count is exact."""
        assert self.process.wait(seconds) == 0, self.out.read_text()[-3000:]
        self.check()

    def check(self) -> None:
        """Six counted trials, two retrainings, nobody twice, one end."""
        events = self.events()
        ended = Counter(e["trial"] for e in events if e["event"] == "ended")
        assert set(ended.values()) == {1}
        counted = [
            e for e in events
            if e["event"] == "ended" and e["trial"].startswith("t")
            and e["status"] in ("finished", "stopped", "failed")
        ]  # fmt: skip
        assert len(counted) == 6
        assert sum(trial.startswith("r") for trial in ended) == 2
        assert events[-1]["event"] == "sweep_ended"
        steps = Counter((e["trial"], e["step"]) for e in events if e["event"] == "reported")
        assert set(steps.values()) == {1}
        assert (self.run / "report.html").is_file()

    def kill_all(self) -> None:
        """End whatever of it still runs."""
        try:
            alive = [self.driver, *self.driver.children(recursive=True)]
        except (psutil.Error, OSError, StopIteration, ValueError):
            alive = []
        self.process.kill()
        for process in alive:
            try:
                process.kill()
            except psutil.Error:
                continue


@pytest.fixture
def make_sweep() -> Iterator[Callable[..., Sweep]]:
    """Start sweeps in folders of one's choice; what still runs at the end is ended."""
    started: list[Sweep] = []

    def make(folder: Path, *overrides: str, **options: Any) -> Sweep:
        started.append(Sweep(folder, *overrides, **options))
        return started[-1]

    yield make
    for sweep in started:
        sweep.kill_all()


@pytest.fixture
def sweep(
    tmp_path: Path, make_sweep: Callable[..., Sweep], request: pytest.FixtureRequest
) -> Sweep:
    """A small real sweep, just started; parameters are further overrides."""
    return make_sweep(tmp_path, *getattr(request, "param", ()))
