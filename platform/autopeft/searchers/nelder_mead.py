"""Nelder and Mead's search in a sweep: a simplex per branch, a bandit over branches, a filler.

Ordered axes make the cube a simplex walks in; levels are reached by the nearest one, bounds are
reachable. An unordered choice, or one that other axes depend on, has no direction to walk in: each
combination of such choices is a *branch* with a simplex of its own, opened around the best result
the branch has. Which branch is searched next is decided by an upper confidence bound on the rank of
its best result (Auer et al., 2002, with ranks for rewards, so that no scale is assumed); the filler
proposes the first points, and one in four later on, over all branches.

With one branch, the simplex begins at once, and the filler gives points only when all that the
simplex can use is out. Whoever proposed a point, its result may join the simplex of its branch.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np

from autopeft.searchers.base import (
    Done,
    Failed,
    Interim,
    Outcome,
    Proposal,
    Setting,
    Wait,
    reckons_with_costs,
)
from autopeft.searchers.branch_results import BranchResults, branch_from_json
from autopeft.searchers.branches import Branch, branch_of, splitting_axes
from autopeft.searchers.costs import Costs
from autopeft.searchers.given import completed_first
from autopeft.searchers.optuna_samplers import cmaes_searcher, random_searcher, tpe_searcher
from autopeft.searchers.optuna_searcher import OptunaSearcher
from autopeft.searchers.simplex import Coefficients, Point
from autopeft.searchers.simplex_ground import Ways
from autopeft.searchers.simplex_starts import random_simplex, regular_simplex
from autopeft.searchers.simplex_walk import SimplexWalk
from autopeft.spec.searcher import CmaesSearcher, NelderMeadSearcher, RandomSearcher, TpeSearcher
from autopeft.spec.space import Axis, Cube, completed, middle_of

FILLED_FIRST = 10
FILLED_EVERY = 4
EXPLORATION = 0.3
REDRAWS = 10
MOST_LOOKED_THROUGH = 1024  # points of a space of a few levels


@dataclass(frozen=True, slots=True)
class Given:
    """A point that was proposed: where it lies, and the filler's number if that proposed it."""

    cube: Cube
    filler: int | None = None


