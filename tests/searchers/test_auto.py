"""Which searcher `auto` takes: the table of docs/how-to-choose.md."""

import pytest

from autopeft.searchers import Setting
from autopeft.searchers.auto import choice
from autopeft.spec.space import Axis

NUMBERS = (Axis("rate"), Axis("rank", levels=6, ordered=True))
CHOICE = Axis("method", levels=2, ordered=False)
BRANCH = (Axis("branch", levels=2, ordered=False), Axis("width", when=("branch", 1)))


@pytest.mark.parametrize(
    ("axes", "objectives", "expected"),
    [
        (NUMBERS, 1, "nelder-mead"),
        ((*NUMBERS, CHOICE), 1, "tpe"),
        (BRANCH, 1, "tpe"),
        ((), 1, "random"),
        (NUMBERS, 2, "tpe"),
        (NUMBERS, 3, "tpe"),
    ],
)
def test_the_rule(axes, objectives, expected):
    setting = Setting(axes, ("min",) * objectives, seed=0)
    assert choice(setting).kind == expected
