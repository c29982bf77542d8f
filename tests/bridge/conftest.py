"""Past runs without training: a formula's losses, journalled as a sweep would."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from autopeft.bridge.draws import drawn_points
from autopeft.spec.load import load_sweep
from autopeft.tracking.events import Asked, Ended, Reported, Status, SweepStarted
from autopeft.tracking.journal import Journal
from autopeft.tracking.run_folder import RunFolder, create_run

SPEC: dict[str, Any] = {
    "name": "new",
    "task": {"kind": "contrastive", "data": {"kind": "procedural"}},
    "method": {
        "kind": "lora",
        "rank": {"one_of": [1, 2, 4, 8]},
        "learning_rate": {"low": 1e-4, "high": 1e-2, "log": True},
    },
    "training": {"warmup_steps": {"low": 0, "high": 40}},
    "search": {"trials": 12, "searcher": {"kind": "random"}, "baselines": False},
    "tracking": {"enabled": False},
}
Height = Callable[[Mapping[str, float]], float]


def peak(**where: float) -> Height:
    """An accuracy that is highest where the named axes (their last words) have these positions."""
    return lambda cube: (
        1
        - sum(
            (x - where[name.rpartition(".")[2]]) ** 2
            for name, x in cube.items()
            if name.rpartition(".")[2] in where
        )
    )


Make = Callable[..., RunFolder]


@pytest.fixture
def past(tmp_path: Path) -> Make:
    """Make a finished run: so many random points, scored by ``height``."""
    return maker(tmp_path / "runs")


def maker(runs: Path) -> Make:
    """Return what makes finished runs in a folder."""

    def make(
        name: str, height: Height, *, count: int = 30, spec: dict[str, Any] = SPEC, seed: int = 0
    ) -> RunFolder:
        sweep = load_sweep({**spec, "name": name})
        run = create_run(sweep, runs)
        journal = Journal(run.journal)
        journal.write(SweepStarted(time=1, sweep=run.path.name, name=name, seed=0, versions={}))
        for number, cube in enumerate(drawn_points(sweep.space.axes, count, seed=seed)):
            trial, values = f"t{number:04d}", sweep.space.decode(cube)
            journal.write(Asked(time=2, trial=trial, number=number, cube=cube, values=values))
            metrics = {"accuracy": height(cube)}
            journal.write(Reported(time=3, trial=trial, step=80, metrics=metrics, final=True))
            journal.write(Ended(time=4, trial=trial, status=Status.FINISHED))
        journal.close()
        return run

    return make
