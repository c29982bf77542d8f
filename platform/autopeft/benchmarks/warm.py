"""What warm workers save: the demo's configurations, ours beside a fresh process per trial."""

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
from autopeft.sweep.drive import WARM
from autopeft.sweep.searching import searcher_of

OURS, STOPPED, FRESH = "warm workers", "warm workers, ASHA", "fresh process per trial"
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
        _fresh(_sweep(1, "none", ["training.steps=20"]), folder / "first")
    sides = (FRESH, OURS, STOPPED) if not quick else (FRESH, OURS)
    outcomes: dict[str, list[Outcome]] = {side: [] for side in sides}
    for turn in range(rounds):
        for side, found in outcomes.items():
            say(f"warm, round {turn + 1} of {rounds}: {side}")
            here = folder / f"{turn}-{side.replace(' ', '-').replace(',', '')}"
            scheduler = "asha" if side == STOPPED else "none"
            sweep = _sweep(trials, scheduler, changes)
            found.append(_fresh(sweep, here) if side == FRESH else _ours(sweep, here))
    return _table(outcomes, trials)


def configurations(sweep: Sweep) -> list[str]:
    """Return, as JSON, the trials that the sweep's searcher proposes without hearing results."""
    searcher = searcher_of(sweep)
    proposals = [searcher.ask() for _ in range(sweep.settings.search.trials)]
    cubes = [proposal.cube for proposal in proposals if isinstance(proposal, Proposal)]
    return [sweep.trial(sweep.space.decode(cube)).model_dump_json() for cube in cubes]


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


def _ours(sweep: Sweep, folder: Path) -> Outcome:
    folder.mkdir(parents=True)
    spec = folder / "search.json"
    write_json(spec, sweep.raw)
    runs = folder.parent / "runs"  # features lie beside the run folders
    answer = call("our_side", spec, runs, "--trainable", WARM, folder=folder)
    last = max(answer["ends"])
    return Outcome(
        last - answer["began"], last - answer["first_asked"], answer["steps"], answer["accuracy"]
    )


def _fresh(sweep: Sweep, folder: Path) -> Outcome:
    folder.mkdir(parents=True)
    cache, cpus = folder.parent / "runs" / ".cache", cpus_per_trial()

    def run(numbered: tuple[int, str]) -> dict[str, Any]:
        number, spec = numbered
        here = folder / f"t{number:04d}"
        here.mkdir()
        write_text(here / "trial.json", spec)
        answer = call(
            "fresh_trial", here / "trial.json", cache, here, "--cpus", cpus,
            folder=here, threads=cpus,
        )  # fmt: skip
        assert isinstance(answer, dict)
        return answer

    began = time.time()
    with ThreadPoolExecutor(SLOTS) as pool:
        answers = list(pool.map(run, enumerate(configurations(sweep))))
    seconds = time.time() - began
    accuracy = {f"t{number:04d}": answer["accuracy"] for number, answer in enumerate(answers)}
    return Outcome(seconds, seconds, sum(answer["step"] for answer in answers), accuracy)


def _table(outcomes: dict[str, list[Outcome]], trials: int) -> Table:
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
        f"score the same: largest difference in accuracy {_largest_difference(outcomes):.1e}",
    ]
    if STOPPED in outcomes:
        gain = median(ratios(running[OURS], running[STOPPED]))
        all_gain = median(ratios(whole[OURS], whole[STOPPED]))
        notes.append(
            f"early stopping on top: {all_gain:.2f} × all counted, {gain:.2f} × without starting"
        )
    rows = [
        [side, spread(whole[side], "s"), "–" if side == FRESH else spread(running[side], "s"),
         str(round(median(o.steps for o in found)))]
        for side, found in outcomes.items()
    ]  # fmt: skip
    raw = {"whole_s": whole, "running_s": running}
    title = f"Warm workers: {trials} configurations of the demo"
    return Table("warm", title, COLUMNS, rows, targets, notes, raw)


def _largest_difference(outcomes: dict[str, list[Outcome]]) -> float:
    fresh, ours = outcomes[FRESH][0].accuracy, outcomes[OURS][0].accuracy
    assert fresh.keys() == ours.keys(), "the two sides ran other trials"
    return max(abs(fresh[trial] - ours[trial]) for trial in fresh)
