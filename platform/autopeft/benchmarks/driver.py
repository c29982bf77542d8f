"""What the driver itself costs per trial: trials that cost nothing, ours beside Ray Tune's."""

from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

from autopeft.benchmarks.child import call
from autopeft.benchmarks.slots import SLOTS, cpus_per_trial
from autopeft.benchmarks.tables import Table, Target, ratios, spread
from autopeft.core.places import write_json

OURS, TUNED, STOCK = "autopeft", "Tune, tuned", "Tune, defaults"
COLUMNS = ("driver", "per trial", "rounds", "trials counted")
WHAT = {
    OURS: f"**{OURS}**: journal and MLflow (sqlite) on",
    TUNED: f"{TUNED}: actors reused, loggers off, pending = slots; keeps no record",
    STOCK: STOCK,
}


def measure(
    folder: Path, *, rounds: int, trials: int, reports: int, say: Callable[[str], None]
) -> Table:
    """Run all sides in turn, ``rounds`` times.

    Args:
        folder: For run folders; empty.
        rounds: How often each side runs.
        trials: How many trials are counted on every side.
        reports: How many times a trial reports metrics; on our side "built" comes before, so
            Tune's trials return one result more.
        say: Told what happens next.
    """
    per_trial: dict[str, list[float]] = {OURS: [], TUNED: [], STOCK: []}
    for turn in range(rounds):
        for side, figures in per_trial.items():
            say(f"driver, round {turn + 1} of {rounds}: {side}")
            here = folder / f"{turn}-{len(figures)}-{side.replace(', ', '-')}"
            here.mkdir(parents=True)
            ends = _run(side, here, trials=trials + SLOTS, reports=reports)
            figures.append(1000 * _seconds_per_trial(ends))
    against_stock = ratios(per_trial[STOCK], per_trial[OURS])
    against_tuned = ratios(per_trial[OURS], per_trial[TUNED])
    return Table(
        "driver",
        f"Driver: wall time per trivial trial ({reports} report{'s' * (reports > 1)})",
        COLUMNS,
        [
            [WHAT[side], spread(figures, "ms"), str(len(figures)), str(trials)]
            for side, figures in per_trial.items()
        ],
        (
            Target("Tune's defaults cost × ours", median(against_stock), at_least=10),
            Target("ours costs × tuned Tune", median(against_tuned), at_most=1.3),
        ),
        (
            f"by round: {_listed(against_stock)} × less than the defaults, "
            f"{_listed(against_tuned)} × tuned Tune",
        ),
        {"ms_per_trial": per_trial},
    )


def our_spec(trials: int, *, reports: int) -> dict[str, Any]:
    """Return a sweep of random search, nothing beside it, whose trials report so many times."""
    search: dict[str, Any] = {"searcher": {"kind": "random"}, "scheduler": {"kind": "none"}}
    return {
        "name": "trivial",
        "task": {"kind": "contrastive", "data": {"kind": "procedural"}},
        "method": {"kind": "lora", "learning_rate": "search", "rank": "search"},
        "training": {"steps": 10 * reports, "report_every": 10, "warmup_steps": 1},
        "search": {**search, "trials": trials, "baselines": False, "retrain": 0},
        "resources": {"cpus": cpus_per_trial(), "max_concurrent": SLOTS},
    }


def _run(side: str, folder: Path, *, trials: int, reports: int) -> list[float]:
    if side == OURS:
        spec = folder / "search.json"
        write_json(spec, our_spec(trials, reports=reports))
        trivial = "autopeft.sweep.trivial:TrivialTrainable"
        answer = call("our_side", spec, folder / "runs", "--trainable", trivial, folder=folder)
    else:
        tuned = ["--tuned"] if side == TUNED else []
        counts = ["--trials", trials, "--results", reports + 1]
        answer = call("tune_side", folder, *counts, *tuned, folder=folder)
    ends: list[float] = answer["ends"]
    assert len(ends) == trials, f"{side}: {len(ends)} of {trials} trials ended"
    return ends


def _seconds_per_trial(ends: list[float]) -> float:
    """Return the time per trial once every slot has ended one: what comes before is start-up."""
    ends = sorted(ends)
    return (ends[-1] - ends[SLOTS - 1]) / (len(ends) - SLOTS)


def _listed(values: list[float]) -> str:
    return ", ".join(f"{value:.3g}" for value in values)
