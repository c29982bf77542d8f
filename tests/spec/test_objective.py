"""Tasks that are no fine-tuning: what may be written, what the rest of the file then means."""

from pathlib import Path
from typing import Any

import pytest

from autopeft.core.errors import InputError
from autopeft.spec.load import load_sweep
from autopeft.spec.objective import ALIASES, PLACEHOLDERS, filled, placeholders
from autopeft.spec.remarks import remarks
from autopeft.spec.sweep import Sweep

COMMAND: dict[str, Any] = {
    "name": "simulated",
    "task": {
        "kind": "command",
        "command": ["./simulate", "--x={x}", "--n={n}", "{out}"],
        "parameters": {"x": {"low": -5, "high": 5}, "n": {"one_of": [8, 16]}},
    },
    "search": {"trials": 4},
}
FUNCTION: dict[str, Any] = {
    "name": "called",
    "task": {
        "kind": "function",
        "entry_point": "branin",
        "parameters": {"x": {"low": -5, "high": 10}, "y": 1.5},
    },
}


def command(*, search: dict[str, Any] | None = None, **task: Any) -> Sweep:
    tree = {**COMMAND, "task": {**COMMAND["task"], **task}}
    return load_sweep({**tree, "search": {**COMMAND["search"], **(search or {})}})


def function(**task: Any) -> Sweep:
    return load_sweep({**FUNCTION, "task": {**FUNCTION["task"], **task}})


def test_parameters_are_searched_under_their_own_names() -> None:
    sweep = command()
    assert [d.name for d in sweep.space.dimensions] == ["x", "n"]
    trial = sweep.trial({"x": 0.5, "n": 16}, seed=3)
    assert trial.task.parameters == {"x": 0.5, "n": 16}  # type: ignore[union-attr]
    assert (trial.steps, trial.seed) == (1, 3)


def test_whole_numbers_are_asked_for() -> None:
    parameters = {"x": {"low": 1, "high": 64, "log": True, "integer": True}, "n": 3}
    sweep = command(parameters=parameters)
    assert [sweep.space["x"].value(p) for p in (0.0, 1.0)] == [1, 64]
    assert all(type(sweep.space["x"].value(p / 7)) is int for p in range(8))
    assert (
        type(command(parameters={"x": {"low": 1, "high": 3}, "n": 1}).space["x"].value(0)) is float
    )


@pytest.mark.parametrize("name", ["name", "kind", "data", "method", "report_every"])
def test_a_parameter_may_have_any_name_that_a_key_has_elsewhere(name: str) -> None:
    word = f"--it={{{name}}}"
    sweep = command(command=["a", word], parameters={name: {"one_of": ["cg", "bfgs"]}})
    assert sweep.trial({name: "bfgs"}).task.parameters == {name: "bfgs"}  # type: ignore[union-attr]


def test_a_trial_of_one_step_has_the_defaults_that_make_sense() -> None:
    search = command().settings.search
    assert search.objectives == {"value": "min"}
    assert (search.scheduler.kind, search.baselines, search.retrain) == ("none", False, 0)


def test_a_seed_makes_retraining_and_steps_make_early_stopping() -> None:
    words = [*COMMAND["task"]["command"], "--seed={seed}"]
    search = command(command=words, steps=90).settings.search
    assert (search.scheduler.kind, search.retrain) == ("asha", 3)
    assert function(seeded=True).settings.search.retrain == 3
    assert function().settings.search.retrain == 0


def test_the_folder_of_the_search_file_is_where_a_command_runs(tmp_path: Path) -> None:
    file = tmp_path / "search.yaml"
    file.write_text(
        "name: a\ntask: {kind: command, command: [a, '{x}'], parameters: {x: {low: 0, high: 1}}}\n"
    )
    assert load_sweep(file).raw["task"]["folder"] == str(tmp_path)
    assert load_sweep(file, ["task.folder=sub"]).raw["task"]["folder"] == str(tmp_path / "sub")


