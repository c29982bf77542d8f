"""What the how-tos show about searchers runs."""

import re
from pathlib import Path
from types import ModuleType
from typing import Any

import optuna
import pytest

import autopeft.spec.searcher as spec
from autopeft.searchers import Proposal, Setting, Value
from autopeft.spec.space import Axis, active_axes

HOW_TO = Path(__file__).resolve().parents[2] / "docs" / "how-to"


def shown(page: str) -> list[str]:
    text = (HOW_TO / page).read_text(encoding="utf-8")
    return re.findall(r"```python\n(.*?)```", text, re.DOTALL)


def test_nelder_mead_in_plain_optuna_runs(capsys: pytest.CaptureFixture[str]) -> None:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    (block,) = shown("nelder-mead.md")
    names: dict[str, Any] = {}
    exec(compile(block, "nelder-mead.md", "exec"), names)
    assert "rate" in capsys.readouterr().out
    assert names["study"].best_value < 1


def test_the_searcher_that_is_added_keeps_the_protocol(monkeypatch: pytest.MonkeyPatch) -> None:
    record, searcher, *_ = shown("add-a-searcher.md")
    names = dict(vars(spec))
    exec(compile(record.partition("\n\n\n")[0], "record", "exec"), names)
    monkeypatch.setattr(spec, "HaltonSearcher", names["HaltonSearcher"], raising=False)
    module = ModuleType("halton")
    exec(compile(searcher, "halton", "exec"), vars(module))
    axes = (Axis("kind", levels=2, ordered=False), Axis("x", when=("kind", 0)), Axis("y", levels=3))
    first = ({"kind": 0.25, "x": 0.1, "y": 0.5}, {"y": 5 / 6})
    halton = module.Halton(names["HaltonSearcher"](), Setting(axes, ("max",), 0, first=first))
    for number in range(30):
        answer = halton.ask()
        assert isinstance(answer, Proposal)
        assert {**answer.cube, **(first[number] if number < 2 else {})} == answer.cube
        assert set(answer.cube) == {axis.name for axis in active_axes(axes, answer.cube)}
        halton.tell(number, Value((0.0,)))
    again = module.Halton(names["HaltonSearcher"](), Setting(axes, ("max",), 0, first=first))
    again.load(halton.state())
    assert again.ask() == halton.ask()
