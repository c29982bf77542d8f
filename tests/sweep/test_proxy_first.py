"""A sweep whose bridge has no proxy yet: it is made from the model, on the sweep's own data."""

from pathlib import Path
from typing import Any

import pytest

from autopeft.bridge.draws import drawn_points
from autopeft.bridge.fitting import FEWEST_PAIRS
from autopeft.bridge.model_file import fit, read_model, write_model
from autopeft.bridge.opening import make_opening
from autopeft.bridge.own_proxy import own_proxy
from autopeft.bridge.pairs import Pair, Seen
from autopeft.core.errors import AutopeftError, InputError
from autopeft.spec.load import load_sweep
from autopeft.spec.sweep import Sweep
from autopeft.sweep.plan import make_plan
from autopeft.sweep.proxy_first import tuned_proxy
from autopeft.tracking.events import Asked, Ended, Reported, Status, SweepEnded, SweepStarted
from autopeft.tracking.journal import Journal
from autopeft.tracking.run_folder import RunFolder, create_run


def side(name: str, **constants: float) -> dict[str, Any]:
    return {
        "name": f"any-{name}",
        "task": {
            "kind": "function",
            "entry_point": f"family-{name}",
            "parameters": {
                "x": {"low": 0, "high": 1}, "y": {"low": 0, "high": 1},
                "at_x": 0.5, "at_y": 0.5, **constants,
            },
        },
        "search": {"trials": 9, "objectives": {"value": "min"}},
        "tracking": {"enabled": False},
    }  # fmt: skip


PROXY = load_sweep(side("proxy"))


@pytest.fixture
def model(tmp_path: Path) -> Path:
    pairs = tuple(
        Pair(
            scenario=f"s{k}", target={"x": 0.2 + 0.1 * k, "y": 0.5}, loss=0.0,
            seen=Seen(optimum={"x": 0.1 + 0.1 * k, "y": 0.5}, surface={}),
        )
        for k in range(FEWEST_PAIRS + 3)
    )  # fmt: skip
    space = PROXY.space
    found = fit("small", pairs, proxy=space, target=space, objective=("value", "min"))
    path = tmp_path / "model.json"
    write_model(path, found.model_copy(update={"proxy_sweep": PROXY.raw}))
    return path


def target(model: Path, **start: Any) -> Sweep:
    spec = side("target", at_x=0.3, at_y=0.6)
    spec["name"] = "new"
    spec["search"]["warm_start"] = {"kind": "bridge", "model": str(model), **start}
    return load_sweep(spec)


class Driver:
    """Plays a sweep without Ray: best at x = 0.3."""

    def __init__(self, code: int = 0) -> None:
        self.code = code
        self.drove: list[RunFolder] = []

    def __call__(self, run: RunFolder) -> int:
        self.drove.append(run)
        if self.code:
            return self.code
        sweep, journal = run.sweep(), Journal(run.journal)
        journal.write(SweepStarted(time=1, sweep=run.path.name, name="p", seed=0, versions={}))
        for number, cube in enumerate(drawn_points(sweep.space.axes, 9, seed=0)):
            trial, values = f"t{number:04d}", sweep.space.decode(cube)
            journal.write(Asked(time=2, trial=trial, number=number, cube=cube, values=values))
            loss = {"value": (cube["x"] - 0.3) ** 2}
            journal.write(Reported(time=3, trial=trial, step=1, metrics=loss, final=True))
            journal.write(Ended(time=4, trial=trial, status=Status.FINISHED))
        journal.write(SweepEnded(time=5, reason="all"))
        journal.close()
        return 0


def test_the_proxy_is_tuned_on_the_sweeps_own_data_and_once(model, tmp_path):
    sweep, driver = target(model), Driver()
    run = create_run(sweep, tmp_path / "runs")
    proxy = tuned_proxy(run, sweep, drive=driver)
    (made,) = driver.drove
    task = made.sweep().template.trees["task"]
    assert made.sweep().name == "new-proxy"
    assert (task["entry_point"], task["parameters"]["at_x"]) == ("family-proxy", 0.3)
    assert made.sweep().space == PROXY.space
    assert tuned_proxy(run, sweep, drive=driver) == proxy
    assert len(driver.drove) == 1
    opening = make_opening(sweep, proxy=proxy)
    assert opening is not None
    assert opening.first
    assert opening.sources[-1] == made.path.name


def test_what_it_may_be_told_otherwise(model):
    found = target(model, overrides={"search.trials": 4, "task.parameters.at_y": 0.9})
    start = found.settings.search.warm_start
    proxy = own_proxy(read_model(model), start, found)
    assert proxy.settings.search.trials == 4
    assert proxy.template.trees["task"]["parameters"]["at_y"] == 0.9
    wrong = target(model, overrides={"task.parameters.x": {"low": 0, "high": 2}})
    with pytest.raises(InputError, match="searches another space than it was fitted with"):
        make_opening(wrong)


def test_a_plan_says_what_comes_first(model):
    plan = make_plan(target(model))
    assert any(
        "proxy is tuned first, as the sweep new-proxy: 9 trials" in w for w in plan.warm_start
    )


def test_a_run_that_is_named_needs_no_tuning(model, tmp_path):
    sweep = target(model, proxy="runs/somewhere")
    assert tuned_proxy(create_run(sweep, tmp_path / "runs"), sweep, drive=Driver()) is None


def test_a_proxy_that_fails_or_is_interrupted_ends_the_sweep_before_it_begins(model, tmp_path):
    sweep = target(model)
    run = create_run(sweep, tmp_path / "runs")
    with pytest.raises(AutopeftError, match="the proxy's sweep did not reach its end"):
        tuned_proxy(run, sweep, drive=Driver(1))
    with pytest.raises(KeyboardInterrupt):
        tuned_proxy(run, sweep, drive=Driver(130))


def test_a_model_that_does_not_know_its_proxy_says_what_to_do(model):
    write_model(model, read_model(model).model_copy(update={"proxy_sweep": None}))
    with pytest.raises(InputError, match="does not say how its proxy is tuned"):
        make_opening(target(model))
