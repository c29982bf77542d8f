"""``autopeft bench``: searchers compared without training, and the curves they are compared on."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from autopeft.cli.help_text import ExampleFirst, ExamplesFirst, opening
from autopeft.cli.output import answer, answer_table, say

if TYPE_CHECKING:
    from rich.table import Table

SUMMARY = "Compare searchers without training; record curves for it."
EXAMPLE = "autopeft bench searchers random nelder-mead --instances 3"
COSTS_EXAMPLE = "autopeft bench costs tpe nelder-mead --repetitions 10"
RECORDED_EXAMPLE = "autopeft bench recorded curves.parquet random tpe --scheduler asha"
BRIDGE_EXAMPLE = "autopeft bench bridge valley --repetitions 2"
TRAFFIC_EXAMPLE = "autopeft bench traffic day-03 day-04 day-05 day-06 --raw traffic.parquet"
RECORD_EXAMPLE = "autopeft bench record recorded.yaml --out curves.parquet"
CHOICE_EXAMPLE = "autopeft bench choice --scene '2 numbers' --cases 24"
METHODS_EXAMPLE = "autopeft bench methods search.yaml lora dora full"
DOMAINS_EXAMPLE = "autopeft bench domains peft_domains.yaml --out peft_domains"

# What several of the commands take.
Searchers = Annotated[
    list[str] | None, typer.Argument(metavar="[SEARCHER]...", help="All, if none is named.")
]
Processes = Annotated[int, typer.Option(min=1, help="Side by side.")]
Raw = Annotated[
    Path | None, typer.Option(help="Parquet of raw results: what it holds is not run again.")
]

app = typer.Typer(
    cls=ExamplesFirst,
    help=opening(EXAMPLE, SUMMARY),
    rich_markup_mode=None,
    no_args_is_help=True,
)


def searchers(
    names: Searchers = None,
    budget: Annotated[
        list[str] | None, typer.Option(help="Rows of the table, such as '5 D rounds, D = 2'.")
    ] = None,
    instances: Annotated[int | None, typer.Option(min=1, help="At most so many.")] = None,
    processes: Processes = 1,
    raw: Raw = None,
) -> None:
    """Compare searchers on the 24 BBOB functions, ten workers in rounds.

    The figures are geometric means of the gap to the optimum; needs coco-experiment.
    """
    from autopeft.simulation import bbob_study as study
    from autopeft.simulation.raw_results import results

    wanted = study.jobs(
        _known("budget", budget, [b.name for b in study.BUDGETS]),
        _known("searcher", names, list(study.CONTESTANTS)),
        most_instances=instances,
    )
    rows = results(
        wanted, study.run_one, key=study.KEY, raw=raw, processes=processes,
        progress=_progress("runs"),
    )  # fmt: skip
    means = study.geometric_means(rows).items()
    shown = {name: {n: f"{gap:.2g}" for n, gap in row.items()} for name, row in means}
    answer_table(_grid(shown, "budget"))


def costs(
    names: Searchers = None,
    repetitions: Annotated[int, typer.Option(min=1, help="Problems in each scene.")] = 30,
    processes: Processes = 1,
    raw: Raw = None,
) -> None:
    """Compare searches that reckon with what methods cost with those that do not, by time.

    The figures say how many times smaller the regret is with costs, with 95 % intervals.
    """
    from autopeft.simulation import cost_study as study
    from autopeft.simulation.raw_results import results

    wanted = study.jobs(_known("searcher", names, list(study.CONTESTANTS)), repetitions=repetitions)
    rows = results(
        wanted, study.run_one, key=study.KEY, raw=raw, processes=processes,
        progress=_progress("searches"),
    )  # fmt: skip
    answer_table(_grid(study.table(rows), "methods, time"))


def choice(
    names: Searchers = None,
    scene: Annotated[
        list[str] | None, typer.Option(help="Such as '2 numbers'; all, if none is named.")
    ] = None,
    cases: Annotated[
        int | None, typer.Option(min=1, help="At most so many problems or seeds of each.")
    ] = None,
    processes: Processes = 1,
    raw: Raw = None,
) -> None:
    """Compare searchers by space, budget and workers: what `auto` should take.

    The figures are gaps to the optimum, regrets under noise, and hypervolumes (more is better).
    The last column has the best of those that `auto` does not take. Needs coco-experiment.
    """
    from autopeft.simulation import choice_study as study
    from autopeft.simulation.raw_results import results

    wanted = study.jobs(
        _known("scene", scene, list(study.SCENES)),
        _known("searcher", names, list(study.CONTESTANTS)),
        most=cases,
    )
    rows = results(
        wanted, study.run_one, key=study.KEY, raw=raw, processes=processes,
        progress=_progress("searches"),
    )  # fmt: skip
    shown = {
        name: {one: cell.replace("**", "") for one, cell in row.items()}
        for name, row in study.summary(rows).items()
    }
    answer_table(_grid(shown, "space, workers, budget"))


def recorded(
    curves: Annotated[Path, typer.Argument(metavar="CURVES", help="What `bench record` wrote.")],
    names: Searchers = None,
    scheduler: Annotated[list[str] | None, typer.Option(help="All, if none is named.")] = None,
    repetitions: Annotated[int, typer.Option(min=1, help="Searches of each, other seeds.")] = 30,
    processes: Processes = 1,
    raw: Raw = None,
) -> None:
    """Compare searchers and schedulers on recorded learning curves, four workers.

    The figures are regrets in accuracy (mean over the curves' seeds), with 95 % intervals.
    """
    from autopeft.core.errors import InputError
    from autopeft.simulation import recorded_study as study
    from autopeft.simulation.raw_results import results

    if not curves.is_file():
        raise InputError(f"{curves}: no such file; `autopeft bench record` makes one")
    wanted = study.jobs(
        curves,
        _known("searcher", names, list(study.CONTESTANTS)),
        _known("scheduler", scheduler, list(study.SCHEDULES)),
        repetitions=repetitions,
    )
    rows = results(
        wanted, study.run_one, key=study.KEY, raw=raw, processes=processes,
        progress=_progress("searches"),
    )  # fmt: skip
    shown = {", ".join(name): row for name, row in study.regrets(rows).items()}
    answer_table(_grid(shown, "searcher, scheduler"))


def bridge(
    tables: Annotated[
        list[str] | None, typer.Argument(metavar="[TABLE]...", help="All, if none is named.")
    ] = None,
    start: Annotated[
        list[str] | None, typer.Option(help="Warm starts; all, if none is named.")
    ] = None,
    repetitions: Annotated[int, typer.Option(min=1, help="Searches of each, other seeds.")] = 5,
    processes: Processes = 1,
    raw: Raw = None,
    recordings: Annotated[
        Path | None,
        typer.Option(help="A folder of recorded domains, with proxy.yaml and target.yaml in it."),
    ] = None,
) -> None:
    """Compare warm starts with a cold one, each domain held out in turn.

    The figures are trials until the regret is at most 0.001 (0.01 on recorded domains); searches in
    which the bridge stood aside are counted apart, and so are domains made to mislead.
    """
    from autopeft.simulation import bridge_study as study
    from autopeft.simulation.raw_results import results

    known = list(study.TABLES) if recordings is None else [str(recordings)]
    wanted = study.jobs(
        _known("table", tables, known),
        _known("warm start", start, list(study.STARTS)),
        repetitions=repetitions,
    )
    rows = results(
        wanted, study.run_one, key=study.KEY, raw=raw, processes=processes,
        progress=_progress("searches"),
    )  # fmt: skip
    shown = {", ".join(name): row for name, row in study.summary(rows).items()}
    answer_table(_grid(shown, "table, domains, searcher, start"))


def traffic(
    raw: Annotated[
        Path, typer.Option(help="Parquet of raw results: what it holds is not run again.")
    ],
    days: Annotated[
        list[str] | None, typer.Argument(metavar="[DAY]...", help="All 15, if none is named.")
    ] = None,
    repetitions: Annotated[int, typer.Option(min=1, help="Of everything, other seeds.")] = 1,
    processes: Processes = 1,
) -> None:
    """Fit a traffic simulation to detectors, day by day, cold and from a bridge of the other days.

    The figures are CPU seconds of the simulator until the same error; needs the extra traffic.
    About 40 CPU seconds a day; four days at least.
    """
    from autopeft.simulation import traffic_study as study
    from autopeft.traffic.scenarios import DAYS

    known = _known("day", days, DAYS)
    rows = study.complete(
        raw, known, repetitions=repetitions, processes=processes, progress=_progress("searches")
    )
    answer_table(_grid(study.summary(rows), "until"))


def record(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="The search file whose space it is.")
    ],
    out: Annotated[Path, typer.Option(help="The parquet file to write, or to complete.")],
    seeds: Annotated[int, typer.Option(min=1, help="Trainings of each configuration.")] = 2,
    processes: Annotated[int, typer.Option(min=1, help="Side by side.")] = 2,
) -> None:
    """Train configurations over the whole space to their end and write their curves.

    What the file holds already is kept; after Ctrl-C the same command goes on. About ten CPU
    seconds for each configuration and seed of the shipped base.
    """
    from autopeft.simulation import recording
    from autopeft.spec.load import load_sweep

    sweep = load_sweep(file)
    table = recording.completed(
        sweep, out, seeds=range(seeds), processes=processes, progress=_progress("trainings")
    )
    answer(f"{out}: {table['config'].nunique()} configurations, {len(table)} reports")


def domains(
    file: Annotated[Path, typer.Argument(metavar="BRIDGE", help="The bridge file.")],
    out: Annotated[Path, typer.Option(help="The folder to write, or to complete.")],
    processes: Annotated[int, typer.Option(min=1, help="Side by side.")] = 2,
) -> None:
    """Train the same configurations on every scenario of a bridge, as proxy and as target.

    What the folder holds already is kept; after Ctrl-C the same command goes on. Its table grows by
    whole scenarios. `autopeft bench bridge --recordings` then tries bridges out without training.
    """
    from autopeft.cli.terminal import hush
    from autopeft.simulation.domain_recording import record_domains
    from autopeft.spec.bridge import load_bridge

    hush()
    table = record_domains(
        load_bridge(file), out, processes=processes, progress=_progress("trainings")
    )
    trainings = table.groupby(["scenario", "side", "config"]).ngroups
    answer(f"{out}: {table['scenario'].nunique()} scenarios, {trainings} trainings")


def methods(
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE", help="The search file whose base, data and batch it is."),
    ],
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[METHOD]...", help="All, if none is named.")
    ] = None,
    precision: Annotated[
        list[str] | None, typer.Option(help="float32 and bfloat16, if none is named.")
    ] = None,
    raw: Raw = None,
) -> None:
    """Train every method for a few steps and say what it costs in time and in GPU memory.

    On a GPU if `resources.gpus` of the file asks for one. What `resources.gpus` should be for
    several trials to share it follows from the memory.
    """
    from autopeft.cli.terminal import hush
    from autopeft.simulation import method_costs as study

    hush()
    rows = study.measure(
        file,
        Path("runs") / ".cache",
        kinds=_known("method", names, study.KINDS),
        precisions=_known("precision", precision, study.PRECISIONS),
        raw=raw,
        progress=_progress("methods"),
    )
    answer_table(_grid(study.summary(rows), "method"))


def _known(word: str, asked: Sequence[str] | None, known: Sequence[str]) -> list[str]:
    """Return what was asked for, or everything.

    Raises:
        InputError: Something asked for is not known.
    """
    from autopeft.core.choices import known_words
    from autopeft.core.errors import InputError

    for name in asked or ():
        if name not in known:
            raise InputError(f"no {word} named {name!r}{known_words(name, list(known))}")
    return list(asked or known)


def _progress(what: str) -> Callable[[int, int], None]:
    """Return what tells, about twenty times, how far it is."""

    def tell(done: int, total: int) -> None:
        if done == total or done % max(total // 20, 1) == 0:
            say(f"{done}/{total} {what}")

    return tell


def _grid(rows: Mapping[str, Mapping[str, str]], corner: str) -> "Table":
    from rich.table import Column, Table

    columns = list(dict.fromkeys(name for row in rows.values() for name in row))
    grid = Table(Column(corner, no_wrap=True), *columns)
    for name, row in rows.items():
        grid.add_row(name, *(row.get(column, "–") for column in columns))
    return grid


for _verb, _example in (
    (searchers, EXAMPLE),
    (costs, COSTS_EXAMPLE),
    (choice, CHOICE_EXAMPLE),
    (recorded, RECORDED_EXAMPLE),
    (bridge, BRIDGE_EXAMPLE),
    (traffic, TRAFFIC_EXAMPLE),
    (record, RECORD_EXAMPLE),
    (domains, DOMAINS_EXAMPLE),
    (methods, METHODS_EXAMPLE),
):
    _summary = (_verb.__doc__ or "").partition("\n")[0]
    app.command(
        _verb.__name__, cls=ExampleFirst, help=opening(_example, _verb.__doc__), short_help=_summary
    )(_verb)
