"""The proxy's sweep on new data, made from what the bridge's own proxies were and from the target.

From the target's search file it takes what says which data it is: ``task.data``, and constants of
``task.parameters`` that both have. All else is as the bridge's proxies were.
"""

import json
from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

from autopeft.bridge.model_file import BridgeModel
from autopeft.core.errors import AutopeftError
from autopeft.core.seeds import derive_seed
from autopeft.spec.load import load_sweep
from autopeft.spec.sweep import Sweep
from autopeft.spec.warm_start import Bridge


def own_proxy(model: BridgeModel, options: Bridge, sweep: Sweep) -> Sweep:
    """Return the sweep that tunes the proxy on a sweep's data.

    Raises:
        AutopeftError: The model does not hold its proxy's search file.
        InputError: With ``overrides`` it is wrong, or searches another space than the bridge's.
    """
    if model.proxy_sweep is None:
        raise AutopeftError(
            f"{options.model} does not say how its proxy is tuned; `autopeft bridge fit` writes it "
            "anew, or name the proxy's run as `proxy`"
        )
    raw = deepcopy(model.proxy_sweep)
    raw["task"] = _on_the_same(raw.get("task", {}), sweep.raw.get("task", {}))
    raw["name"] = f"{sweep.name}-proxy"
    raw["seed"] = derive_seed(sweep.settings.seed, "proxy")
    raw["search"] = {**raw.get("search", {}), "retrain": 0}
    for key in ("cluster", "tracking"):
        raw.pop(key, None)
        if key in sweep.raw:
            raw[key] = deepcopy(sweep.raw[key])
    changes = [f"{path}={json.dumps(value)}" for path, value in options.overrides.items()]
    found = load_sweep(raw, changes, folder=Path.cwd())
    if found.space.dimensions != model.proxy:
        raise AutopeftError(
            f"{options.model}: with these overrides its proxy searches another space than it was "
            "fitted with"
        )
    return found


def _on_the_same(proxy: Mapping[str, Any], target: Mapping[str, Any]) -> dict[str, Any]:
    """Return the proxy's task on the target's data."""
    task = dict(proxy)
    if "data" in task and "data" in target:
        task["data"] = deepcopy(target["data"])
    ours, theirs = task.get("parameters"), target.get("parameters")
    if isinstance(ours, Mapping) and isinstance(theirs, Mapping):
        task["parameters"] = {
            name: theirs[name]
            if _are_constants(value, theirs.get(name, value)) and name in theirs
            else value
            for name, value in ours.items()
        }
    return task


def _are_constants(*values: Any) -> bool:
    return not any(isinstance(value, Mapping) or value == "search" for value in values)
