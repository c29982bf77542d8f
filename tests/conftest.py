"""What all tests share: one Ray for the whole session, and folders nobody else sees."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from autopeft.clusters.ray_environment import ENVIRONMENT

# Ray reads its authentication mode when it is first imported, which any test may do.
os.environ.update(ENVIRONMENT)

# The machine is shared: a slow example says nothing of the code.
settings.register_profile("shared", deadline=None)
settings.load_profile("shared")


# Rooms whose files make something that takes seconds (a worker, a trained run, a server) and share
# it among their tests: spread over processes, each process would make it again.
SHARING = (
    "bridge",
    "methods",
    "models",
    "tasks",
    "tracking",
    "trial",
    "test_export.py",
    "test_predict.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the tests of such a file in one process."""
    tests = Path(__file__).parent
    for item in items:
        if not item.path.is_relative_to(tests):  # a doctest
            continue
        place = item.path.relative_to(tests)
        if place.parts[0] in SHARING and item.get_closest_marker("xdist_group") is None:
            item.add_marker(pytest.mark.xdist_group(str(place)))


@pytest.fixture(scope="session")
def ray_of_two() -> Iterator[None]:
    """One real Ray with two CPUs, started once; away from the repository's root."""
    import ray

    before = Path.cwd()
    with tempfile.TemporaryDirectory(prefix="apt-", dir="/tmp") as folder:
        token = Path(folder) / "token"
        token.write_text("f" * 64)
        token.chmod(0o600)
        os.environ["RAY_AUTH_TOKEN_PATH"] = str(token)
        os.environ["TUNE_MAX_PENDING_TRIALS_PG"] = "2"
        os.chdir(folder)
        try:
            ray.init(
                num_cpus=2,
                include_dashboard=False,
                _temp_dir=f"{folder}/r",
                log_to_driver=False,
                logging_level="ERROR",
            )
            os.chdir(before)
            yield
        finally:
            os.chdir(before)
            ray.shutdown()
