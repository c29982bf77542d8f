"""``autopeft bridge``: from a cheap proxy's optimum to where the target is best."""

from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Annotated, Any

import typer

from autopeft.cli.help_text import ExampleFirst, ExamplesFirst, opening
from autopeft.cli.output import answer, answer_json, answer_table, say, short
from autopeft.cli.words import AllowCode, Json

if TYPE_CHECKING:
    from collections.abc import Iterable

    from autopeft.bridge.evaluation import Evaluation
    from autopeft.bridge.model_file import BridgeModel
    from autopeft.spec.bridge import Bridge
    from autopeft.sweep.bridge_runs import Done, Drive, Workspace

SUMMARY = "Learn from past scenarios where the target is best, given a cheap proxy's optimum."
EXAMPLE = "autopeft bridge all functions.yaml"
PREDICT_EXAMPLE = "autopeft bridge predict functions.yaml runs/new-proxy-20260110-120000"

app = typer.Typer(
    cls=ExamplesFirst,
    help=opening(EXAMPLE, SUMMARY),
    rich_markup_mode=None,
    no_args_is_help=True,
)
File = Annotated[Path, typer.Argument(metavar="BRIDGE", help="A bridge file.")]
Where = Annotated[
    Path | None, typer.Option("--workspace", help="Default: bridges/NAME, in this folder.")
]


def prepare(file: File, workspace: Where = None) -> None:
    """Write the search files of every scenario: its proxy's and its target's.

    A file that is there and right is left as it is.
    """
    bridge, space = _opened(file, workspace)
    _prepare(bridge, space)


def run(file: File, workspace: Where = None, allow_code: AllowCode = False) -> None:
    """Run the sweeps that have not run, one after the other; nothing runs twice.

    After Ctrl-C, a kill or a failure the same command goes on where it ended. Sweeps run wherever
    their search file says, also on a cluster.
    """
    bridge, space = _opened(file, workspace)
    drive = _driving(bridge, allow_code=allow_code)
    _prepare(bridge, space, quiet=True)
    _run(bridge, space, drive)


def collect(file: File, workspace: Where = None) -> None:
    """Gather the pairs (what the proxy showed, where the target was best), and all trials."""
    bridge, space = _opened(file, workspace)
    _collect(bridge, space)


def fit(file: File, workspace: Where = None) -> None:
    """Choose the regression that predicts scenarios left out best, and write it as JSON."""
    bridge, space = _opened(file, workspace)
    _fit(bridge, space)


def evaluate(
    file: File, workspace: Where = None, allow_code: AllowCode = False, json: Json = False
) -> None:
    """Judge the bridge on the test scenarios, beside the mean and the best of history.

    The target runs once, as a sweep of one trial, where the bridge points; what that loses is
    printed beside what is estimated from the trials there are. A prediction that has run does not
    run again.
    """
    bridge, space = _opened(file, workspace)
    _evaluate(bridge, space, _driving(bridge, allow_code=allow_code), json=json)


def everything(
    file: File, workspace: Where = None, allow_code: AllowCode = False, json: Json = False
) -> None:
    """Prepare, run, collect, fit and evaluate; what is done already is skipped."""
    bridge, space = _opened(file, workspace)
    drive = _driving(bridge, allow_code=allow_code)
    _prepare(bridge, space)
    _run(bridge, space, drive)
    _collect(bridge, space)
    _fit(bridge, space)
    if bridge.settings.test:
        _evaluate(bridge, space, drive, json=json)


def predict(
    file: File,
    proxy: Annotated[
        str, typer.Argument(metavar="RUN", help="The run folder of the proxy on the new data.")
    ],
    workspace: Where = None,
    json: Json = False,
) -> None:
    """Print the one configuration the bridge predicts, how sure it is, and what it may lose.

    `search.warm_start: {kind: bridge, …}` begins a sweep with the same prediction.
    """
    from autopeft.bridge.model_file import read_model
    from autopeft.bridge.prediction import one_shot, seen_in

    _, space = _opened(file, workspace)
    model = read_model(space.model)
    found = one_shot(model, *seen_in(model, proxy, {}))
    if json:
        answer_json(found)
        return
    for name, value in found["values"].items():
        spread = found["spans"].get(name)
        answer(f"{name}: {value}{f'   (from {spread[0]} to {spread[1]})' if spread else ''}")
    if found["regret"] is not None:
        mean, spread = found["regret"]
        answer(f"expected to lose {mean:.3g} ± {spread:.3g} of {model.metric} against the best")
    answer(found["sentence"])


def _opened(file: Path, workspace: Path | None) -> "tuple[Bridge, Workspace]":
    from autopeft.cli.terminal import hush
    from autopeft.core.errors import InputError
    from autopeft.spec.bridge import load_bridge
    from autopeft.sweep.bridge_runs import Workspace, given_runs

    hush()
    bridge = load_bridge(file)
    space = Workspace((workspace or Path("bridges") / bridge.name).resolve())
    wrong = given_runs(bridge, space)
    if wrong:
        raise InputError("\n".join(wrong))
    return bridge, space


