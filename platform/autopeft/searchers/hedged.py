"""A search that begins with a guess, and without it if the guess's own trial shows it wrong.

The guess is tried first. As long as it is out, and for ever if its loss is above the limit, points
are those of a search that never heard of it; else those of one that begins there. Whoever proposed
a point, both learn its result, so that a wrong guess costs one trial; but one that is worse than
all first points of the cold search is kept from that, which it would lead astray.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from autopeft.searchers.base import (
    Done,
    Failed,
    Interim,
    Learner,
    Outcome,
    Proposal,
    Setting,
    Value,
    Wait,
    is_same_point,
    make_searcher,
    outcome_as_json,
    replay,
)
from autopeft.spec.record import Record
from autopeft.spec.space import Cube


@dataclass(frozen=True, slots=True)
class Given:
    """A point that was proposed: by whom (nobody of ours, if it was adopted), and where."""

    by: Learner | None
    inner_number: int
    cube: Cube


class Hedged:
    """See the module's text.

    The user's own first points come before the guess. A guess without a value, or one that breaks a
    constraint, was wrong.
    """

    def __init__(self, options: Record, setting: Setting) -> None:
        assert setting.hedge is not None, "make_searcher asks for this one where there is one"
        self._setting, self._hedge = setting, setting.hedge
        # An own seed of the options was put into the setting already.
        self._options = options.model_copy(update={"seed": None})
        plain = replace(setting, hedge=None, begin=0)
        self._cold: Learner | None = self._made(replace(plain, prior=None, box={}))
        self._warm: Learner | None = self._made(replace(plain, first=self._hedge.points))
        self._guess: int | None = None
        # The guess's result, until it is known what it is beside the cold search's own; and those.
        self._kept_from_cold: tuple[Cube, Outcome] | None = None
        self._cold_losses: dict[int, float] = {}
        self._out: dict[int, Given] = {}
        self._asked = setting.begin
        self._calls: list[list[Any]] = []

    @property
    def dropped(self) -> bool | None:
        """Whether the guess was wrong; ``None`` as long as that is not known."""
        if self._cold is not None and self._warm is not None:
            return None
        return self._warm is None

    def ask(self) -> Proposal | Wait | Done:
        """Return the guess, in its turn, or the next point of the search that goes on."""
        number = self._asked
        is_guess = self._guess is None and number - self._setting.begin >= len(self._setting.first)
        searcher = self._warm if is_guess or self._cold is None else self._cold
        assert searcher is not None
        found = searcher.ask()
        if not isinstance(found, Proposal):
            return found
        if is_guess:
            self._guess = number
        self._asked += 1
        self._out[number] = Given(searcher, found.number, found.cube)
        self._calls.append(["ask"])
        return Proposal(number, found.cube)

    def tell(self, number: int, outcome: Outcome) -> None:
        """Take an outcome; that of the guess, when it is over, decides who goes on."""
        given = self._out.pop(number, None)
        if given is None:
            return
        self._calls.append(["tell", number, outcome_as_json(outcome)])
        is_over = not isinstance(outcome, Interim)
        if not is_over:
            self._out[number] = given
        for searcher in (self._cold, self._warm):
            if searcher is None:
                continue
            if searcher is given.by:
                searcher.tell(given.inner_number, outcome)
            elif searcher is self._cold and number == self._guess:
                # A simplex begins around the best it knows: the cold one is to begin elsewhere.
                self._kept_from_cold = (given.cube, outcome)
            else:
                searcher.add(given.cube, outcome)
        if number != self._guess:
            self._cold_losses[number] = self._loss(outcome)
            self._let_cold_know()
        elif is_over:
            self._decide(is_right=self._is_right(outcome))

    def add(self, cube: Cube, outcome: Outcome) -> None:
        """Take the outcome of a point that somebody else proposed."""
        self._calls.append(["add", dict(cube), outcome_as_json(outcome)])
        for searcher in (self._cold, self._warm):
            if searcher is not None:
                searcher.add(cube, outcome)

    def adopt(self, number: int, cube: Cube) -> None:
        """Take a point of elsewhere; one in the place of the guess is none."""
        self._calls.append(["adopt", number, dict(cube)])
        former = self._out.pop(number, None)
        self._asked = max(self._asked, number + 1)
        if former is not None and is_same_point(former.cube, cube):
            self._out[number] = former
            return
        if former is not None and former.by is not None:
            former.by.tell(former.inner_number, Failed("not evaluated"))
        if number == self._guess:
            self._decide(is_right=False)
        self._out[number] = Given(None, 0, cube)

    def state(self) -> dict[str, Any]:
        """Return the calls made so far; everything follows from them."""
        return {"calls": list(self._calls)}

    def load(self, state: Mapping[str, Any]) -> None:
        """Make the same calls again."""
        replay(self, state["calls"])

    def _made(self, setting: Setting) -> Learner:
        searcher: Learner = make_searcher(self._options, setting)  # type: ignore[assignment]
        return searcher

    def _is_right(self, outcome: Outcome) -> bool:
        return isinstance(outcome, Value) and self._loss(outcome) <= self._hedge.limit

    def _loss(self, outcome: Outcome) -> float:
        """Return what is minimised; infinite for what has no value that counts."""
        if isinstance(outcome, Failed) or any(not v <= 0 for v in outcome.violations):
            return math.inf
        value = outcome.values[0]
        loss = -value if self._setting.directions[0] == "max" else value
        return loss if loss == loss else math.inf

    def _decide(self, *, is_right: bool) -> None:
        if is_right:
            self._cold = None
        else:
            self._warm = None

    def _let_cold_know(self) -> None:
        """Tell the cold search of the guess, once a simplex could stand on its own points."""
        if self._cold is None or self._kept_from_cold is None:
            return
        if len(self._cold_losses) > len(self._setting.axes):
            cube, outcome = self._kept_from_cold
            if self._loss(outcome) <= max(self._cold_losses.values()):
                self._cold.add(cube, outcome)
            self._kept_from_cold = None
