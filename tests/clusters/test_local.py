"""The driver of this machine: recognised, stopped, and not taken for somebody else."""

import subprocess
import sys
from collections.abc import Iterator

import pytest

from autopeft.clusters.local import driver_of, stop_driver
from autopeft.core.errors import ClusterError
from autopeft.core.places import write_json
from autopeft.core.process_mark import ProcessMark
from autopeft.tracking.run_folder import RunFolder


@pytest.fixture
def run(tmp_path) -> RunFolder:
    return RunFolder(tmp_path)


@pytest.fixture
def process() -> Iterator["subprocess.Popen[bytes]"]:
    # As a shell starts it in the background, Ctrl-C would be ignored.
    code = "import signal, time; signal.signal(signal.SIGINT, signal.SIG_DFL)"
    code += "; print(flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", code], stdout=-1, stderr=-3) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process
        process.kill()


def test_a_driver_is_asked_to_stop_and_waited_for(run, process):
    write_json(run.driver, ProcessMark.of(process.pid).as_dict())
    stop_driver(run, timeout_s=20)
    assert process.wait(5) != 0
    assert driver_of(run) is None


@pytest.mark.parametrize("lie", [{"started": 1}, {"boot": "another"}, {"host": "another"}])
def test_who_only_has_the_number_of_a_killed_driver_is_left_alone(run, process, lie):
    write_json(run.driver, {**ProcessMark.of(process.pid).as_dict(), **lie})
    assert driver_of(run) is None
    with pytest.raises(ClusterError, match="no driver is running"):
        stop_driver(run, timeout_s=1)
    assert process.poll() is None


@pytest.mark.parametrize("note", ["", "4711\n", "{", "[1, 2]"])
def test_a_damaged_note_names_no_driver(run, note):
    run.driver.write_text(note)
    assert driver_of(run) is None
