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
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from autopeft.searchers.base import Done, Failed, Outcome, Proposal, Pruned, Setting, Wait
from autopeft.searchers.optuna_samplers import cmaes_searcher, random_searcher, tpe_searcher
from autopeft.searchers.optuna_searcher import OptunaSearcher
from autopeft.searchers.simplex import Coefficients, Point, random_simplex, regular_simplex
from autopeft.searchers.simplex_walk import SimplexWalk, Ways
from autopeft.spec.searcher import CmaesSearcher, NelderMeadSearcher, RandomSearcher, TpeSearcher
from autopeft.spec.space import Axis, Cube, active_axes, level_of

Branch: TypeAlias = tuple[tuple[str, int], ...]

# An infeasible point is worse than every feasible one, and the less so the nearer it is (Deb 2000).
INFEASIBLE = 1e30
FILLED_FIRST = 10
FILLED_EVERY = 4
EXPLORATION = 0.3


@dataclass(frozen=True, slots=True)
class Given:
    """A point that was proposed: where it lies, and the filler's number if that proposed it."""

    cube: Cube
    filler: int | None = None


class NelderMead:
    """See the module's text; ``tell`` takes failures as the worst of all values.

    A value that a trial had when it was stopped early counts, but never as the best of its branch:
    trials that ran all their steps are not beaten by promises. Constraints are kept by Deb's rule.
    """

    def __init__(self, options: NelderMeadSearcher, setting: Setting) -> None:
        self._options, self._setting = options, setting
        self._sign = -1.0 if setting.directions[0] == "max" else 1.0
        self._is_conditional = bool(self._branch_axes())
        self._filler = _filler(options, setting)
        self._walks: dict[Branch, SimplexWalk] = {}
        self._results: dict[Branch, list[tuple[Point, float]]] = {}
        self._out: dict[int, Given] = {}
        self._asked = self._filled = 0

    def ask(self) -> Proposal | Wait | Done:
        """Return what the simplex of the most promising branch needs, or a point of the filler."""
        number = self._asked
        given = self._next(number)
        if given is None:
            over = not self._options.restarts and any(w.converged for w in self._walks.values())
            return Done("the simplex has converged") if over else Wait()
        self._asked += 1
        self._out[number] = given
        return Proposal(number, given.cube)

    def tell(self, number: int, outcome: Outcome) -> None:
        """Take an outcome, in any order; the first one of a proposal counts."""
        given = self._out.pop(number, None)
        if given is None:
            return
        if given.filler is None:
            self._filler.add(given.cube, outcome)
        else:
            self._filler.tell(given.filler, outcome)
        self._learn(given, outcome, number)

    def add(self, cube: Cube, outcome: Outcome) -> None:
        """Take the outcome of a point that somebody else proposed."""
        self._filler.add(cube, outcome)
        self._learn(Given(cube, filler=-1), outcome, number=-1)

    def _next(self, number: int) -> Given | None:
        given = len(self._setting.first)
        if self._filled < given and (self._is_conditional or not self._options.parallel):
            return self._fill()
        branch = self._choice(number)
        if branch is not None:
            point = self._walk(branch).ask(number)
            if point is not None:
                return Given(self._cube(branch, point))
            if not self._options.parallel:
                return None
        return self._fill()

    def _fill(self) -> Given:
        proposal = self._filler.ask()
        assert isinstance(proposal, Proposal)
        self._filled += 1
        return Given(proposal.cube, filler=proposal.number)

    # Branches

    def _choice(self, number: int) -> Branch | None:
        """Return the branch to search, or ``None`` if the filler is to look over all of them."""
        if not self._is_conditional:
            return ()
        tried = {branch: found for branch, found in self._results.items() if found}
        results = sum(len(found) for found in tried.values())
        if results < FILLED_FIRST or number % FILLED_EVERY == 0:
            return None
        losses = sorted(loss for found in tried.values() for _, loss in found)
        return min(tried, key=lambda branch: self._promise(tried[branch], losses))

    def _promise(self, found: list[tuple[Point, float]], losses: list[float]) -> float:
        """Return the lower confidence bound on the rank (0 to 1) of a branch's best result."""
        best = min(loss for _, loss in found)
        rank = np.searchsorted(losses, best) / len(losses) if best < math.inf else 1.0
        return float(rank - EXPLORATION * math.sqrt(math.log(len(losses)) / len(found)))

    def _branch_axes(self) -> set[str]:
        parents = {axis.when[0] for axis in self._setting.axes if axis.when is not None}
        unordered = {axis.name for axis in self._setting.axes if not axis.ordered}
        return parents | unordered

    def _branch_of(self, cube: Cube) -> Branch:
        split = self._branch_axes()
        return tuple(
            (axis.name, level_of(cube[axis.name], axis.levels or 1))
            for axis in active_axes(self._setting.axes, cube)
            if axis.name in split
        )

    def _free(self, branch: Branch) -> list[Axis]:
        """Return the axes that a branch's simplex walks along."""
        split = self._branch_axes()
        return [
            axis
            for axis in self._setting.axes
            if axis.name not in split and (axis.when is None or axis.when in branch)
        ]

    def _cube(self, branch: Branch, point: Point) -> dict[str, float]:
        levels = {axis.name: axis.levels or 1 for axis in self._setting.axes}
        found = {name: (level + 0.5) / levels[name] for name, level in branch}
        found |= {axis.name: x for axis, x in zip(self._free(branch), point, strict=True)}
        return {axis.name: found[axis.name] for axis in self._setting.axes if axis.name in found}

    # Simplices

    def _walk(self, branch: Branch) -> SimplexWalk:
        """Return the branch's simplex; a new one begins with what the branch has shown so far."""
        if branch not in self._walks:
            free = self._free(branch)
            found = self._results.get(branch, [])
            walk = SimplexWalk(
                [axis.levels for axis in free],
                ways=self._ways(),
                seed=self._setting.seed,
                start=self._start(free, found),
            )
            for point, loss in found:
                walk.add(point, loss)
            self._walks[branch] = walk
        return self._walks[branch]

    def _ways(self) -> Ways:
        options, d = self._options, len(self._setting.axes)
        return Ways(
            parallel=options.parallel,
            coefficients=Coefficients.adaptive(d) if options.adaptive else Coefficients(),
            model_share=options.model_share,
            restarts=options.restarts,
            tolerance=options.tolerance,
        )

    def _start(self, free: list[Axis], found: list[tuple[Point, float]]) -> list[Point]:
        """Return the first vertices: the user's points, then a random or a regular simplex.

        A branch that has results already opens around its best one.
        """
        d = len(free)
        rng = np.random.default_rng([self._setting.seed, len(self._walks)])
        given = [] if self._is_conditional else self._given_points(free)
        if self._options.initial == "random":
            return [*given, *random_simplex(d, seed=self._setting.seed)][: d + 1]
        best = min(found, key=lambda pair: pair[1])[0] if found else None
        centre = given[0] if given else best or (0.5,) * d
        around = regular_simplex(centre, self._options.size, rng=rng)
        return [*given, *around][: max(d + 1, len(given))]

    def _given_points(self, free: list[Axis]) -> list[Point]:
        rng = np.random.default_rng([self._setting.seed, 1])
        return [
            tuple(float(cube.get(axis.name, rng.random())) for axis in free)
            for cube in self._setting.first
        ]

    def _learn(self, given: Given, outcome: Outcome, number: int) -> None:
        branch = self._branch_of(given.cube)
        point = tuple(given.cube[axis.name] for axis in self._free(branch))
        results = self._results.setdefault(branch, [])
        best = min((loss for _, loss in results), default=-math.inf)
        loss = self._loss(outcome, best)
        results.append((point, loss))
        walk = self._walks.get(branch)
        if walk is not None and given.filler is None:
            walk.tell(number, loss)
        elif walk is not None:
            walk.add(point, loss)

    def _loss(self, outcome: Outcome, best: float) -> float:
        """Return what is minimised; infinite for what has no value."""
        if isinstance(outcome, Failed) or not math.isfinite(outcome.values[0]):
            return math.inf
        broken = sum(max(violation, 0.0) for violation in outcome.violations)
        loss = INFEASIBLE * (1 + broken) if broken > 0 else self._sign * outcome.values[0]
        return max(loss, best) if isinstance(outcome, Pruned) else loss

    # State

    def state(self) -> dict[str, Any]:
        """Return everything, as JSON."""
        return {
            "asked": self._asked,
            "filled": self._filled,
            "out": [[n, dict(given.cube), given.filler] for n, given in self._out.items()],
            "results": [[list(b), [[list(p), x] for p, x in r]] for b, r in self._results.items()],
            "walks": [[list(branch), walk.state()] for branch, walk in self._walks.items()],
            "filler": self._filler.state(),
        }

    def load(self, state: Mapping[str, Any]) -> None:
        """Stand where ``state`` was taken."""
        self._asked, self._filled = state["asked"], state["filled"]
        self._out = {number: Given(cube, filler) for number, cube, filler in state["out"]}
        self._filler.load(state["filler"])
        for branch, results in state["results"]:
            self._results[_branch(branch)] = [(tuple(point), loss) for point, loss in results]
        for branch, walk in state["walks"]:
            levels = [axis.levels for axis in self._free(_branch(branch))]
            fresh = SimplexWalk(levels, ways=self._ways(), seed=self._setting.seed, start=())
            fresh.load(walk)
            self._walks[_branch(branch)] = fresh


def _branch(data: list[list[Any]]) -> Branch:
    return tuple((str(name), int(level)) for name, level in data)


def _filler(options: NelderMeadSearcher, setting: Setting) -> OptunaSearcher:
    """Return who proposes points when the simplex has none; it learns from every result."""
    match options.filler:
        case "random":
            return random_searcher(RandomSearcher(), setting)
        case "tpe":
            return tpe_searcher(TpeSearcher(), setting)
        case "cmaes":
            return cmaes_searcher(CmaesSearcher(population=10), setting)
