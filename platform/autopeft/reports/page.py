"""``report.html``: one self-contained page per run, computed from the journal."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from autopeft.core.places import write_text, writing
from autopeft.core.units import count, duration
from autopeft.reports import comparison, figures
from autopeft.reports.choices import levels
from autopeft.reports.standing import fate, number, objective, setting, settings, standings
from autopeft.reports.words import summary
from autopeft.spec.sweep import Sweep
from autopeft.tracking.history import History
from autopeft.tracking.run_folder import RunFolder

TEMPLATE = "page.html.jinja"


@dataclass(frozen=True, slots=True)
class Chart:
    """A figure with its heading and the sentence that says how to read it."""

    title: str
    how_to_read: str
    html: str


def write_report(run: RunFolder) -> Path:
    """Write the page of a run, finished or not, whole or not at all; return where it is.

    Raises:
        RunFolderError: The journal cannot be read, or the page not be written.
    """
    page = render(run.history(), run.sweep())
    with writing(run.report):
        write_text(run.report, page)
    return run.report


def render(history: History, sweep: Sweep) -> str:
    """Return the page as HTML; everything a user wrote is escaped."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
    from markupsafe import Markup
    from plotly.offline import get_plotlyjs

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=select_autoescape(default=True, default_for_string=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "fate": fate, "number": number, "setting": setting, "settings": settings, "size": count,
        "duration": duration, "html": Markup,
    }  # fmt: skip
    comparisons, others = _charts(history, sweep)
    return environment.get_template(TEMPLATE).render(
        **_facts(history, sweep),
        comparisons=comparisons,
        charts=others,
        plotly=Markup(get_plotlyjs()) if comparisons or others else "",
    )


def _facts(history: History, sweep: Sweep) -> dict[str, Any]:
    """Return everything the template shows but the charts."""
    ranking = standings(history)
    metric, direction = objective(history)
    return {
        "name": sweep.name,
        "history": history,
        "started": history.started,
        "metric": metric,
        "direction": direction,
        "sentences": summary(history, sweep, ranking),
        "ranking": ranking,
        "winner": next((standing for standing in ranking if standing.name == "winner"), None),
        "first": "winner" if history.is_over else "best so far",
        "label": comparison.label,
        "task": sweep.task,
        "levels": list(levels(history, sweep.space)),
        "best": {trial.id for trial in history.ranked()[:1]},
        "trials": list(history.trials.values()),
        "failures": sorted(history.failures().items(), key=lambda item: -item[1]),
        "unhappy": [trial for trial in history.trials.values() if trial.log],
        "spec": yaml.safe_dump(sweep.raw, sort_keys=False, allow_unicode=True),
    }


def _charts(history: History, sweep: Sweep) -> tuple[list[Chart], list[Chart]]:
    metric, direction = objective(history)
    better = "higher" if direction == "max" else "lower"
    named = f"test_{metric}"
    ranking = standings(history)
    if not any(standing.score(named) for standing in ranking):
        named = metric
    against = comparison.against_baselines(ranking, named)
    words = (
        f"Dots are means over seeds, bars one standard deviation, ticks the single seeds; {better} "
        "is better. Where bars overlap widely, these seeds do not tell two rows apart."
    )
    first = [] if against is None else [_chart("Winner against others", words, against)]
    return first, [_chart(*drawn) for drawn in _search_charts(history, sweep, better)]


def _search_charts(
    history: History, sweep: Sweep, better: str
) -> Iterator[tuple[str, str, figures.Figure | None]]:
    metric, _ = objective(history)
    space = sweep.space
    single = [
        (
            "How the search went",
            f"Every dot is a finished trial, the line the best so far ({better} is better). A line "
            "that still climbs at the end says that more trials may help.",
            figures.optimisation_history(history, space),
        ),
        (
            "Learning curves",
            f"{metric}{sweep.task.place} over the steps, a line per trial; short lines were "
            "stopped early or failed. Point at a line to see which trial it is.",
            figures.learning_curves(history, space) if sweep.steps > 1 else None,
        ),
        (
            "What accuracy costs: parameters",
            f"Finished trials by size. On the green line lie those that no smaller one beats: "
            f"read off how much {metric} a smaller adapter would lose.",
            comparison.against_size(history),
        ),
        (
            f"What {'accuracy' if sweep.task.has_adapters else metric} costs: time",
            "Finished trials by the time they took; on the green line lie those that no quicker "
            "one beats.",
            comparison.against_time(history),
        ),
        (
            "Several objectives",
            "Red dots are the front: nothing is better than them in every objective.",
            figures.front_of_objectives(history, space),
        ),
    ]
    if all(figure is None for _, _, figure in single):
        return
    yield from (drawn for drawn in single if drawn[2] is not None)
    important = list(figures.importances(history, space))
    if not important:
        yield "What mattered", (
            f"Not drawn: it takes {figures.FEWEST_FOR_IMPORTANCE} finished trials of one method "
            "that differ in two parameters or more."
        ), None  # fmt: skip
    for branch, figure in important:
        title = f"What mattered{f' in {branch}' if branch else ''}"
        yield title, (
            f"How much of the differences in {metric} each parameter explains, among the finished "
            "trials. With few trials this is a hint, not a measurement."
        ), figure  # fmt: skip
    for branch, figure in figures.parallel_coordinates(history, space):
        title = f"All configurations{f' of {branch}' if branch else ''}"
        yield title, (
            f"A line per finished trial through its values; the darker, the better its {metric}. "
            "Where dark lines run together, the good values lie."
        ), figure  # fmt: skip


def _chart(title: str, how_to_read: str, figure: figures.Figure | None) -> Chart:
    """Return a figure as HTML, without what Optuna wrote around it."""
    if figure is None:
        return Chart(title, how_to_read, "")
    grid = "rgba(128,128,128,0.22)"
    figure.update_layout(
        title=None,
        template="none",
        paper_bgcolor="rgba(0,0,0,0)",  # the page's; light also in the dark, for Optuna's colours
        plot_bgcolor="rgba(0,0,0,0)",
        font={"family": "system-ui, sans-serif", "size": 13, "color": "#5a616b"},
        margin={"l": 70, "r": 20, "t": 30, "b": 60},
    )
    for update in (figure.update_xaxes, figure.update_yaxes):
        update(gridcolor=grid, zeroline=False, automargin=True, title_standoff=10)
    html = figure.to_html(
        full_html=False,
        include_plotlyjs=False,
        config={"responsive": True, "displayModeBar": False},
    )
    return Chart(title, how_to_read, html)
