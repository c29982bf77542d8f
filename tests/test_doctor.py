import json
import sqlite3
import subprocess
import time
from pathlib import Path

import pytest

from autopeft import doctor
from autopeft.cli.main import main
from autopeft.doctor import Finding, Level, finding_text, libraries, machine
from autopeft.doctor.store import check_tracking
from autopeft.spec.tracking import Tracking


def test_an_old_python_fails():
    assert libraries.check_python((3, 10, 2)).level is Level.FAIL
    assert libraries.check_python().level is Level.OK


def test_what_is_installed_is_enough():
    assert libraries.check_packages().level is Level.OK


def test_a_missing_and_an_old_package_are_both_named(monkeypatch):
    wanted = ["nosuchpackage>=1", "typer>=900", "rich; extra == 'never'"]
    monkeypatch.setattr("importlib.metadata.requires", lambda name: wanted)
    finding = libraries.check_packages()
    assert finding.level is Level.FAIL
    assert "nosuchpackage is missing" in finding.found
    assert "is not >=900" in finding.found
    assert "pip install" in finding.mend


@pytest.mark.parametrize(
    ("limits", "level", "words"),
    [
        ((256, 300), Level.FAIL, "ask the administrator"),
        ((1024, 65536), Level.WARN, "ulimit -n 4096"),
        ((65536, 65536), Level.OK, ""),
        ((-1, -1), Level.OK, ""),
    ],
)
def test_limits(limits, level, words, monkeypatch):
    monkeypatch.setattr("resource.getrlimit", lambda which: limits)
    finding = machine.check_open_files()
    assert finding.level is level
    assert words in finding.mend


def test_no_shared_memory_is_a_warning(tmp_path):
    assert machine.check_shared_memory(tmp_path / "shm").level is Level.WARN


def test_a_long_temporary_path_is_seen(monkeypatch):
    monkeypatch.setattr("tempfile.gettempdir", lambda: "/" + "x" * 90)
    assert machine.check_temp_path().level is Level.OK
    monkeypatch.setattr("os.access", lambda *arguments: False)
    finding = machine.check_temp_path()
    assert finding.level is Level.FAIL
    assert "TMPDIR" in finding.mend


def test_tracking_that_can_be_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert check_tracking(Tracking()).level is Level.OK
    assert list(tmp_path.iterdir()) == []
    assert check_tracking(Tracking(enabled=False)).level is Level.OK


def test_tracking_without_server_or_with_a_broken_store_is_a_warning(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert check_tracking(Tracking(uri="http://127.0.0.1:9")).level is Level.WARN
    Path("mlflow.db").write_text("not a database, but long enough to be looked at")
    finding = check_tracking(Tracking())
    assert finding.level is Level.WARN
    assert "autopeft sync" in finding.mend


def test_a_locked_database_does_not_hang(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("autopeft.doctor.store.SQLITE_TIMEOUT_S", 0.1)
    connection = sqlite3.connect("mlflow.db")
    connection.execute("create table a (b)")
    connection.execute("begin exclusive")
    assert "locked" in check_tracking(Tracking()).found
    connection.close()


def test_all_sound_formats_work():
    assert libraries.check_sound_formats().found == "wav, flac, mp3, ogg"


def test_torch_answers():
    assert libraries.check_torch().level is Level.OK


def test_a_library_that_does_not_load_is_a_finding(monkeypatch):
    monkeypatch.setattr(libraries, "TORCH_PROGRAM", "import nosuchpackage")
    finding = libraries.check_torch()
    assert finding.level is Level.FAIL
    assert "No module named 'nosuchpackage'" in finding.found


def test_a_ray_that_hangs_is_ended_with_its_children(monkeypatch):
    hangs = (
        "import subprocess, sys, time\n"
        "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(99)', sys.argv[1]])\n"
        "time.sleep(99)"
    )
    monkeypatch.setattr(libraries, "RAY_PROGRAM", hangs)
    monkeypatch.setattr(libraries, "RAY_TIMEOUT_S", 1)
    began = time.monotonic()
    finding = libraries.check_ray()
    assert finding.level is Level.FAIL
    assert "no answer within 1 s" in finding.found
    assert time.monotonic() - began < 10
    processes = subprocess.run(["ps", "ax", "-o", "args"], capture_output=True, text=True)
    assert "time.sleep(99)" not in processes.stdout


@pytest.mark.slow
def test_ray_starts():
    assert libraries.check_ray().level is Level.OK


def test_the_verb_prints_findings_and_exits_with_1_if_one_fails(monkeypatch, capsys):
    found = [Finding("disk", Level.WARN, "4 GB free", "free some"), Finding("ray", Level.OK, "ok")]
    monkeypatch.setattr(doctor, "examine", lambda tracking: iter(found))
    assert main(["doctor"]) == 0
    assert "mend: free some" in capsys.readouterr().out
    found.append(Finding("python", Level.FAIL, "3.9", "install 3.11"))
    assert main(["doctor", "--json"]) == 1
    assert [f["level"] for f in json.loads(capsys.readouterr().out)] == ["WARN", "OK", "FAIL"]


def test_a_finding_that_is_ok_has_one_line():
    assert "\n" not in finding_text(Finding("disk", Level.OK, "9 GB free"))
