"""What a sweep leaves."""

from stat import S_IMODE
from types import SimpleNamespace
from typing import Any

from autopeft.sweep.finish import _keep_winner
from autopeft.tracking.run_folder import RunFolder


def test_the_winners_adapter_is_its_owners(tmp_path: Any) -> None:
    run = RunFolder(tmp_path)
    (run.trial("r0000") / "adapter").mkdir(mode=0o755, parents=True)
    trial: Any = SimpleNamespace(id="r0000", number=0, metrics={})
    history: Any = SimpleNamespace(loss=lambda metrics: 0.0)
    winner: Any = SimpleNamespace(runs=(trial,))
    _keep_winner(run, history, winner)
    assert S_IMODE(run.best.stat().st_mode) == 0o700
