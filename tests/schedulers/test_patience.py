import pytest

from autopeft.schedulers.patience import Patience
from autopeft.spec.scheduler import Patience as Options


@pytest.mark.parametrize(
    ("reports", "min_delta", "losses", "over_at"),
    [
        (1, 0.0, [0.5, 0.5], 1),
        (2, 0.0, [0.5, 0.6, 0.4, 0.5, 0.5], 4),
        (2, 0.1, [0.5, 0.45, 0.42, 0.39], 2),
        (2, 0.1, [0.5, 0.45, 0.39, 0.38], None),
        (3, 0.0, [0.4, 0.3, 0.2, 0.1], None),
    ],
)
def test_a_trial_is_over_after_so_many_reports_without_improvement(
    reports: int, min_delta: float, losses: list[float], over_at: int | None
) -> None:
    patience = Patience(Options(reports=reports, min_delta=min_delta))
    said = [patience.is_over("t0", loss) for loss in losses]
    assert (said.index(True) if True in said else None) == over_at


def test_with_several_objectives_any_that_improves_counts() -> None:
    patience = Patience(Options(reports=1))
    assert not patience.is_over("t0", 0.5, 0.5)
    assert not patience.is_over("t0", 0.6, 0.4)
    assert not patience.is_over("t0", 0.4, 0.9)
    assert patience.is_over("t0", 0.4, 0.9)


def test_trials_are_told_apart_and_forgotten() -> None:
    patience = Patience(Options(reports=1))
    assert not patience.is_over("t0", 0.5)
    assert not patience.is_over("t1", 0.6)
    patience.on_end("t0")
    assert not patience.is_over("t0", 0.9)
    assert patience.is_over("t1", 0.7)


def test_what_is_no_number_is_no_improvement() -> None:
    patience = Patience(Options(reports=2))
    assert [patience.is_over("t0", float("nan")) for _ in range(2)] == [False, True]
