"""How many slots are at work while trials are short, whether or not the searcher waits."""

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from autopeft.benchmarks.child import call
from autopeft.benchmarks.driver import our_spec
from autopeft.benchmarks.slots import SLOTS
from autopeft.benchmarks.tables import Table, Target, spread
from autopeft.core.places import write_json

NEVER, BARRIER = "never waits", f"waits for {SLOTS} trials"
OF = f"of {SLOTS}"
COLUMNS = (
    "a trial takes",
    "searcher",
    "slots with a trial",
    "slots at work",
    "ideal",
    "lesser slot",
)
MILLISECONDS = (0, 50, 200)


def measure(
    folder: Path,
    *,
    rounds: int,
    trials: int,
    say: Callable[[str], None],
    milliseconds: Sequence[int] = MILLISECONDS,
) -> Table:
    """Run a sweep for every length of trial and both searchers in turn, ``rounds`` times.

    Args:
        folder: For run folders; empty.
        rounds: How often each is run.
        trials: How many trials a sweep has.
        say: Told what happens next.
        milliseconds: How long a trial takes.
    """
    found: dict[tuple[int, str], list[Figures]] = {}
    for turn in range(rounds):
        say(f"slots, round {turn + 1} of {rounds}")
        for answer in _run(folder / f"{turn}", trials, milliseconds):
            case = (answer["milliseconds"], BARRIER if answer["barrier"] else NEVER)
            assert len(answer["trials"]) == trials, f"{case}: {len(answer['trials'])} trials ended"
            found.setdefault(case, []).append(figures_of(answer["trials"]))
    longest = max(milliseconds)
    return Table(
        "slots",
        f"Slots: {trials} short trials, {SLOTS} at a time",
        COLUMNS,
        [_row(length, searcher, figures) for (length, searcher), figures in found.items()],
        [
            Target(
                f"slots with a trial of {SLOTS}, {longest} ms, searcher {searcher}",
                median(figures["with_trial"] for figures in found[longest, searcher]),
                at_least=wanted,
            )
            for searcher, wanted in ((NEVER, 1.8), (BARRIER, 1.6))
        ],
        (f"{rounds} round(s) of {trials} trials each",),
        {f"{length} ms, {searcher}": figures for (length, searcher), figures in found.items()},
    )


Figures = dict[str, float]


def figures_of(trials: Sequence[dict[str, Any]]) -> Figures:
    """Return how many slots were taken on average, and how the trials fell to the slots.

    Example:
        >>> one = {"asked": 0.0, "built": 1.0, "ended": 4.0, "process": 1}
        >>> figures_of([one, {**one, "built": 3.0, "process": 2}])
        {'with_trial': 2.0, 'at_work': 1.0, 'lesser_share': 0.5}
    """
    span = max(t["ended"] for t in trials) - min(t["asked"] for t in trials)
    processes = Counter(trial["process"] for trial in trials)
    lesser = min(processes.values()) if len(processes) >= SLOTS else 0
    return {
        "with_trial": sum(t["ended"] - t["asked"] for t in trials) / span,
        "at_work": sum(t["ended"] - t["built"] for t in trials) / span,
        "lesser_share": lesser / len(trials),
    }


def _row(length: int, searcher: str, figures: list[Figures]) -> list[str]:
    taken, at_work = ([f[name] for f in figures] for name in ("with_trial", "at_work"))
    lesser = median(f["lesser_share"] for f in figures)
    return [
        f"{length} ms", searcher, spread(taken, OF, digits=2), spread(at_work, OF, digits=2),
        f"{SLOTS} {OF}", f"{lesser:.0%} of the trials",
    ]  # fmt: skip


def _run(folder: Path, trials: int, milliseconds: Sequence[int]) -> list[dict[str, Any]]:
    folder.mkdir(parents=True)
    spec = folder / "search.json"
    write_json(spec, our_spec(trials, reports=1))
    answers: list[dict[str, Any]] = call(
        "busy_side", spec, folder, "--milliseconds", *milliseconds, folder=folder
    )
    return answers
