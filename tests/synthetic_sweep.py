"""A made-up sweep and its journal: for tests of what is computed from one.

No test module: the conftests of ``tracking`` and ``reports`` load it by path, since the tests
have no packages to import from.
"""

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autopeft.spec.load import load_sweep
from autopeft.spec.sweep import Sweep
from autopeft.tracking.events import (
    EVENTS,
    AnyEvent,
    Asked,
    Built,
    Ended,
    Kind,
    Planned,
    RayStarted,
    Reported,
    Retried,
    Status,
    SweepEnded,
    SweepStarted,
)
from autopeft.tracking.run_folder import RunFolder, create_run

BASELINES = {"zero-shot": 0.31, "head": 0.52, "uniform-lora": 0.71, "full": 0.79}
SEEDS = (11, 12, 13)
START = 1_790_000_000.0


def spec(name: str = "tiny-clap", **search: Any) -> dict[str, Any]:
    """Return a search file with two branches, a log range, ranks and roles."""
    rate = {"low": 1e-4, "high": 2e-2, "log": True}
    return {
        "name": name,
        "task": {"kind": "contrastive", "data": {"kind": "procedural", "clips": 280}},
        "model": {"base": "autopeft/tiny-clap"},
        "method": {
            "any_of": [
                {
                    "kind": "lora",
                    "learning_rate": rate,
                    "rank": {"one_of": [1, 2, 4, 8, 16, 32]},
                    "roles": {"one_of": ["audio.attention", "audio.all"]},
                },
                {"kind": "ia3", "learning_rate": {"low": 1e-3, "high": 5e-2, "log": True}},
            ]
        },
        "training": {"steps": 80, "batch_size": 40},
        "search": {"trials": 24, **search},
    }


@dataclass
class Clock:
    """Time that moves on by two seconds at every look."""

    now: float = START

    def __call__(self) -> float:
        self.now += 2.0
        return self.now


def events(
    sweep: Sweep, *, trials: int = 24, seed: int = 0, over: bool = True
) -> Iterator[AnyEvent]:
    """Yield what a whole sweep would journal: search, baselines, retrainings, end."""
    clock, dice = Clock(), random.Random(seed)
    yield SweepStarted(
        time=clock(),
        sweep=f"{sweep.name}-1",
        name=sweep.name,
        seed=0,
        host="testhost",
        versions={"autopeft": "0.1.0", "torch": "2.9"},
        git_commit="0123456789abcdef",
    )
    yield RayStarted(time=START, slots=2, dashboard="127.0.0.1:8265", host="n1")
    finished: list[tuple[float, str, dict[str, Any]]] = []
    for number in range(trials):
        cube = {d.name: dice.random() for d in sweep.space.dimensions}
        values = sweep.space.decode(cube)
        trial = f"t{number:04d}"
        cube = {name: cube[name] for name in values}
        yield Asked(time=clock(), trial=trial, number=number, cube=cube, values=values)
        score = yield from _search_trial(trial, number, values, clock, dice)
        if score is not None:
            finished.append((score, trial, values))
    if trials:
        yield from _extras(sorted(finished, key=lambda f: -f[0])[:3], clock, dice)
    if over:
        yield SweepEnded(time=clock(), reason="trials: all 24 are done")


def _search_trial(
    trial: str, number: int, values: dict[str, Any], clock: Clock, dice: random.Random
) -> Iterator[AnyEvent]:
    if number % 11 == 5:
        reason = "configuration: rank 32 is above the width 16"
        yield Ended(time=clock(), trial=trial, status=Status.REFUSED, reason=reason)
        return None
    size = 300 * values.get("method.lora.rank", 1) + 900
    yield Built(
        time=clock(), trial=trial, effective=f"f{number}", trainable_parameters=size,
        details={"modules": 4},
    )  # fmt: skip
    if number % 13 == 6:
        reason = "duplicate: of t0002"
        yield Ended(
            time=clock(), trial=trial, status=Status.DUPLICATE, reason=reason, duplicate_of="t0002"
        )
        return None
    if number % 9 == 7:
        yield Reported(time=clock(), trial=trial, step=10, metrics=_metrics(0.2, 10, dice))
        if number % 2:
            yield Retried(time=clock(), trial=trial, reason="worker lost: node died")
        log = "Traceback\ntorch.OutOfMemoryError <script>alert(1)</script>"
        reason = "out of memory: 12 GiB asked, 2 GiB free"
        yield Ended(time=clock(), trial=trial, status=Status.FAILED, reason=reason, log=log)
        return None
    rate = values.get("method.lora.learning_rate", values.get("method.ia3.learning_rate", 1e-3))
    top = 0.85 - 0.12 * abs(math.log10(rate / 3e-3)) + 0.0005 * size**0.5 + dice.gauss(0, 0.01)
    last = 30 if number % 3 == 1 else 80
    for step in range(10, last + 1, 10):
        reached = top * (1 - math.exp(-step / 25))
        metrics = _metrics(reached, step, dice)
        yield Reported(time=clock(), trial=trial, step=step, metrics=metrics, final=step == 80)
    status = Status.STOPPED if last < 80 else Status.FINISHED
    yield Ended(time=clock(), trial=trial, status=status)
    return metrics["accuracy"] if status is Status.FINISHED else None


def _extras(
    best: list[tuple[float, str, dict[str, Any]]], clock: Clock, dice: random.Random
) -> Iterator[AnyEvent]:
    runs = [
        (Kind.BASELINE, name, None, {}, top, seed)
        for name, top in BASELINES.items()
        for seed in (SEEDS if name != "zero-shot" else SEEDS[:1])
    ] + [
        (Kind.RETRAIN, f"{trial} again, seed {seed}", trial, values, score - 0.01, seed)
        for score, trial, values in best
        for seed in SEEDS
    ]
    for index, (kind, name, of, values, top, seed) in enumerate(runs):
        trial = f"{kind.value[0]}{index:04d}"
        yield Planned(
            time=clock(), trial=trial, kind=kind, name=name, seed=seed, of=of, values=values
        )
        size = {"zero-shot": 0, "head": 2112, "full": 1_200_000}.get(name, 3300)
        yield Built(time=clock(), trial=trial, effective=trial, trainable_parameters=size)
        step = 0 if name == "zero-shot" else 80
        score = top + dice.gauss(0, 0.008)
        metrics = {
            **_metrics(score, step, dice),
            "test_accuracy": score - 0.02,
            "source_accuracy": 0.9 - top / 10,
            "step_seconds": 0.03,
            "train_seconds": 2.4,
        }
        yield Reported(time=clock(), trial=trial, step=step, metrics=metrics, final=True)
        yield Ended(time=clock(), trial=trial, status=Status.FINISHED)


def _metrics(accuracy: float, step: int, dice: random.Random) -> dict[str, float]:
    return {
        "accuracy": accuracy,
        "loss": 3.3 * (1 - accuracy) + dice.random() / 50,
        "audio_to_text_recall_at_1": accuracy * 0.9,
        "system/memory_rss_mb": 600.0 + step,
        "system/step_seconds": 0.03,
    }


def write_sweep(
    folder: Path, *, over: bool = True, trials: int = 24, name: str = "tiny-clap", **search: Any
) -> RunFolder:
    """Write a run folder with a journal into ``folder/runs`` and return it."""
    sweep = load_sweep(spec(name, **search))
    run = create_run(sweep, folder / "runs")
    lines = [EVENTS.dump_json(event) + b"\n" for event in events(sweep, trials=trials, over=over)]
    run.journal.write_bytes(b"".join(lines))  # not through Journal: it waits for the disk
    return run
