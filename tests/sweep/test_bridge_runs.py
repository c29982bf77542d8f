"""A bridge's sweeps and files: prepared once, run once, gone on with, collected, judged."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from autopeft.bridge.collecting import collect, read_collected, write_collected
from autopeft.bridge.draws import drawn_points
from autopeft.bridge.evaluation import evaluate, fitted
from autopeft.bridge.prediction import one_shot
from autopeft.core.errors import AutopeftError, InputError
from autopeft.spec.bridge import load_bridge
from autopeft.spec.sweep import Sweep
from autopeft.sweep.bridge_runs import (
    Drive,
    Workspace,
    check_code,
    finder,
    prepare,
    run_sweeps,
    try_predictions,
)
from autopeft.tracking.events import (
    Asked,
    Ended,
    Reported,
    Status,
    SweepEnded,
    SweepStarted,
)
from autopeft.tracking.journal import Journal
from autopeft.tracking.run_folder import RunFolder, create_run, find_run

RATE = "method.learning_rate"


def side(kind: str) -> dict[str, Any]:
    return {
        "task": {"kind": "contrastive", "data": {"kind": "procedural"}},
        "method": {"kind": kind, "learning_rate": {"low": 1e-4, "high": 1e-2, "log": True}},
        "training": {"warmup_steps": 5},
        "search": {"trials": 16, "searcher": {"kind": "random"}, "baselines": False, "retrain": 0},
        "tracking": {"enabled": False},
    }


def tree(train: int = 5, test: int = 2) -> dict[str, Any]:
    def scenario(index: int) -> dict[str, Any]:
        clips = 280 + 140 * index
        return {"name": f"s{index}", "both": {"task.data.clips": clips}}

    return {
        "name": "small",
        "proxy": side("ia3"),
        "target": side("lora"),
        "train": [scenario(k) for k in range(train)],
        "test": [scenario(k) for k in range(train, train + test)],
    }


def written(folder: Path, content: dict[str, Any] | None = None) -> Path:
    path = folder / "bridge.yaml"
    path.write_text(yaml.safe_dump(tree() if content is None else content))
    return path


class Driver:
    """Plays the sweeps without Ray: the target's best rate lies 0.2 above the proxy's."""

    def __init__(self) -> None:
        self.started: list[str] = []
        self.resumed: list[str] = []
        self.die_at = ""

    def start(self, sweep: Sweep, runs: Path) -> RunFolder:
        self.started.append(sweep.name)
        return self._play(create_run(sweep, runs))

    def go_on(self, run: RunFolder) -> RunFolder:
        self.resumed.append(run.sweep().name)
        return self._play(run)

    def _play(self, run: RunFolder) -> RunFolder:
        sweep = run.sweep()
        clips = sweep.trial(sweep.space.decode({RATE: 0.5})).task.data.clips
        above = 0.0 if sweep.name.endswith("proxy") else 0.2
        best = 0.1 + 0.6 * (clips - 280) / 840 + above
        run.journal.unlink(missing_ok=True)
        journal = Journal(run.journal)
        journal.write(
            SweepStarted(time=1, sweep=run.path.name, name=sweep.name, seed=0, versions={})
        )
        search = sweep.settings.search
        points = [sweep.space.encode(values) for values in search.first_points]
        points += drawn_points(sweep.space.axes, 16, seed=sweep.settings.seed)
        for number, cube in enumerate(points[: search.trials]):
            if self.die_at == sweep.name and number == 5:
                journal.close()
                raise KeyboardInterrupt
            trial, values = f"t{number:04d}", sweep.space.decode(cube)
            journal.write(Asked(time=2, trial=trial, number=number, cube=cube, values=values))
            metrics = {"accuracy": 1 - (cube[RATE] - best) ** 2}
            journal.write(Reported(time=3, trial=trial, step=80, metrics=metrics, final=True))
            journal.write(Ended(time=4, trial=trial, status=Status.FINISHED))
        journal.write(SweepEnded(time=5, reason="all trials done"))
        journal.close()
        return run


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Workspace, Driver]:
    """A bridge all of whose sweeps have run."""
    folder = tmp_path_factory.mktemp("bridge")
    path, space, driver = written(folder), Workspace(folder / "work"), Driver()
    list(run_sweeps(load_bridge(path), space, drive=Drive(driver.start, driver.go_on)))
    return path, space, driver


def test_prepared_twice_the_second_time_changes_nothing(tmp_path):
    bridge, space = load_bridge(written(tmp_path)), Workspace(tmp_path / "work")
    first, second = list(prepare(bridge, space)), list(prepare(bridge, space))
    assert {step.what for step in first} == {"written"}
    assert {step.what for step in second} == {"unchanged"}
    assert len(first) == 14
    changed = tree()
    changed["train"][0]["target"] = {"search.trials": 20}
    third = list(prepare(load_bridge(written(tmp_path, changed)), space))
    assert [step.name for step in third if step.what == "changed"] == ["s0 target"]


def test_what_has_run_is_not_run_again(done):
    path, space, driver = done
    again = list(run_sweeps(load_bridge(path), space, drive=Drive(driver.start, driver.go_on)))
    assert {step.what for step in again} == {"skipped"}
    assert len(driver.started) == 14
    assert driver.started[:2] == ["small-s0-proxy", "small-s0-target"]


def test_after_a_kill_it_goes_on_and_the_pairs_are_the_same(done, tmp_path):
    path, space, _ = done
    bridge, other, driver = load_bridge(path), Workspace(tmp_path / "work"), Driver()
    driver.die_at = "small-s1-target"
    with pytest.raises(KeyboardInterrupt):
        list(run_sweeps(bridge, other, drive=Drive(driver.start, driver.go_on)))
    driver.die_at = ""
    steps = list(run_sweeps(bridge, other, drive=Drive(driver.start, driver.go_on)))
    assert [step.what for step in steps[:5]] == ["skipped"] * 3 + ["resumed", "run"]
    assert driver.resumed == ["small-s1-target"]
    seen = [
        [pair.model_copy(update={"runs": ()}) for pair in found.train + found.test]
        for found, _ in (collect(bridge, finder(bridge, here)) for here in (other, space))
    ]
    assert seen[0] == seen[1]


def test_a_sweep_of_another_version_of_the_file_is_not_taken_for_it(done, tmp_path):
    _, space, _ = done
    changed = tree()
    changed["target"]["search"]["trials"] = 17
    bridge = load_bridge(written(tmp_path, changed))
    scenario = bridge.settings.train[0]
    assert find_run(bridge.sweep(scenario, "target"), space.runs) is None
    assert find_run(bridge.sweep(scenario, "proxy"), space.runs) is not None


def test_pairs_hold_what_is_known_of_the_data_and_the_table_every_trial(done, tmp_path):
    path, space, _ = done
    bridge = load_bridge(path)
    collected, trials = collect(bridge, finder(bridge, space))
    assert [pair.scenario for pair in collected.train] == [f"s{k}" for k in range(5)]
    assert [pair.seen.data["clips"] for pair in collected.test] == [280 + 140 * k for k in (5, 6)]
    assert len(trials) == 14 * 16
    assert set(trials["side"]) == {"proxy", "target"}
    write_collected(tmp_path, collected, trials)
    again, table = read_collected(tmp_path)
    assert again == collected
    pd.testing.assert_frame_equal(table, trials)


def test_it_is_fitted_judged_and_predicts(done):
    path, space, _ = done
    bridge = load_bridge(path)
    collected, trials = collect(bridge, finder(bridge, space))
    model = fitted("small", collected, trials)
    assert model.has_signal, model.sentence
    assert model.regret is not None
    found = evaluate(model, collected, trials)
    by = {judged.by: judged for judged in found.judged}
    assert by["bridge"].error < by["mean"].error
    assert by["bridge"].regret < by["mean"].regret
    assert set(by) == {"bridge", "mean", "best of history"}
    shot = one_shot(model, collected.test[0].seen)
    low, high = shot["spans"][RATE]
    assert 1e-4 <= low <= shot["values"][RATE] <= high <= 1e-2


def test_predictions_run_once_each_and_their_own_regret_is_told(done):
    path, space, _ = done
    bridge, driver = load_bridge(path), Driver()
    collected, trials = collect(bridge, finder(bridge, space))
    model = fitted("small", collected, trials)
    for word in ("run", "skipped"):
        tried = {}
        drive = Drive(driver.start, driver.go_on)
        for step, loss in try_predictions(bridge, space, model, collected.test, drive=drive):
            assert step.what == word
            tried[step.name] = loss
        assert len(driver.started) == 2
    run = find_run_of(space, "small-s5-predicted")
    assert len(run.history().trials) == 1
    losses = {name.removesuffix(" predicted"): loss for name, loss in tried.items()}
    found = evaluate(model, collected, trials, losses)
    for pair in collected.test:
        shot = found.shots[pair.scenario]
        best = 0.1 + 0.6 * (pair.seen.data["clips"] - 280) / 840 + 0.2
        cube = load_bridge(path).sweep(bridge.settings.test[0], "target").space.encode(shot.values)
        assert shot.loss == pytest.approx((cube[RATE] - best) ** 2 - 1)
        assert shot.regret == pytest.approx(shot.loss - pair.loss)
    assert len(found.regrets) == 2


def find_run_of(space: Workspace, name: str) -> RunFolder:
    (path,) = space.runs.glob(f"{name}-*")
    return RunFolder(path)


def test_code_that_nobody_allowed_is_refused_before_anything_runs(tmp_path):
    content = tree()
    for name in ("proxy", "target"):
        content[name] = {
            "task": {
                "kind": "function", "entry_point": "os.path:join",
                "parameters": {"x": {"low": 0, "high": 1}},
            },
            "search": {"trials": 4, "objectives": {"value": "min"}},
        }  # fmt: skip
    content |= {"train": [{"name": "a"}, {"name": "b"}], "test": []}
    bridge = load_bridge(written(tmp_path, content))
    with pytest.raises(InputError, match="allow it with --allow-code"):
        check_code(bridge, allowed=False)
    check_code(bridge, allowed=True)


def test_scenarios_that_have_not_run_are_named_and_too_few_are_refused(tmp_path):
    bridge = load_bridge(written(tmp_path))
    collected, trials = collect(bridge, finder(bridge, Workspace(tmp_path / "work")))
    assert collected.train == ()
    assert len(collected.missing) == 14
    assert collected.missing[0] == "s0: its proxy has no trial that ran to its end"
    with pytest.raises(AutopeftError, match="0 pairs: too few"):
        fitted("small", collected, trials)
    with pytest.raises(AutopeftError, match="`autopeft bridge collect` writes it"):
        read_collected(tmp_path / "nowhere")


def test_a_side_that_was_tuned_before_is_taken_as_it_is(done, tmp_path):
    path, space, _ = done
    earlier = load_bridge(path)
    run = find_run(earlier.sweep(earlier.settings.train[0], "proxy"), space.runs)
    content = tree(train=3, test=0)
    content["train"][0]["proxy_run"] = str(run.path)
    bridge, driver = load_bridge(written(tmp_path, content)), Driver()
    steps = list(
        run_sweeps(bridge, Workspace(tmp_path / "w"), drive=Drive(driver.start, driver.go_on))
    )
    assert [(step.what, step.where) for step in steps[:1]] == [("given", run.path)]
    assert "small-s0-proxy" not in driver.started


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"nmae": "x"}, ["unknown key 'nmae'; did you mean 'name'?"]),
        ({"train": []}, ["train: found []"]),
        (
            {"train": [{"name": "a"}, {"name": "a"}]},
            ["train[1].name: two scenarios are named 'a'; give each its own name"],
        ),
        (
            {"train": [{"name": "a", "both": {"task.data.domian": "kitchen"}}, {"name": "b"}]},
            ["a, proxy: task.data.domian: unknown key", "a, target: task.data.domian: unknown key"],
        ),
        (
            {
                "train": [
                    {"name": "a"},
                    {"name": "b", "target": {"method.rank": "search"}},
                ]
            },
            ["train[1]: its target searches another space than a's; all must be alike"],
        ),
    ],
)
def test_what_is_wrong_with_a_bridge_file_is_said_in_words(tmp_path, change, words):
    with pytest.raises(InputError) as caught:
        load_bridge(written(tmp_path, {**tree(), **change}))
    for sentence in words:
        assert sentence in str(caught.value)
    assert str(tmp_path / "bridge.yaml") in str(caught.value) or "both" in str(change)
