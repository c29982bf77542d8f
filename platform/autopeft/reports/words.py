"""A sweep in sentences: what was searched, what won, by how much, at what price. Pure."""

import math
from collections.abc import Iterator, Sequence

from autopeft.core.units import count, duration
from autopeft.reports.result import counts
from autopeft.reports.standing import Score, Standing, number, objective, setting, settings
from autopeft.spec.space import Space
from autopeft.spec.sweep import Sweep
from autopeft.spec.warm_start import Opening
from autopeft.tracking.history import History

MOST_SOURCES = 4  # named in a sentence


def summary(history: History, sweep: Sweep, ranking: Sequence[Standing]) -> list[str]:
    """Return the sweep in a few sentences, the most important first."""
    return [
        *_outcome(history, sweep, ranking),
        *_against(history, ranking),
        _search(history, sweep),
        *([] if history.opening is None else opening_words(history.opening, sweep.space)),
        counts_in_words(history),
    ]


def _outcome(history: History, sweep: Sweep, ranking: Sequence[Standing]) -> Iterator[str]:
    (metric, _), task = objective(history), sweep.task
    winner = next((standing for standing in ranking if standing.name == "winner"), None)
    if winner is not None:
        size = winner.trainable_parameters
        trained = "" if size is None else f" It trains {count(size)} parameters."
        score = winner.score(f"test_{metric}" if task.has_test else metric)
        first = "The winner is" if history.is_over else "Best so far, and not final, is"
        yield f"{first} trial {winner.trial}: {settings(winner.values)}.{trained}"
        if score is not None:
            spread = "" if score.spread is None else ", the spread being over seeds"
            where = "On test it" if task.has_test else "It"
            yield f"{where} reaches {metric} {score} ({_seeds(score)}{spread})."
        return
    best = history.best
    if best is None:
        yield "No trial has run all its steps yet, so nothing can be said about what is best."
        return
    found = f"trial {best.id} with {metric} {number(best.metrics.get(metric))}"
    if not task.is_seeded and history.is_over:
        yield f"The best is {found}: {settings(best.values)}."
        return
    yield f"Best so far{task.place} is {found}: {settings(best.values)}.{_unconfirmed(sweep)}"


def _unconfirmed(sweep: Sweep) -> str:
    if not sweep.task.is_seeded:
        return ""
    if not sweep.task.has_test:
        return " It has not been run again with fresh seeds."
    return " It has not been trained anew with fresh seeds, nor scored on test."


def _against(history: History, ranking: Sequence[Standing]) -> Iterator[str]:
    metric, direction = objective(history)
    scores = {standing.name: standing.score(f"test_{metric}") for standing in ranking}
    winner = scores.get("winner")
    if winner is None:
        return
    parts = [
        f"{difference(winner, score, maximise=direction == 'max')} {name} ({score})"
        for name, score in scores.items()
        if score is not None and name in ("zero-shot", "head", "uniform-lora", "full")
    ]
    if parts:
        yield f"That is {'; '.join(parts)}."


def difference(score: Score, other: Score, *, maximise: bool) -> str:
    """Return how ``score`` compares with ``other``, honest about what the seeds can tell.

    Example:
        >>> difference(Score(0.83, 0.01, ()), Score(0.71, 0.01, ()), maximise=True)
        '0.120 better than'
        >>> difference(Score(0.83, 0.01, ()), Score(0.835, 0.01, ()), maximise=True)
        'not to be told apart from'
    """
    gap = (score.mean - other.mean) * (1 if maximise else -1)
    if abs(gap) <= math.hypot(score.spread or 0, other.spread or 0):
        return "not to be told apart from"
    return f"{number(abs(gap))} {'better' if gap > 0 else 'worse'} than"


def _search(history: History, sweep: Sweep) -> str:
    search, base = sweep.settings.search, sweep.template.trees.get("model", {}).get("base")
    searched = ", ".join(sweep.template.branch_names) or f"a {sweep.task.kind}"
    return (
        f"Searched: {len(sweep.space.dimensions)} parameters of {searched}"
        + (f" on {base}" if base else "")
        + f" with {search.searcher.kind}"
        + (f" and {search.scheduler.kind}" if search.scheduler.kind != "none" else "")
        + f", in {duration(history.active_seconds)}."
    )


def opening_words(opening: Opening, space: Space) -> Iterator[str]:
    """Yield what a search began with, and whom it learnt that from.

    Example:
        >>> print(*opening_words(Opening(kind="zero_shot", first=({},), sources=("a",)), Space(())))
        Warm start zero_shot, learnt from a: 1 first point.
    """
    points = len(opening.first)
    began = [f"{points} first point{'s' if points != 1 else ''}"] if points else []
    spans = [
        f"{name} from {setting(space[name].value(low))} to {setting(space[name].value(high))}"
        for name, (low, high) in opening.box.items()
        if (low, high) != (0.0, 1.0) and name in {d.name for d in space.dimensions}
    ]
    began += [f"begun with {', '.join(spans)}"] if spans else []
    shown, more = opening.sources[:MOST_SOURCES], len(opening.sources) - MOST_SOURCES
    others = f" and {more} more" if more > 0 else ""
    from_whom = f", learnt from {', '.join(shown)}{others}" if shown else ""
    if began or not opening.remarks:
        yield f"Warm start {opening.kind}{from_whom}: {'; '.join(began) or 'nothing'}."
    yield from (f"{remark[:1].upper()}{remark[1:]}." for remark in opening.remarks)


def counts_in_words(history: History) -> str:
    """Return in a sentence what became of the trials of the search."""
    known = counts(history)
    told = [
        f"{known[status]} {words}"
        for status, words in (
            ("finished", "ran all their steps"),
            ("stopped", "were stopped early"),
            ("failed", "failed"),
            ("running", "are not over"),
            ("paused", "are paused"),
        )
        if known[status]
    ]
    other = [
        f"{known[status]} {words}"
        for status, words in (("refused", "refused"), ("duplicate", "duplicates"))
        if known[status]
    ]
    aside = f" Not counted: {', '.join(other)}." if other else ""
    return (
        f"{known['counted']} of {known['wanted']} trials are done"
        + (f": {', '.join(told)}." if told else ".")
        + aside
    )


def _seeds(score: Score) -> str:
    return "1 seed" if len(score.values) == 1 else f"mean of {len(score.values)} seeds"
