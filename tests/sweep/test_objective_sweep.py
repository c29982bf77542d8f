"""A sweep over a function, played through without Ray: what is made of its journal afterwards."""

import json
import re
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import yaml
from rich.console import Console

from autopeft.core.errors import InputError
from autopeft.export import export
from autopeft.reports.page import render
from autopeft.reports.result import result
from autopeft.reports.standing import standings
from autopeft.reports.table import summary_table, trials_table
from autopeft.reports.words import summary
from autopeft.schedulers import Decision
from autopeft.searchers import Done
from autopeft.spec.load import load_sweep
from autopeft.sweep.assignment import Assignment
from autopeft.sweep.conductor import Conductor
from autopeft.sweep.finish import finish
from autopeft.sweep.plan import make_plan, plan_text
from autopeft.sweep.repeat import repeat
from autopeft.tracking.events import Kind, Status, SweepStarted
from autopeft.tracking.journal import Journal, read_journal
from autopeft.tracking.kept_adapter import kept_adapter
from autopeft.tracking.mlflow_rows import MlflowView
from autopeft.tracking.run_folder import RunFolder, create_run
from autopeft.trial import open_runner

Played = Callable[..., RunFolder]
BOWL: dict[str, Any] = {
    "kind": "function",
    "entry_point": "branin",
    "parameters": {"x": {"low": -5, "high": 10}, "y": {"low": 0, "high": 15}},
}


def _play(run: RunFolder) -> None:
    """Run every assignment in this process, one after the other."""
    journal, sweep = Journal(run.journal), run.sweep()
    first = SweepStarted(time=1.0, sweep="s", name=sweep.name, seed=0, versions={})
    journal.write(first)
    conductor = Conductor(sweep, journal, events=[first])
    runner = open_runner(sweep.any_trial, cache=run.cache)
    while not isinstance(step := conductor.next(), Done):
        assert isinstance(step, Assignment)
        session = runner.open(
            step.spec, folder=run.trial(step.trial), score_test=step.score_test, until=None
        )
        building = session.building
        decision = conductor.on_built(
            step.trial, effective=building.effective,
            trainable_parameters=building.trainable_parameters, details=building.details,
        )  # fmt: skip
        while decision is Decision.CONTINUE:
            report = session.advance()
            decision = conductor.on_report(
                step.trial, step=report.step, metrics=report.metrics, final=report.final
            )
        session.close()
    runner.close()
    journal.close()
    finish(run, sweep, conductor.history)


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Played:
    def play(task: dict[str, Any], **search: Any) -> RunFolder:
        tree = {"name": "bowl", "task": task, "search": {"trials": 12, **search}}
        run = create_run(
            load_sweep({**tree, "tracking": {"enabled": False}}), tmp_path_factory.mktemp("runs")
        )
        _play(run)
        return run

    return play


@pytest.fixture(scope="module")
def bowl(played: Played) -> RunFolder:
    return played(BOWL)


