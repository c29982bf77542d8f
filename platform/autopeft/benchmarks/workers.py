"""Workers that are never idle, and trials that fail: every searcher in simulated time."""

from collections.abc import Callable, Sequence

from pydantic import TypeAdapter

from autopeft.benchmarks.tables import Table, Target
from autopeft.searchers import SEARCHERS, Setting, make_searcher
from autopeft.simulation.bbob import Bbob
from autopeft.simulation.simulator import Simulation, heavy_tailed
from autopeft.spec.searcher import Searcher

OPTIONS: TypeAdapter[Searcher] = TypeAdapter(Searcher)
WORKERS, DIMENSION, INSTANCE = 10, 2, 1
ALL_FUNCTIONS = tuple(range(1, 25))
SOME_FUNCTIONS = (1, 8, 15, 22)
TRIALS = 300
# A Gaussian process takes a tenth of a second and more for a point.
SLOW = {"gp": 40}
NEVER_ASLEEP = 9.5
FAILURES = 0.1


def workers(*, quick: bool, say: Callable[[str], None]) -> Table:
    """Measure both for every searcher that is listed; a grid is as large as its points."""
    rows, targets = [], []
    for name in sorted(SEARCHERS):
        functions: Sequence[int] = SOME_FUNCTIONS[:1] if quick or name in SLOW else SOME_FUNCTIONS
        if name == "nelder-mead" and not quick:
            functions = ALL_FUNCTIONS
        say(f"workers: {name}")
        trials = 30 if quick else SLOW.get(name, TRIALS)
        runs = [_run(name, function, trials=trials) for function in functions]
        failing = [_run(name, function, trials=trials, failures=FAILURES) for function in functions]
        busy = [run.mean_busy for run in runs]
        rows.append(
            (
                name,
                f"{len(functions)} x {trials}",
                f"{sum(busy) / len(busy):.2f} ({min(busy):.2f})",
                f"{sum(map(_lost, failing))} of {trials * len(functions)}",
                "yes" if all(map(_is_whole, failing)) else "no",
            )
        )
        targets.append(
            Target(f"{name}: busy workers of 10, least", min(busy), at_least=NEVER_ASLEEP)
        )
    return Table(
        "workers",
        "Ten workers, heavy-tailed durations, two dimensions; then a tenth of the trials failing",
        (
            "searcher",
            "functions x trials",
            "busy workers, mean (least)",
            "failed",
            "budget finished",
        ),
        rows,
        tuple(targets),
    )


def _run(name: str, function: int, *, trials: int, failures: float = 0.0) -> Simulation:
    problem = Bbob(function, DIMENSION, INSTANCE)
    options = {"kind": name, **({"points": 20} if name == "grid" else {})}
    searcher = make_searcher(
        OPTIONS.validate_python(options), Setting(problem.axes, ("min",), seed=function)
    )
    simulation = Simulation(
        problem, searcher, workers=WORKERS, trials=trials, failures=failures,
        stretch=heavy_tailed, seed=function,
    )  # fmt: skip
    simulation.run()
    return simulation


def _lost(run: Simulation) -> int:
    return sum(trial.loss == float("inf") for trial in run.finished)


def _is_whole(run: Simulation) -> bool:
    return len(run.finished) == run.trials