def _prepare(bridge: "Bridge", space: "Workspace", *, quiet: bool = False) -> None:
    from autopeft.sweep.bridge_runs import prepare

    steps = list(prepare(bridge, space))
    if not quiet:
        _tell(steps)


def _driving(bridge: "Bridge", *, allow_code: bool) -> "Drive":
    """Return what runs the sweeps, once it is clear that their code is allowed."""
    from autopeft.sweep.bridge_runs import check_code, driving

    check_code(bridge, allowed=allow_code)
    return driving(allow_code=allow_code)


def _run(bridge: "Bridge", space: "Workspace", drive: "Drive") -> None:
    from autopeft.sweep.bridge_runs import run_sweeps

    _tell(run_sweeps(bridge, space, drive=drive))


def _collect(bridge: "Bridge", space: "Workspace") -> None:
    from autopeft.bridge.collecting import collect, write_collected
    from autopeft.sweep.bridge_runs import finder

    space.path.mkdir(parents=True, exist_ok=True)
    collected, trials = collect(bridge, finder(bridge, space))
    write_collected(space.path, collected, trials)
    for sentence in collected.missing:
        say(f"no pair: {sentence}")
    answer(
        f"{short(space.path)}: {len(collected.train)} pairs to learn from, {len(collected.test)} "
        f"to judge by, {len(trials)} trials"
    )


def _fit(bridge: "Bridge", space: "Workspace") -> None:
    from autopeft.bridge.collecting import read_collected
    from autopeft.bridge.evaluation import fitted
    from autopeft.bridge.model_file import write_model

    model = fitted(bridge.name, *read_collected(space.path), proxy_sweep=bridge.proxy_sweep())
    write_model(space.model, model)
    for score in model.scores:
        if score.left_out:
            say(f"not tried: {score.regression} of {' and '.join(score.inputs)} ({score.left_out})")
    answer(model.sentence)
    answer(f"{short(space.model)}: written")
    _track(bridge, space, model, None)


def _track(
    bridge: "Bridge", space: "Workspace", model: "BridgeModel", found: "Evaluation | None"
) -> None:
    from autopeft.sweep.bridge_runs import track

    said = track(bridge, space, model, found)
    if said:
        say(said)


def _evaluate(bridge: "Bridge", space: "Workspace", drive: "Drive", *, json: bool) -> None:
    from autopeft.bridge.collecting import read_collected
    from autopeft.bridge.evaluation import evaluate
    from autopeft.bridge.model_file import read_model
    from autopeft.core.places import write_json
    from autopeft.sweep.bridge_runs import try_predictions

    model, (collected, trials) = read_model(space.model), read_collected(space.path)
    here = {scenario.name for scenario in bridge.settings.test}
    pairs = [pair for pair in collected.test if pair.scenario in here]
    tried = {}
    for done, loss in try_predictions(bridge, space, model, pairs, drive=drive):
        _tell([done])
        tried[done.name.removesuffix(" predicted")] = loss
    found = evaluate(model, collected, trials, tried)
    write_json(space.evaluation, found.model_dump(mode="json"))
    _track(bridge, space, model, found)
    if json:
        answer_json(found.model_dump(mode="json"))
        return
    answer(found.sentence)
    answer_table(_table(found))
    if found.regrets:
        answer(
            f"tried once each, the predictions lose {median(found.regrets):.4g} of {found.metric} "
            f"against the target's best trial in the median ({min(found.regrets):.4g} to "
            f"{max(found.regrets):.4g}, {_scenarios(len(found.regrets))})"
        )


def _scenarios(count: int) -> str:
    return f"{count} scenario{'s' if count != 1 else ''}"


def _table(found: "Evaluation") -> Any:
    from rich.table import Table

    grid = Table("predicted by", "squared error", f"regret in {found.metric} (estimated)")
    for judged in found.judged:
        name = judged.by if judged.by != "bridge" or found.has_signal else "bridge (no signal)"
        grid.add_row(
            name, f"{judged.error:.4f}", f"{judged.regret:.4g} ± {judged.regret_spread:.2g}"
        )
    return grid


def _tell(steps: "Iterable[Done]") -> None:
    """Print a line for every sweep as it is done, and how many were skipped."""
    for step in steps:
        say(f"{step.what:9}  {step.name:24}  {short(step.where)}")


for _name, _verb, _example in (
    ("prepare", prepare, "autopeft bridge prepare functions.yaml"),
    ("run", run, "autopeft bridge run functions.yaml"),
    ("collect", collect, "autopeft bridge collect functions.yaml"),
    ("fit", fit, "autopeft bridge fit functions.yaml"),
    ("evaluate", evaluate, "autopeft bridge evaluate functions.yaml"),
    ("all", everything, EXAMPLE),
    ("predict", predict, PREDICT_EXAMPLE),
):
    _said, _summary = opening(_example, _verb.__doc__), (_verb.__doc__ or "").partition("\n")[0]
    app.command(_name, cls=ExampleFirst, help=_said, short_help=_summary)(_verb)
