"""Which precision a training takes."""

import pytest
import torch

from autopeft.trial.training import GAINS_FROM, _autocast_dtype


@pytest.mark.parametrize(
    ("device", "size", "has_bf16", "taken"),
    [
        ("cuda", GAINS_FROM, True, torch.bfloat16),
        ("cuda", GAINS_FROM - 1, True, None),
        ("cuda", GAINS_FROM, False, None),
        ("cpu", GAINS_FROM, True, None),
    ],
)
def test_auto_is_mixed_where_the_device_gains(
    monkeypatch: pytest.MonkeyPatch,
    device: str,
    size: int,
    has_bf16: bool,
    taken: torch.dtype | None,
) -> None:
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: has_bf16)
    assert _autocast_dtype("auto", device, size) is taken


def test_what_is_asked_for_is_taken() -> None:
    assert _autocast_dtype("bfloat16", "cpu", 1) is torch.bfloat16
    assert _autocast_dtype("float32", "cuda", GAINS_FROM) is None
