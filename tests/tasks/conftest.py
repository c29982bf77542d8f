from copy import deepcopy
from dataclasses import replace

import pytest
import torch

from autopeft.models import TINY_CLAP, load_base


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def shipped():
    return load_base(TINY_CLAP)


@pytest.fixture
def base(shipped):
    """The shipped base with a model of its own, since tests train it."""
    return replace(shipped, model=deepcopy(shipped.model))
