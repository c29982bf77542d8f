"""The lab, once per session; each scheduler is started by the first test that asks for it."""

import os
import signal
from collections.abc import Generator, Iterator
from pathlib import Path
from types import FrameType

import pytest

from tests.live import faults, lab, packages, recording, sge_lab, slurm_lab
from tests.live.host import Host

HERE = Path(__file__).parent


def pytest_report_header(config: pytest.Config) -> str:
    return "lab: " + ", ".join(f"{name} {version}" for name, version in packages.versions().items())


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whatever lies in this folder is a live test; none can forget to say so."""
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.live)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Keep what became of a drill."""
    report = yield
    ended = report.when == "call" or (report.when == "teardown" and report.failed)
    if ended and item.path.name == "test_drills.py" and recording.is_wanted():
        recording.record(item, report, packages.versions())
    return report


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


@pytest.fixture(scope="session")
def hosts() -> Iterator[dict[str, Host]]:
    """ctl, n1 and n2 are up without schedulers; nothing of them is left afterwards."""
    if reason := lab.why_not():
        if os.environ.get("CI_LIVE") == "1":
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    with lab.alone():
        before = signal.signal(signal.SIGTERM, _interrupt)  # what ends a run that takes too long
        try:
            yield lab.up()
        finally:
            lab.down()
            signal.signal(signal.SIGTERM, before)


@pytest.fixture
def ctl(hosts: dict[str, Host]) -> Host:
    return hosts["ctl"]


@pytest.fixture
def n1(hosts: dict[str, Host]) -> Host:
    return hosts["n1"]


@pytest.fixture
def n2(hosts: dict[str, Host]) -> Host:
    return hosts["n2"]


@pytest.fixture(scope="session")
def slurm(hosts: dict[str, Host]) -> Host:
    """The host to submit from, with Slurm running; also what Torque's front ends need."""
    slurm_lab.start(hosts)
    return hosts["ctl"]


@pytest.fixture(scope="session")
def sge(hosts: dict[str, Host]) -> Host:
    """The host to submit from, with Grid Engine running."""
    sge_lab.start(hosts)
    return hosts["ctl"]


@pytest.fixture
def nothing_left(hosts: dict[str, Host]) -> Iterator[None]:
    """The user's processes on all hosts are ended afterwards, whatever the test did."""
    yield
    for host in hosts.values():
        faults.mend(host)
        faults.kill_all(host)
