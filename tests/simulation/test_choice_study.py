"""The comparison that ``auto`` follows."""

import pandas as pd
import pytest

from autopeft.simulation import choice_study as study


@pytest.mark.parametrize("scene", ["2 numbers, noise", "DTLZ7, 2 objectives"])
def test_a_scene_gives_a_row_for_every_budget_and_the_same_again(scene: str) -> None:
    (job, *_) = study.jobs([scene], ["random"], most=1)
    rows = study.run_one(job)
    assert [row["trials"] for row in rows] == list(study.SCENES[scene].trials)
    assert study.run_one(job) == rows


def test_what_auto_takes_is_named() -> None:
    assert {name: study.auto_takes(name) for name in study.SCENES} == {
        name: "tpe" if scene.kind == "front" else "nelder-mead"
        for name, scene in study.SCENES.items()
    }


def test_another_that_is_better_is_told_and_one_that_may_be_is_not() -> None:
    def rows(scene: str, better: list[float]) -> list[dict[str, object]]:
        return [
            {"scene": scene, "workers": 4, "searcher": searcher, "case": case, "trials": 24}
            | {"figure": figure * (1 if searcher == "nelder-mead" else factor)}
            for searcher in ("nelder-mead", "random")
            for case, (figure, factor) in enumerate(zip((1.0, 2.0, 3.0, 4.0), better, strict=True))
        ]

    table = pd.DataFrame(
        rows("1 number, noise", [0.5, 0.5, 0.4, 0.6]) + rows("2 numbers, noise", [0.2, 2, 0.9, 1.1])
    )
    shown = study.summary(table)
    assert [name for name, row in shown.items() if study.is_behind(row)] == [
        "1 number, noise, 4 at a time, 24 trials"
    ]
    assert shown["1 number, noise, 4 at a time, 24 trials"][study.OTHER].startswith("random 1.9")
    assert shown["1 number, noise, 4 at a time, 24 trials"]["nelder-mead"] == "**2.5**"
    assert shown["1 number, noise, 4 at a time, 24 trials"]["tpe"] == "–"
