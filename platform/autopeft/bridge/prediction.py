"""A bridge at work: the proxy's sweep on new data in, the opening of the target's sweep out."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from autopeft.bridge.best import best_points, clipped
from autopeft.bridge.expected_loss import loss_limit
from autopeft.bridge.fitting import Prediction
from autopeft.bridge.likeness import Beside, beside
from autopeft.bridge.model_file import BridgeModel, read_model
from autopeft.bridge.moving import moved_position
from autopeft.bridge.opening import PLACE
from autopeft.bridge.own_proxy import own_proxy
from autopeft.bridge.pairs import Seen, data_features, seen_by
from autopeft.bridge.past import PastRun, cube_in, read_past_run, run_of
from autopeft.core.errors import AutopeftError, InputError, Problem
from autopeft.core.seeds import derive_seed
from autopeft.spec.space import Axis, Space, snapped
from autopeft.spec.sweep import Sweep
from autopeft.spec.warm_start import Bridge, Opening
from autopeft.tracking.run_folder import open_run

# The box around a prediction reaches so many standard deviations to each side.
REACH = 2.0
# After a prediction that hits, so many points are drawn from around it.
DRAWS = 1
LONGEST_LIST = 4


def bridge(options: Bridge, sweep: Sweep) -> Opening:
    """Return the opening that a bridge's model makes of the proxy's run.

    Where the proxy is still to be tuned, that is all there is to say.

    Raises:
        InputError: Model or run are missing, or speak of another space; all of it.
    """
    problems: list[Problem] = []
    model, shown, ahead = None, None, None
    try:
        model = read_model(Path(options.model))
    except AutopeftError as error:
        problems.append(sweep.problem((*PLACE, "model"), str(error)))
    if model is not None and not set(_names(model.target_space)) & set(_names(sweep.space)):
        problems.append(sweep.problem((*PLACE, "model"), _strange(model, sweep.space)))
    if model is not None:
        try:
            if options.proxy is None:
                ahead = _ahead(own_proxy(model, options, sweep))
            else:
                shown = seen_in(model, options.proxy, options.features)
        except AutopeftError as error:
            problems.append(sweep.problem((*PLACE, "proxy"), str(error)))
    if not problems and ahead is not None:
        return ahead
    if problems or model is None or shown is None or options.proxy is None:
        raise InputError(problems)
    opening = opening_by(
        model, *shown, points=options.points, seed=sweep.settings.seed, space=sweep.space
    )
    proxy = Path(open_run(options.proxy).path).name
    return opening.model_copy(update={"sources": (*opening.sources, proxy)})


def _ahead(proxy: Sweep) -> Opening:
    searched = ", ".join(_names(proxy.space))
    remark = (
        f"the proxy is tuned first, as the sweep {proxy.name}: {proxy.settings.search.trials} "
        f"trials of {searched}; what it shows decides where this one begins"
    )
    return Opening(kind="bridge", remarks=(remark,))


def seen_in(model: BridgeModel, proxy: str, features: Mapping[str, float]) -> tuple[Seen, PastRun]:
    """Return what a proxy's run folder shows of new data, and the run itself.

    Raises:
        AutopeftError: There is no such run, or none that searched the proxy's space.
    """
    run = open_run(proxy)
    past = read_past_run(run, model.proxy_space)
    if not past.trials:
        raise AutopeftError(
            f"{run.path.name} has no trial of this bridge's proxy, which searches "
            f"{', '.join(_names(model.proxy_space))}"
        )
    data = {**data_features(run.sweep(), run.history()), **features}
    return seen_by(past, model.proxy_space.axes, data), past


def opening_by(
    model: BridgeModel,
    seen: Seen,
    proxy: PastRun,
    *,
    points: int,
    seed: int,
    space: Space | None = None,
) -> Opening:
    """Return what a sweep of ``space`` (by default the bridge's own) begins with.

    The prediction comes first. Where such predictions hit, the space is narrowed around it; where
    they miss, what did well where the proxy looked alike comes next, and the space stays as wide as
    it is. Without a signal the best of the past comes first.

    Args:
        model: The bridge.
        seen: What is known of the new data.
        proxy: The proxy's run there.
        points: How many points come first, at most.
        seed: Of forests and draws.
        space: What the sweep searches.
    """
    space = space or model.target_space
    if not model.has_signal:
        return _best_of_its_past(model, points, space)
    found = model.predict()(seen)
    past = _beside(model, proxy, points - 1, seed=seed) if model.past else None
    hits = past is None or past.hits
    if past is not None and not hits:
        after = past.points
    else:
        count = points - 1 if past is None else min(points - 1, DRAWS)
        after = tuple(_drawn(model.target_space.axes, found, count, seed=seed))
    limit = None if model.regret is None else loss_limit(model.pairs, model.regret, seen)
    box, mean, spread = _belief(model.target_space, space, found)
    return Opening(
        kind="bridge",
        first=tuple(cube_in(space, model.target_space.decode(c)) for c in (found.cube, *after)),
        box=box if hits else {},
        mean=mean,
        spread=spread,
        limit=limit,
        sources=_taught(model),
        remarks=(
            model.sentence,
            *_assumed(model, seen),
            *([] if past is None or hits else [_misses(past)]),
            *_doubt(model, limit),
        ),
    )


def _best_of_its_past(model: BridgeModel, points: int, space: Space) -> Opening:
    runs = [run_of(p.scenario, [(p.target, p.loss)]) for p in model.pairs]
    best = [cube_in(space, model.target_space.decode(c)) for c in best_points(runs, points)]
    remark = f"{model.sentence}; the best of its past comes first instead"
    return Opening(kind="bridge", first=tuple(best), sources=_taught(model), remarks=(remark,))


def _taught(model: BridgeModel) -> tuple[str, ...]:
    return tuple(name for pair in model.pairs for name in (pair.runs or (pair.scenario,)))


def _belief(
    theirs: Space, ours: Space, found: Prediction
) -> tuple[dict[str, tuple[float, float]], dict[str, float], dict[str, float]]:
    """Return box, mean and spread of a prediction, in the words of the space that is searched."""
    box, mean, spread = {}, {}, {}
    searched = set(_names(ours))
    for name in (n for n in found.cube if n in found.spread and n in searched):
        old, new, there, width = theirs[name], ours[name], found.cube[name], found.spread[name]
        low, high = clipped(there - REACH * width, there + REACH * width)
        box[name] = clipped(moved_position(old, new, low), moved_position(old, new, high))
        mean[name] = moved_position(old, new, there)
        spread[name] = width if old == new else (box[name][1] - box[name][0]) / (2 * REACH)
    return box, mean, spread


def _beside(model: BridgeModel, proxy: PastRun, count: int, *, seed: int) -> Beside:
    return beside(
        model.past,
        proxy,
        proxy_axes=model.proxy_space.axes,
        axes=model.target_space.axes,
        count=count,
        seed=seed,
    )


def _misses(past: Beside) -> str:
    words = (
        f"on data like this such predictions lose {100 * past.lost:.0f} % of the way from the best "
        "to what is typical"
    )
    if not past.points:
        return f"{words}: the space is not narrowed"
    count = f"{len(past.points)} point{'s' if len(past.points) > 1 else ''}"
    return f"{words}: what did well where the proxy looked alike follows ({count})"


def _doubt(model: BridgeModel, limit: float | None) -> Iterator[str]:
    if limit is not None:
        shown = -limit if model.direction == "max" else limit
        worse = "below" if model.direction == "max" else "above"
        yield f"dropped if its first trial has {model.metric} {worse} {shown:.4g}"


def _drawn(
    axes: Sequence[Axis], found: Prediction, count: int, *, seed: int
) -> Iterator[dict[str, float]]:
    """Yield points around a prediction, its choices kept."""
    rng = np.random.default_rng(derive_seed(seed, "bridge"))
    levels = {axis.name: axis.levels for axis in axes}
    for _ in range(count):
        yield {
            name: snapped(float(np.clip(rng.normal(x, found.spread[name]), 0, 1)), levels[name])
            if name in found.spread
            else x
            for name, x in found.cube.items()
        }


def _assumed(model: BridgeModel, seen: Seen) -> Iterator[str]:
    unknown = model.unknown_inputs(seen)
    if unknown:
        more = f" and {len(unknown) - LONGEST_LIST} more" if len(unknown) > LONGEST_LIST else ""
        yield (
            f"not known here and taken as in the mean of the pairs: "
            f"{', '.join(unknown[:LONGEST_LIST])}{more}"
        )


def _names(space: Space) -> list[str]:
    return [dimension.name for dimension in space.dimensions]


def _strange(model: BridgeModel, space: Space) -> str:
    return (
        f"the bridge predicts {', '.join(_names(model.target_space))}, and this sweep searches "
        f"{', '.join(_names(space)) or 'nothing'}"
    )


def one_shot(model: BridgeModel, seen: Seen, proxy: PastRun | None = None) -> dict[str, Any]:
    """Return the predicted configuration with its spans, and what it may be expected to lose.

    Without a signal the prediction is the mean of the past targets. With the proxy's run it is also
    said where such predictions miss.
    """
    found, space = model.predict()(seen), model.target_space
    doubts = []
    if proxy is not None and model.past and model.has_signal:
        past = _beside(model, proxy, 0, seed=0)
        doubts = [] if past.hits else [_misses(past).partition(":")[0]]
    spans = {
        name: tuple(space[name].value(found.cube[name] + side * REACH * width) for side in (-1, 1))
        for name, width in found.spread.items()
    }
    return {
        "values": space.decode(found.cube),
        "spans": spans,
        "regret": model.regret,
        "has_signal": model.has_signal,
        "sentence": ". ".join([model.sentence, *_assumed(model, seen), *doubts]),
    }
