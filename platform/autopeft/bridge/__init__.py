"""What past sweeps teach the next one: warm starts, and the model bridge from proxy to target."""

from autopeft.bridge.opening import make_opening
from autopeft.core.choices import Choices

WARM_STARTS = Choices(
    "warm start",
    "warm_starts",
    {
        "best_of_history": "autopeft.bridge.best:best_of_history",
        "bounding_box": "autopeft.bridge.best:bounding_box",
        "quantiles": "autopeft.bridge.quantiles:quantiles",
        "zero_shot": "autopeft.bridge.portfolio:zero_shot",
        "bridge": "autopeft.bridge.prediction:bridge",
    },
)

__all__ = ["WARM_STARTS", "make_opening"]