class NelderMead:
    """See the module's text, and ``BranchResults`` for how outcomes count.

    Where a paused trial goes on, the moves that its value led to stay made, and the simplex stands
    on its last one.
    """

    def __init__(self, options: NelderMeadSearcher, setting: Setting) -> None:
        self._options, self._setting = options, setting
        self._split = splitting_axes(setting.axes)
        self._costs = Costs(setting.axes) if reckons_with_costs(options, setting) else None
        self._first = completed_first(setting)
        # The user's points are given by us, so that they come first and once.
        self._filler = _filler(options, replace(setting, first=()))
        self._walks: dict[Branch, SimplexWalk] = {}
        self._results = BranchResults(setting.directions[0])
        self._out: dict[int, Given] = {}
        self._paused: dict[int, Given] = {}
        self._asked, self._begun = setting.begin, 0

    def ask(self) -> Proposal | Wait | Done:
        """Return what the simplex of the most promising branch needs, or a point of the filler."""
        over = self._end()
        if over:
            return Done(over)
        number = self._asked
        given = self._next(number)
        if given is None:
            return Wait()
        self._asked += 1
        self._out[number] = given
        return Proposal(number, given.cube)

    def tell(self, number: int, outcome: Outcome) -> None:
        """Take an outcome, in any order; the first one of a proposal counts that is not interim."""
        given = self._out.pop(number, None) or self._paused.pop(number, None)
        if given is None:
            return
        if isinstance(outcome, Interim):
            self._paused[number] = given
        if given.filler is None:
            self._filler.add(given.cube, outcome)
        else:
            self._filler.tell(given.filler, outcome)
        self._learn(given.cube, outcome, number)

    def adopt(self, number: int, cube: Cube) -> None:
        """Wait for the result of ``cube``; the simplex may ask anew for what it had asked for."""
        if self._paused.pop(number, None) is not None:
            self._results.settle(number)
        if number in self._out:
            self.forget(number)
        self._out[number] = self._held(Given(cube), number)
        self._asked = max(self._asked, number + 1)

    def add(self, cube: Cube, outcome: Outcome) -> None:
        """Take the outcome of a point that somebody else proposed."""
        self._filler.add(cube, outcome)
        self._learn(cube, outcome, number=None)

    def forget(self, number: int) -> None:
        """Know that a proposal will not be evaluated; its point may be proposed again."""
        given = self._out.pop(number)
        if given.filler is not None:
            self._filler.tell(given.filler, Failed("not evaluated"))
        walk = self._walks.get(self._branch_of(given.cube))
        if walk is not None:
            walk.forget(number)

    def _end(self) -> str:
        """Return why there is nothing more to ask, ever; nothing if there is."""
        if self._split and self._is_small and self._untried() is None:
            return "every point of the space has been tried"
        walk = self._walks.get(())
        if self._split or walk is None or not walk.is_over:
            return ""
        if walk.converged and not self._options.restarts and self._setting.axes:
            return "the simplex has converged"
        return "every point of the space has been tried"

    def _next(self, number: int) -> Given | None:
        if self._split and self._begun < len(self._first):
            self._begun += 1
            return self._held(Given(self._first[self._begun - 1]), number)
        branch = self._choice(number)
        if branch is not None:
            is_new = branch not in self._walks
            walk = self._walk(branch)
            point = walk.ask(number)
            if point is not None:
                return Given(self._cube(branch, point))
            if not self._options.parallel and walk.is_waiting:
                if is_new:  # whoever waits must leave no trace: a resume replays proposals only
                    del self._walks[branch]
                return None
        return self._held(self._fill(), number)

    def _held(self, given: Given, number: int) -> Given:
        """Let the branch's simplex know that this point is out."""
        branch = self._branch_of(given.cube)
        if branch in self._walks:
            self._walks[branch].hold(number, self._point(branch, given.cube))
        return given

    def _fill(self) -> Given:
        """Return a point of the filler, if possible one that nobody has tried."""
        for _ in range(REDRAWS):
            proposal = self._filler.ask()
            assert isinstance(proposal, Proposal)
            if not self._is_known(proposal.cube):
                break
            self._filler.tell(proposal.number, Failed("tried before"))
        else:
            untried = self._untried() if self._is_small else None
            if untried is not None:
                return Given(untried)
            proposal = self._filler.ask()
            assert isinstance(proposal, Proposal)
        return Given(proposal.cube, filler=proposal.number)

    @property
    def _is_small(self) -> bool:
        """Whether the space has levels only, and few enough to look through."""
        count = math.prod(axis.levels or 0 for axis in self._setting.axes)
        return bool(self._setting.axes) and 0 < count <= MOST_LOOKED_THROUGH

    def _untried(self) -> dict[str, float] | None:
        """Return a point of a small space that nobody has tried; ``None`` if there is none."""
        axes = self._setting.axes
        for point in product(*(range(axis.levels or 1) for axis in axes)):
            everywhere = {
                axis.name: middle_of(level, axis.levels or 1)
                for axis, level in zip(axes, point, strict=True)
            }
            cube = completed(axes, {}, everywhere)
            if not self._is_known(cube):
                return cube
        return None

    def _is_known(self, cube: Cube) -> bool:
        branch = self._branch_of(cube)
        point = self._point(branch, cube)
        tried = any(point == other for other, _ in self._results.of(branch))
        return tried or any(cube == given.cube for given in self._out.values())

    # Branches

    def _choice(self, number: int) -> Branch | None:
        """Return the branch to search, or ``None`` if the filler is to look over all of them."""
        if not self._split:
            return ()
        if len(self._results) < FILLED_FIRST or number % FILLED_EVERY == 0:
            return None
        losses = self._results.losses()
        promises = {
            branch: self._promise(branch, self._results.of(branch), losses)
            for branch in self._results
            if branch not in self._walks or not self._walks[branch].is_over
        }
        return min(promises, key=promises.__getitem__, default=None)

    def _promise(
        self, branch: Branch, found: list[tuple[Point, float]], losses: list[float]
    ) -> float:
        """Return the lower confidence bound on the rank (0 to 1) of a branch's best result.

        Where time is the budget a branch's trials count by what they cost: curiosity is shared out
        in seconds. What a branch has shown is not discounted: the best one is worth its price.
        """
        best = min(loss for _, loss in found)
        rank = np.searchsorted(losses, best) / len(losses) if best < math.inf else 1.0
        spent = len(found) * (1.0 if self._costs is None else self._costs.relative(branch))
        return float(rank - EXPLORATION * math.sqrt(math.log(len(losses)) / spent))

    def _branch_of(self, cube: Cube) -> Branch:
        return branch_of(self._setting.axes, self._split, cube)

    def _free(self, branch: Branch) -> list[Axis]:
        """Return the axes that a branch's simplex walks along."""
        return [
            axis
            for axis in self._setting.axes
            if axis.name not in self._split and (axis.when is None or axis.when in branch)
        ]

    def _point(self, branch: Branch, cube: Cube) -> Point:
        return tuple(cube[axis.name] for axis in self._free(branch))

    def _cube(self, branch: Branch, point: Point) -> dict[str, float]:
        levels = {axis.name: axis.levels or 1 for axis in self._setting.axes}
        found = {name: middle_of(level, levels[name]) for name, level in branch}
        found |= {axis.name: x for axis, x in zip(self._free(branch), point, strict=True)}
        return {axis.name: found[axis.name] for axis in self._setting.axes if axis.name in found}

    # Simplices

    def _walk(self, branch: Branch) -> SimplexWalk:
        """Return the branch's simplex; a new one begins with what the branch has shown so far."""
        if branch not in self._walks:
            found = self._results.of(branch)
            walk = self._new_walk(branch, self._start(branch, found))
            for number, given in self._out.items():
                if self._branch_of(given.cube) == branch:
                    walk.hold(number, self._point(branch, given.cube))
            for point, loss in found:
                walk.add(point, loss)
            self._walks[branch] = walk
        return self._walks[branch]

    def _new_walk(self, branch: Branch, start: Sequence[Point]) -> SimplexWalk:
        options, free = self._options, self._free(branch)
        ways = Ways(
            parallel=options.parallel,
            coefficients=Coefficients.adaptive(len(free)) if options.adaptive else Coefficients(),
            model_share=options.model_share,
            round_model=self._setting.prior is not None,
            size=options.size,
            restarts=options.restarts,
            tolerance=options.tolerance,
        )
        grains = [axis.grain for axis in free]
        seed = self._setting.seed
        return SimplexWalk(grains, ways=ways, seed=seed, start=start, sizes=self._sizes(free))

    def _start(self, branch: Branch, found: list[tuple[Point, float]]) -> list[Point]:
        """Return the first points: the user's, then a random or a regular simplex.

        The latter lies around what the prior expects, else around the best that is known.
        """
        free = self._free(branch)
        d, seed, prior = len(free), self._setting.seed, self._setting.prior
        given = [] if self._split else [self._point(branch, cube) for cube in self._first]
        if self._options.initial == "random" and prior is None:
            return [*given, *random_simplex(d, seed=seed)][: max(d + 1, len(given))]
        centre = (0.5,) * d
        if given or found:
            centre = given[0] if given else min(found, key=lambda pair: pair[1])[0]
        if prior is not None:
            centre = tuple(
                float(prior.mean.get(a.name, x)) for a, x in zip(free, centre, strict=True)
            )
        rng = np.random.default_rng([seed, len(self._walks)])
        around = regular_simplex(centre, self._sizes(free), rng=rng)
        return [*given, *around][: max(d + 1, len(given))]

    def _sizes(self, free: Sequence[Axis]) -> list[float]:
        """Return the size of a first simplex, along each axis."""
        prior = self._setting.prior
        spread: Cube = {} if prior is None else prior.spread
        return [float(spread.get(axis.name, self._options.size)) for axis in free]

    def _learn(self, cube: Cube, outcome: Outcome, number: int | None) -> None:
        branch = self._branch_of(cube)
        point = self._point(branch, cube)
        loss, before = self._results.take(branch, cube, point, outcome, number=number)
        if self._costs is not None:
            noted = None if before is None else before.seconds
            self._costs.note(cube, outcome.seconds, before=noted)
        walk = self._walks.get(branch)
        if walk is None:
            return
        if before is not None:
            walk.revise(point, loss)
        elif number is None:
            walk.add(point, loss)
        else:
            walk.tell(number, loss)

    # State

    def state(self) -> dict[str, Any]:
        """Return everything, as JSON."""
        return {
            "asked": self._asked,
            "begun": self._begun,
            "out": [[n, dict(given.cube), given.filler] for n, given in self._out.items()],
            "paused": [[n, dict(given.cube), given.filler] for n, given in self._paused.items()],
            "results": self._results.state(),
            "walks": [[list(branch), walk.state()] for branch, walk in self._walks.items()],
            "filler": self._filler.state(),
            "costs": [] if self._costs is None else self._costs.state(),
        }

    def load(self, state: Mapping[str, Any]) -> None:
        """Stand where ``state`` was taken."""
        self._asked, self._begun = state["asked"], state["begun"]
        self._out = {number: Given(cube, filler) for number, cube, filler in state["out"]}
        self._paused = {number: Given(cube, filler) for number, cube, filler in state["paused"]}
        self._filler.load(state["filler"])
        if self._costs is not None:
            self._costs.load(state["costs"])
        self._results.load(state["results"])
        for branch, walk in state["walks"]:
            fresh = self._new_walk(branch_from_json(branch), ())
            fresh.load(walk)
            self._walks[branch_from_json(branch)] = fresh


def _filler(options: NelderMeadSearcher, setting: Setting) -> OptunaSearcher:
    """Return who proposes points when the simplex has none; it learns from every result."""
    costs = options.cost_aware
    match options.filler:
        case "random":
            return random_searcher(RandomSearcher(cost_aware=costs), setting)
        case "tpe":
            return tpe_searcher(TpeSearcher(cost_aware=costs), setting)
        case "cmaes":
            return cmaes_searcher(CmaesSearcher(population=10, cost_aware=costs), setting)