@pytest.mark.parametrize(
    ("task", "where", "words"),
    [
        ({"command": ["a", "{y}"]}, "task.parameters", "x is not in the command"),
        ({"command": ["{x}{n}{y}"]}, "task.command", "{y} stands for nothing"),
        ({"command": ["{x}{n}{"]}, "task.command", "cannot be filled in"),
        ({"command": ["{x}{n:d}"]}, "task.command", "more than a name in braces"),
        ({"command": ["{x.real}{n}"]}, "task.command", "more than a name in braces"),
        ({"command": []}, "task.command", "at least one entry would be right"),
        ({"command": "rm -rf {x}"}, "task.command", "a list would be right"),
        ({"command": {"one_of": ["a"]}}, "task.command", "is not searched"),
        ({"parameters": {}}, "task.parameters", "at least one entry"),
        ({"parameters": {"x": "search", "n": 1}}, "task.parameters.x", "has no default range"),
        ({"parameters": {"x": [0, 1], "n": 1}}, "task.parameters.x", "write one value, {low:"),
        ({"parameters": {"x": {"any_of": [1]}, "n": 1}}, "task.parameters.x", "write one value"),
        ({"parameters": {"x": 1, "n": 1, "out": 1}}, "task.parameters", "{out} stands for some"),
        ({"parameters": {"x": 1, "n": {"low": 0.5, "high": 2, "integer": True}}},
         "task.parameters.n", "integer needs whole numbers"),
        ({"steps": {"low": 1, "high": 9}}, "task.steps", "is not searched"),
        ({"data": {}}, "task.data", "unknown key"),
    ],
)  # fmt: skip
def test_a_mistake_in_a_command_is_told_where_it_stands(
    task: dict[str, Any], where: str, words: str
) -> None:
    with pytest.raises(InputError) as caught:
        command(**task)
    first = caught.value.problems[0]
    assert first.path == where
    assert words in first.message
    assert len(caught.value.problems) == 1


@pytest.mark.parametrize(
    ("task", "words"),
    [
        ({"entry_point": "a b"}, "would be right"),
        ({"entry_point": "os.system('x')"}, "would be right"),
        ({"parameters": {"learning-rate": 1.0}}, "cannot be the name of a function's argument"),
        ({"parameters": {"lambda": 1.0}}, "cannot be the name of a function's argument"),
        ({"parameters": {"seed": 1}}, "write seeded: true"),
    ],
)
def test_a_mistake_in_a_function_is_told(task: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match="task") as caught:
        function(**task)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("search", "where", "words"),
    [
        ({"baselines": True}, "search.baselines", "has no baselines"),
        ({"retrain": 2}, "search.retrain", "is not told a seed"),
        ({"scheduler": {"kind": "asha"}}, "search.scheduler.grace_steps", "above task.steps 1"),
        ({"scheduler": {"kind": "pbt"}}, "search.scheduler", "pbt copies checkpoints"),
        ({"objectives": {"trainable_parameters": "min"}},
         "search.objectives.trainable_parameters", "has no trainable_parameters"),
        ({"constraints": {"trainable_parameters": {"at_most": 3}}},
         "search.constraints.trainable_parameters", "has no trainable_parameters"),
        ({"first_points": [{"z": 1}]}, "search.first_points[0].z", ""),
    ],
)  # fmt: skip
def test_what_a_command_sweep_has_not_is_an_error(
    search: dict[str, Any], where: str, words: str
) -> None:
    with pytest.raises(InputError) as caught:
        command(search=search)
    assert [p.path for p in caught.value.problems][-1] == where
    assert words in str(caught.value)


def test_sections_of_fine_tuning_are_an_error_with_a_sentence() -> None:
    with pytest.raises(InputError) as caught:
        load_sweep({**COMMAND, "model": {}, "method": {"kind": "lora"}, "training": {"steps": 3}})
    assert [p.path for p in caught.value.problems] == ["method", "model", "training"]
    assert all("a command task has no" in p.message for p in caught.value.problems)


def test_any_metric_may_be_an_objective_and_a_bound() -> None:
    search = command(
        search={"objectives": {"loss": "min", "flow": "max"}, "constraints": {"s": {"at_most": 1}}}
    ).settings.search
    assert list(search.objectives) == ["loss", "flow"]


def test_promoting_what_has_no_checkpoint_is_a_remark() -> None:
    promote = {"kind": "asha", "mode": "promote", "grace_steps": 10}
    sweep = command(steps=90, search={"scheduler": promote})
    assert ["begins anew" in str(remark) for remark in remarks(sweep)] == [True]
    assert list(remarks(command(steps=90))) == []


def test_an_unknown_kind_names_those_there_are() -> None:
    with pytest.raises(InputError, match="known: command, contrastive, function"):
        command(kind="spell")


def test_aliases_of_another_tool_stand_for_what_they_mean() -> None:
    values = {"x": 1, "out": "r.json", "trial": "t0001"}
    words = ["{out_filename}", "{job_name}", "{{x}}", "{x}"]
    assert filled(words, values) == ["r.json", "t0001", "{x}", "1"]
    assert set(ALIASES.values()) <= set(PLACEHOLDERS)
    assert list(placeholders(words)) == ["out_filename", "job_name", "x"]
