"""The shipped base, a batch for it, and a way to ask for a method."""

from copy import deepcopy

import pytest
import torch
from pydantic import TypeAdapter
from torch.nn.functional import cross_entropy

from autopeft.methods.guards import check_gradients
from autopeft.models.load import TINY_CLAP, load_base
from autopeft.spec.method import AnyMethod

RECORDS = TypeAdapter(AnyMethod)


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def shipped():
    return load_base(TINY_CLAP).model


@pytest.fixture
def base(shipped):
    """A base that a test may spoil."""
    return deepcopy(shipped)


@pytest.fixture(scope="session")
def record():
    def make(kind, **fields):
        return RECORDS.validate_python({"kind": kind, **fields})

    return make


@pytest.fixture(scope="session")
def batch():
    random = torch.Generator().manual_seed(0)
    return {
        "input_ids": torch.randint(4, 46, (4, 7), generator=random),
        "attention_mask": torch.ones(4, 7, dtype=torch.long),
        "input_features": torch.randn(4, 1, 126, 32, generator=random),
    }


@pytest.fixture(scope="session")
def logits(batch):
    def compute(model):
        with torch.no_grad():
            return model(**batch).logits_per_audio

    return compute


@pytest.fixture(scope="session")
def train(batch):
    """Take a few steps as a trial would, guard included."""

    def steps(adapted, count=3):
        optimiser = torch.optim.AdamW(adapted.parameter_groups())
        for _ in range(count):
            adapted.model.train()
            logits_BB = adapted.model(**batch).logits_per_audio
            cross_entropy(logits_BB, torch.arange(4)).backward()
            check_gradients(adapted.model)
            optimiser.step()
            optimiser.zero_grad()
        adapted.model.eval()

    return steps
