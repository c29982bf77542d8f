"""A bridge at work: the proxy's sweep on new data in, the opening of the target's sweep out."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from autopeft.bridge.best import best_points, clipped
from autopeft.bridge.expected_loss import loss_limit
from autopeft.bridge.fitting import Prediction
from autopeft.bridge.model_file import BridgeModel, read_model
from autopeft.bridge.moving import moved_position
from autopeft.bridge.opening import PLACE
from autopeft.bridge.own_proxy import own_proxy
from autopeft.bridge.pairs import Seen, data_features, seen_by
from autopeft.bridge.past import cube_in, read_past_run, run_of
from autopeft.core.errors import AutopeftError, InputError, Problem
from autopeft.core.seeds import derive_seed
from autopeft.spec.space import Axis, Cube, Space, snapped
from autopeft.spec.sweep import Sweep
from autopeft.spec.warm_start import Bridge, Opening
from autopeft.tracking.run_folder import open_run

# The box around a prediction reaches so many standard deviations to each side.
REACH = 2.0
LONGEST_LIST = 4


def bridge(options: Bridge, sweep: Sweep) -> Opening:
    """Return the opening that a bridge's model makes of the proxy's run.

    Where the proxy is still to be tuned, that is all there is to say.

    Raises:
        InputError: Model or run are missing, or speak of another space; all of it.
    """
    problems: list[Problem] = []
    model, seen, ahead = None, None, None
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
                seen = seen_in(model, options.proxy, options.features)
        except AutopeftError as error:
            problems.append(sweep.problem((*PLACE, "proxy"), str(error)))
    if not problems and ahead is not None:
        return ahead
    if problems or model is None or seen is None or options.proxy is None:
        raise InputError(problems)
    opening = opening_by(
        model, seen, points=options.points, seed=sweep.settings.seed, space=sweep.space
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


def seen_in(model: BridgeModel, proxy: str, features: Mapping[str, float]) -> Seen:
    """Return what a proxy's run folder shows of new data.

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
    return seen_by(past, model.proxy_space.axes, data)


def opening_by(
    model: BridgeModel, seen: Seen, *, points: int, seed: int, space: Space | None = None
) -> Opening:
    """Return what a sweep of ``space`` (by default the bridge's own) begins with.

    The prediction comes first, then draws from around it. Without a signal the best of the past
    comes first, and the space stays as wide as it is.
    """
    space = space or model.target_space
    taught = tuple(name for pair in model.pairs for name in (pair.runs or (pair.scenario,)))
    if not model.has_signal:
        runs = [run_of(p.scenario, [(p.target, p.loss)]) for p in model.pairs]
        best = [cube_in(space, model.target_space.decode(c)) for c in best_points(runs, points)]
        remark = f"{model.sentence}; the best of its past comes first instead"
        return Opening(kind="bridge", first=tuple(best), sources=taught, remarks=(remark,))
    found = model.predict()(seen)
    around = _drawn(model.target_space.axes, found, points - 1, seed=seed)
    first: list[Cube] = [found.cube, *around]
    mean, spread, box = {}, {}, {}
    for name, there in found.cube.items():
        if name in found.spread and name in _names(space):
            old, new, width = model.target_space[name], space[name], found.spread[name]
            low, high = clipped(there - REACH * width, there + REACH * width)
            box[name] = clipped(moved_position(old, new, low), moved_position(old, new, high))
            mean[name] = moved_position(old, new, there)
            spread[name] = width if old == new else (box[name][1] - box[name][0]) / (2 * REACH)
    limit = None if model.regret is None else loss_limit(model.pairs, model.regret, seen)
    return Opening(
        kind="bridge",
        first=tuple(cube_in(space, model.target_space.decode(cube)) for cube in first),
        box=box,
        mean=mean,
        spread=spread,
        limit=limit,
        sources=taught,
        remarks=(model.sentence, *_assumed(model, seen), *_doubt(model, limit)),
    )


def _doubt(model: BridgeModel, limit: float | None) -> Iterator[str]:
    if limit is not None:
        shown = -limit if model.direction == "max" else limit
        worse = "below" if model.direction == "max" else "above"
        yield f"dropped if its first trial has {model.metric} {worse} {shown:.4g}"


def _drawn(axes: Sequence[Axis], found: Prediction, count: int, *, seed: int) -> Iterator[Cube]:
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


def one_shot(model: BridgeModel, seen: Seen) -> dict[str, Any]:
    """Return the predicted configuration with its spans, and what it may be expected to lose.

    Without a signal the prediction is the mean of the past targets.
    """
    found, space = model.predict()(seen), model.target_space
    spans = {
        name: tuple(space[name].value(found.cube[name] + side * REACH * width) for side in (-1, 1))
        for name, width in found.spread.items()
    }
    return {
        "values": space.decode(found.cube),
        "spans": spans,
        "regret": model.regret,
        "has_signal": model.has_signal,
        "sentence": ". ".join([model.sentence, *_assumed(model, seen)]),
    }
