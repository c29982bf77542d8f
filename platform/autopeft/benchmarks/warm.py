"""What warm workers save: the demo's configurations, ours beside a fresh process per trial.

Twice: the configurations that the search tries, and the whole demo with its baselines and
retrainings, which are nearly as many runs again.
"""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from autopeft.benchmarks.child import call
from autopeft.benchmarks.slots import SLOTS, cpus_per_trial
from autopeft.benchmarks.tables import Table, Target, ratios, spread
from autopeft.core.places import shipped, write_json, write_text
from autopeft.searchers import Proposal
from autopeft.spec.load import load_sweep
from autopeft.spec.sweep import Sweep
from autopeft.spec.trial import AnyTrial
from autopeft.sweep.drive import WARM
from autopeft.sweep.searching import searcher_of
from autopeft.tracking.configuration import spec_of
from autopeft.tracking.events import Kind
from autopeft.tracking.run_folder import open_run

OURS, STOPPED, FRESH = "warm workers", "warm workers, ASHA", "fresh process per trial"
DEMO, DEMO_FRESH = "whole demo, warm workers", "whole demo, fresh process per trial"
WHOLE = ("search.baselines=true", "search.retrain=3")
SMALL = ("training.steps=10", "task.data.clips=112", "task.data.source_clips=28")
COLUMNS = ("how", "start to last result", "without starting", "training steps")


@dataclass(frozen=True, slots=True)
class Outcome:
    """One side's round.

    Attributes:
        whole_s: From the command to the last result.
        running_s: From the moment every slot was warm; the same where nothing gets warm.
        steps: Training steps of all trials together.
        accuracy: By trial.
    """

    whole_s: float
    running_s: float
    steps: int
    accuracy: dict[str, float]


@dataclass(frozen=True, slots=True)
class Training:
    """What a fresh process is to run, and whether it scores the test split too."""

    name: str
    spec: AnyTrial
    score_test: bool = False


def measure(
    folder: Path, *, rounds: int, trials: int, quick: bool, say: Callable[[str], None]
) -> Table:
    """Run the sides in turn, ``rounds`` times; features lie in the cache before either begins.

    Args:
        folder: For run folders; empty. The cache in it is shared by all sides.
        rounds: How often each side runs.
        trials: How many of the demo's configurations.
        quick: Whether a tenth of data and steps will do, without early stopping
            and without filling the cache first.
        say: Told what happens next.
    """
    changes = SMALL if quick else ()
    if not quick:
        say("warm: filling the feature cache")
        _fresh(configurations(_sweep(1, "none", ["training.steps=20"])), folder / "first")
    sides = (FRESH, OURS, STOPPED, DEMO, DEMO_FRESH) if not quick else (FRESH, OURS)
    outcomes: dict[str, list[Outcome]] = {side: [] for side in sides}
    demo: list[Training] = []
    for turn in range(rounds):
        for side, found in outcomes.items():
            say(f"warm, round {turn + 1} of {rounds}: {side}")
            here = folder / f"{turn}-{side.replace(' ', '-').replace(',', '')}"
            if side == FRESH:
                found.append(_fresh(configurations(_sweep(trials, "none", changes)), here))
            elif side == DEMO_FRESH:
                found.append(_fresh(demo, here))
            else:
                scheduler = "asha" if side == STOPPED else "none"
                more = changes if side != DEMO else (*changes, *WHOLE)
                outcome, demo = _ours(_sweep(trials, scheduler, more), here)
                found.append(outcome)
    return _table(outcomes, trials, len(demo))


def configurations(sweep: Sweep) -> list[Training]:
    """Return the trials that the sweep's searcher proposes without hearing results."""
    searcher = searcher_of(sweep)
    proposals = [searcher.ask() for _ in range(sweep.settings.search.trials)]
    cubes = [proposal.cube for proposal in proposals if isinstance(proposal, Proposal)]
    return [
        Training(f"t{number:04d}", sweep.trial(sweep.space.decode(cube)))
        for number, cube in enumerate(cubes)
    ]


def _sweep(trials: int, scheduler: str, further: Sequence[str]) -> Sweep:
    """Return the demo's sweep by seeded random search, without baselines and retrainings."""
    changes = [
        f"search.trials={trials}",
        "search.searcher={kind: random}",
        "search.baselines=false",
        "search.retrain=0",
        f"resources.cpus={cpus_per_trial()}",
        f"resources.max_concurrent={SLOTS}",
    ]
    if scheduler == "none":
        changes.append("search.scheduler={kind: none}")
    return load_sweep(shipped("search_spaces") / "tiny_clap.yaml", [*changes, *further])