@pytest.fixture(scope="module")
def seeded(played: Played, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A noisy one, with an objective of its own name, a choice called ``method``, and a bound."""
    folder = tmp_path_factory.mktemp("package")
    (folder / "noisy_objectives.py").write_text(
        "def score(x, method, seed):\n"
        "    return {'cost': x + (method == 'slow') + seed % 97 / 1000, 'size': 10 * x}\n"
    )
    task = {
        "kind": "function", "entry_point": "noisy_objectives:score", "seeded": True,
        "parameters": {"x": {"low": 0, "high": 1}, "method": {"one_of": ["quick", "slow"]}},
    }  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        return played(
            task, objectives={"cost": "min"}, retrain=2, retrain_seeds=2,
            constraints={"size": {"at_most": 5}},
        )  # fmt: skip


def printed(*tables: Any) -> str:
    console = Console(file=StringIO(), width=160)
    for table in tables:
        console.print(table)
    return console.file.getvalue()  # type: ignore[attr-defined,no-any-return]


def test_the_best_trial_is_the_result_where_nothing_could_be_repeated(bowl: RunFolder) -> None:
    history, sweep = bowl.history(), bowl.sweep()
    assert history.is_over
    assert history.counted == 12
    assert history.of_kind(Kind.BASELINE) == history.of_kind(Kind.RETRAIN) == []
    best = history.best
    assert best is not None
    text = " ".join(summary(history, sweep, standings(history)))
    assert text.startswith(f"The best is trial {best.id} with value")
    assert "2 parameters of a function with tpe" in text
    for word in ("validation", "test", "trained"):
        assert word not in text
    table = printed(summary_table(history, sweep.task), trials_table(history, sweep.task))
    assert best.id in table.splitlines()[1]
    assert "parameters" not in table
    outcome = json.loads(json.dumps(result(history, sweep), allow_nan=False))
    assert outcome["best_on_validation"]["values"] == best.values
    assert outcome["winner"] is None


def test_the_winner_of_several_seeds_is_told_without_a_test_split(seeded: RunFolder) -> None:
    history, sweep = seeded.history(), seeded.sweep()
    assert history.winner is not None
    assert len(history.of_kind(Kind.RETRAIN)) == 4
    assert all(t.values["x"] <= 0.5 for t in history.ranked())
    text = " ".join(summary(history, sweep, standings(history)))
    assert f"The winner is trial {history.winner.of}" in text
    assert "It reaches cost" in text
    assert "test" not in text
    assert "validation" not in printed(summary_table(history, sweep.task))


@pytest.mark.parametrize("name", ["bowl", "seeded"])
def test_the_page_speaks_of_nothing_that_is_not_there(
    name: str, request: pytest.FixtureRequest
) -> None:
    run = request.getfixturevalue(name)
    page = render(run.history(), run.sweep())
    shown = re.sub("<script.*?</script>", "", page.partition("<body>")[2], flags=re.DOTALL)
    for word in ("validation", "baseline", "source accuracy", "Forgetting", "adapter", "test "):
        assert word not in shown, word
    assert "How the search went" in shown
    assert ("The best configuration" in shown) == (name == "bowl")
    assert ("Winner and rivals" in shown) == (name == "seeded")


def test_the_dataframe_has_a_column_for_everything(played: Played) -> None:
    task = {**BOWL, "parameters": {**BOWL["parameters"]}}
    frame = played(task, trials=3).dataframe()
    assert {"x", "y", "value", "run_seconds"} <= set(frame.columns)
    assert frame["trainable_parameters"].isna().all()


def test_mlflow_gets_parameters_and_metrics_and_no_method(seeded: RunFolder) -> None:
    view = MlflowView(seeded.sweep())
    for event in read_journal(seeded.journal):
        view.apply(event)
    rows = view.take_pending()
    child = rows["t0000"]
    assert {"x", "method", "task.entry_point", "seed"} <= set(child.params)
    assert not [name for name in child.params if name.startswith(("method.", "training."))]
    assert child.tags["task"] == "function"
    assert {"cost", "size", "run_seconds"} <= {row.key for row in child.metrics}
    parent = rows[""]
    assert parent.params["task.entry_point"] == "noisy_objectives:score"
    assert "methods" not in parent.params
    assert parent.tags["winner_trial"] == child_of_winner(seeded)


def child_of_winner(run: RunFolder) -> str | None:
    winner = run.history().winner
    return winner.of if winner else None


def test_the_best_parameters_are_exported(bowl: RunFolder, tmp_path: Path) -> None:
    done = export(bowl.path, tmp_path / "best")
    best = bowl.history().best
    assert best is not None
    assert json.loads((tmp_path / "best" / "parameters.json").read_text()) == best.values
    manifest = json.loads((tmp_path / "best" / "autopeft.json").read_text())
    assert (manifest["trial"], manifest["task"]["entry_point"]) == (best.id, "branin")
    assert best.id in done.summary
    other = export(bowl.path / "trials" / "t0003", tmp_path / "other")
    assert other.as_dict()["parameters"] == bowl.history().trials["t0003"].values


def test_the_winner_is_exported_where_there_is_one(seeded: RunFolder, tmp_path: Path) -> None:
    assert export(seeded.path, tmp_path / "best").as_dict()["trial"] == child_of_winner(seeded)


def test_what_needs_an_adapter_says_that_there_is_none(bowl: RunFolder, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="a function sweep trains no adapter"):
        kept_adapter(bowl.path)
    with pytest.raises(InputError, match="no adapter that could be merged"):
        export(bowl.path, tmp_path / "merged", merged=True)
    with pytest.raises(InputError, match="no trial named 't9999'"):
        export(bowl.path / "trials" / "t9999", tmp_path / "nothing")
    assert list(tmp_path.iterdir()) == []


def test_a_trial_is_repeated_to_the_same_numbers(bowl: RunFolder) -> None:
    repetition = repeat(bowl, "t0005")
    assert repetition.agrees
    assert list(repetition.then) == ["value"]


def test_the_plan_speaks_of_no_steps_where_there_is_one(bowl: RunFolder) -> None:
    text = plan_text(make_plan(bowl.sweep(), first=2))
    assert text.startswith("bowl: 12 trials\n")
    assert "baseline" not in text
    assert "at the end" not in text


def test_an_equal_configuration_is_a_duplicate(played: Played) -> None:
    task = {**BOWL, "parameters": {"x": {"one_of": [1, 2]}, "y": {"one_of": [3, 4]}}}
    history = played(task, trials=9, searcher={"kind": "random"}).history()
    assert history.counted == 4
    assert "exhausted" in (history.ended.reason if history.ended else "")
    assert sum(t.status is Status.DUPLICATE for t in history.trials.values()) >= 20


@pytest.mark.parametrize(
    ("objectives", "reason"),
    [
        ({"loss": "min"}, "no objective: loss is not among run_seconds, value"),
        ({"value": "min"}, ""),
    ],
)
def test_an_objective_that_is_not_reported_is_a_failure_with_a_name(
    played: Played, objectives: dict[str, str], reason: str
) -> None:
    history = played(BOWL, trials=2, objectives=objectives).history()
    assert {t.reason for t in history.trials.values()} == {reason}


def test_the_journal_replays_to_the_same_state(bowl: RunFolder, tmp_path: Path) -> None:
    events = list(read_journal(bowl.journal))
    journal = Journal(tmp_path / "journal.jsonl")
    conductor = Conductor(bowl.sweep(), journal, events=events)
    journal.close()
    assert conductor.is_over
    assert yaml.safe_load(bowl.spec_file.read_text())["task"] == BOWL
