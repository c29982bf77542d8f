"""What all tests share: one Ray for the whole session, and folders nobody else sees."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def ray_of_two() -> Iterator[None]:
    """One real Ray with two CPUs, started once; away from the repository's root."""
    from autopeft.sweep.ray_session import ENVIRONMENT

    before = Path.cwd()
    with tempfile.TemporaryDirectory(prefix="apt-", dir="/tmp") as folder:
        token = Path(folder) / "token"
        token.write_text("f" * 64)
        token.chmod(0o600)
        os.environ.update(ENVIRONMENT, RAY_AUTH_TOKEN_PATH=str(token))
        os.environ["TUNE_MAX_PENDING_TRIALS_PG"] = "2"
        os.chdir(folder)
        import ray

        ray.init(
            num_cpus=2,
            include_dashboard=False,
            _temp_dir=f"{folder}/r",
            log_to_driver=False,
            logging_level="ERROR",
        )
        try:
            yield
        finally:
            ray.shutdown()
            os.chdir(before)
