"""What a sweep would run, before anything runs: ``autopeft plan`` prints it."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from autopeft.bridge import make_opening
from autopeft.reports.standing import settings
from autopeft.reports.words import opening_words
from autopeft.searchers import Proposal
from autopeft.spec.sweep import Sweep
from autopeft.spec.warm_start import Bridge, Opening
from autopeft.sweep.extras import baseline_runs
from autopeft.sweep.machine import slots_here
from autopeft.sweep.searching import searcher_of


@dataclass(frozen=True, slots=True)
class Plan:
    """What will run.

    Attributes:
        name: The sweep's.
        trials: How many search trials count.
        steps: At most so many steps each.
        searcher: Its kind.
        scheduler: Its kind.
        first: The first configurations the searcher will ask for.
        warm_start: What past runs taught, a sentence each.
        baselines: The name of every baseline run, one for each seed.
        retrainings: How many runs confirm the best at the end.
        slots: How many trials this machine runs at a time; 0 if not even one fits.
    """

    name: str
    trials: int
    steps: int
    searcher: str
    scheduler: str
    first: tuple[Mapping[str, Any], ...]
    warm_start: tuple[str, ...]
    baselines: tuple[str, ...]
    retrainings: int
    slots: int

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain data."""
        return asdict(self)


def make_plan(sweep: Sweep, *, first: int = 5) -> Plan:
    """Return what the sweep would run; asks a fresh searcher, starts and writes nothing."""
    search = sweep.settings.search
    opening = make_opening(sweep)
    start = search.warm_start
    is_open = isinstance(start, Bridge) and start.proxy is None  # it hangs on a sweep not run yet
    count = 0 if is_open else min(first, search.trials)
    points = tuple(_first_points(sweep, opening, count))
    return Plan(
        name=sweep.name,
        trials=search.trials,
        steps=sweep.steps,
        searcher=search.searcher.kind,
        scheduler=search.scheduler.kind,
        first=points,
        warm_start=() if opening is None else tuple(opening_words(opening, sweep.space)),
        baselines=tuple(run.name for run in baseline_runs(sweep)),
        retrainings=search.retrain * search.retrain_seeds,
        slots=slots_here(sweep.settings.resources),
    )


def plan_text(plan: Plan) -> str:
    """Return a plan as lines."""
    return "\n".join(_lines(plan))


def _lines(plan: Plan) -> Iterator[str]:
    stopping = {"none": "", "pbt": ", as populations that copy their best"}.get(
        plan.scheduler, f", stopped early by {plan.scheduler}"
    )
    of_steps = f" of at most {plan.steps} steps" if plan.steps > 1 else ""
    yield f"{plan.name}: {plan.trials} trials{of_steps}{stopping}"
    if plan.slots:
        yield f"on this machine {plan.slots} at a time"
    else:
        yield "on this machine not one trial fits: lower resources.cpus or resources.gpus"
    yield ""
    yield from plan.warm_start
    if plan.first:
        yield f"{plan.searcher} begins with"
    for number, values in enumerate(plan.first):
        yield f"  t{number:04d}  {settings(values) or '(nothing is searched)'}"
    yield ""
    counts = {name: plan.baselines.count(name) for name in dict.fromkeys(plan.baselines)}
    if counts:
        words = [f"{name} ({count} seeds)" if count > 1 else name for name, count in counts.items()]
        yield f"beside them {len(plan.baselines)} baseline runs: {', '.join(words)}"
    if plan.retrainings:
        yield f"at the end {plan.retrainings} runs repeat the best with fresh seeds"
    yield "nothing was started; `autopeft run` starts it"


def _first_points(sweep: Sweep, opening: Opening | None, count: int) -> Iterator[Mapping[str, Any]]:
    searcher = searcher_of(sweep, opening)
    for _ in range(count):
        proposal = searcher.ask()
        if not isinstance(proposal, Proposal):
            return
        yield sweep.space.decode(proposal.cube)
