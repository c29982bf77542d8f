"""What stands beside every search of adapters: nothing trained, a head, LoRA everywhere, all."""

from autopeft.spec.method import AnyMethod, Full, Head, Lora, ZeroShot
from autopeft.spec.sweep import Sweep
from autopeft.spec.trial import TrialSpec

# In the order they run: what costs nothing first.
BASELINES: dict[str, AnyMethod] = {
    "zero-shot": ZeroShot(),
    "head": Head(),
    "uniform-lora": Lora(),
    "full": Full(),
}


def baseline_spec(sweep: Sweep, name: str, *, seed: int) -> TrialSpec:
    """Return a baseline's trial: its own method, all else from the middle of the space."""
    middle = sweep.space.decode({d.name: 0.5 for d in sweep.space.dimensions})
    return sweep.fine_tuning(middle, seed=seed).model_copy(update={"method": BASELINES[name]})