def _ours(sweep: Sweep, folder: Path) -> tuple[Outcome, list[Training]]:
    """Run the sweep; return how it went, and what it ran in the order of its planning."""
    folder.mkdir(parents=True)
    spec = folder / "search.json"
    write_json(spec, sweep.raw)
    runs = folder.parent / "runs"  # features lie beside the run folders
    answer = call("our_side", spec, runs, "--trainable", WARM, folder=folder)
    last = max(answer["ends"])
    outcome = Outcome(
        last - answer["began"], last - answer["first_asked"], answer["steps"], answer["accuracy"]
    )
    history = open_run(answer["run"]).history()
    ran = [
        Training(trial.id, spec_of(sweep, trial), score_test=trial.kind is not Kind.TRIAL)
        for trial in history.trials.values()
    ]
    return outcome, ran


def _fresh(trainings: Sequence[Training], folder: Path) -> Outcome:
    folder.mkdir(parents=True)
    cache, cpus = folder.parent / "runs" / ".cache", cpus_per_trial()

    def run(training: Training) -> dict[str, Any]:
        here = folder / training.name
        here.mkdir()
        write_text(here / "trial.json", training.spec.model_dump_json())
        answer = call(
            "fresh_trial", here / "trial.json", cache, here, "--cpus", cpus,
            *(["--score-test"] if training.score_test else []),
            folder=here, threads=cpus,
        )  # fmt: skip
        assert isinstance(answer, dict)
        return answer

    began = time.time()
    with ThreadPoolExecutor(SLOTS) as pool:
        answers = list(pool.map(run, trainings))
    seconds = time.time() - began
    names = [training.name for training in trainings]
    accuracy = {name: answer["accuracy"] for name, answer in zip(names, answers, strict=True)}
    return Outcome(seconds, seconds, sum(answer["step"] for answer in answers), accuracy)


def _table(outcomes: dict[str, list[Outcome]], trials: int, demo: int) -> Table:
    whole = {side: [o.whole_s for o in found] for side, found in outcomes.items()}
    running = {side: [o.running_s for o in found] for side, found in outcomes.items()}
    targets = [
        Target("fresh processes take × warm workers, all counted",
               median(ratios(whole[FRESH], whole[OURS])), at_least=1.6),
    ]  # fmt: skip
    apart = median(ratios(whole[FRESH], running[OURS]))
    notes = [
        f"the same without Ray's start and the loading of base and data: {apart:.2f} ×",
        f"{trials} configurations, {SLOTS} at a time, {len(whole[OURS])} round(s); both sides "
        f"score the same: largest difference in accuracy "
        f"{_largest_difference(outcomes[FRESH], outcomes[OURS]):.1e}",
    ]
    if DEMO in outcomes:
        targets.append(
            Target("the whole demo: fresh processes take × warm workers, all counted",
                   median(ratios(whole[DEMO_FRESH], whole[DEMO])), at_least=1.6),
        )  # fmt: skip
        notes.append(
            f"the whole demo: {demo} runs, baselines and retrainings among them; largest "
            f"difference in accuracy "
            f"{_largest_difference(outcomes[DEMO_FRESH], outcomes[DEMO]):.1e}"
        )
    if STOPPED in outcomes:
        gain = median(ratios(running[OURS], running[STOPPED]))
        all_gain = median(ratios(whole[OURS], whole[STOPPED]))
        notes.append(
            f"early stopping on top: {all_gain:.2f} × all counted, {gain:.2f} × without starting"
        )
    rows = [
        [side, spread(whole[side], "s"),
         "–" if side in (FRESH, DEMO_FRESH) else spread(running[side], "s"),
         str(round(median(o.steps for o in found)))]
        for side, found in outcomes.items()
    ]  # fmt: skip
    raw = {"whole_s": whole, "running_s": running}
    title = f"Warm workers: {trials} configurations of the demo"
    return Table("warm", title, COLUMNS, rows, targets, notes, raw)


def _largest_difference(first: Sequence[Outcome], second: Sequence[Outcome]) -> float:
    one, other = first[0].accuracy, second[0].accuracy
    assert one.keys() == other.keys(), "the two sides ran other trials"
    return max(abs(one[trial] - other[trial]) for trial in one)
