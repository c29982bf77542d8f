import json
from pathlib import Path

import pytest

from autopeft.cli.main import main


@pytest.fixture
def ask(capsys):
    """Call a command that must succeed; return its stdout."""

    def call(*arguments):
        code = main([str(argument) for argument in arguments])
        said = capsys.readouterr()
        assert code == 0, said.err
        return said.out

    return call


def test_check_explains_dimensions_branches_constants_and_budget(ask, search_file):
    text = ask("check", search_file, "training.batch_size=16")
    assert "if method is lora" in text
    assert "0.0001 … 0.01, on a log scale" in text
    assert "one of 1, 2, 4" in text
    assert "3 trials of at most 20 steps" in text
    lines = text.splitlines()
    assert next(line for line in lines if "training.batch_size" in line).split() == [
        "training.batch_size", "16",
    ]  # fmt: skip
    assert next(line for line in lines if "method.lora.dropout" in line).startswith("*")


def test_check_as_json(ask, search_file):
    explanation = json.loads(ask("check", search_file, "--json"))
    assert [d["name"] for d in explanation["dimensions"]] == [
        "method", "method.lora.rank", "method.lora.learning_rate",
    ]  # fmt: skip
    assert explanation["dimensions"][1]["when"] == ["method", "lora"]
    assert explanation["constants"]["training.steps"] == {"value": 20, "default": False}
    assert explanation["budget"]["trials"] == 3


def test_check_explains_parts(ask, search_file):
    search_file.write_text(
        """\
name: parts
task: {data: {kind: procedural}}
method:
  parts:
    - {kind: lora, roles: audio.attention, rank: {one_of: [0, 4]}}
    - {kind: ia3, roles: text.all}
"""
    )
    text = ask("check", search_file)
    assert "method.parts[0].rank" in text
    assert "method.parts[1].roles" in text


def test_every_shipped_space_is_right_and_can_be_planned(ask):
    names = [line.split()[0] for line in ask("spaces", "ls").splitlines()]
    assert "tiny_clap.yaml" in names


def test_plan_shows_the_first_points_and_writes_nothing(ask, search_file, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = ask("plan", search_file)
    assert "t0002" in text
    assert "t0003" not in text
    assert "10 baseline runs" in text
    assert [path.name for path in tmp_path.iterdir()] == ["search.yaml"]
    plan = json.loads(ask("plan", search_file, "--json", "search.baselines=false"))
    assert plan["baselines"] == []
    assert len(plan["first"]) == 3


def test_a_shipped_space_is_copied_and_kept(ask, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert ask("spaces", "cp", "tiny_clap.yaml", "mine.yaml").strip() == "mine.yaml"
    ask("check", "mine.yaml")
    assert main(["spaces", "cp", "tiny_clap", "mine.yaml"]) == 2
    assert main(["spaces", "cp", "tiny_clab.yaml"]) == 2
    assert main(["spaces", "cp", "nope"]) == 2
    error = capsys.readouterr().err
    assert "no search file named 'nope'; known: " in error
    assert "stands there already" in error
    assert "did you mean 'tiny_clap.yaml'?" in error


def test_status_of_a_running_sweep(ask, write_sweep):
    run = write_sweep(over=False)
    text = ask("status", run.path)
    assert "t0000" in text
    assert "trials" in text.splitlines()[-2]
    assert "autopeft resume" in text.splitlines()[-1]
    known = json.loads(ask("status", run.path, "--json"))
    assert known["finished"] is False
    assert known["state"] == "stopped"
    assert len(known["trials"]) == len(run.history().trials)


def test_status_of_a_finished_sweep_has_winner_and_baselines(ask, write_sweep):
    text = ask("status", write_sweep().path)
    assert "winner" in text
    assert "zero-shot" in text
    assert "±" in text


def test_a_run_is_found_by_the_beginning_of_its_name(ask, write_sweep, monkeypatch):
    run = write_sweep()
    monkeypatch.chdir(run.path.parent.parent)
    assert "t0000" in ask("status", "tiny-clap")


def test_report_as_json(ask, write_sweep):
    assert json.loads(ask("report", write_sweep().path, "--json"))["finished"] is True


def test_run_starts_the_driver_and_prints_the_summary(
    ask, write_sweep, search_file, tmp_path, monkeypatch
):
    finished = write_sweep()
    started = []

    def drive(run, *, warn):
        started.append(run.path)
        run.journal.write_bytes(finished.journal.read_bytes())
        run.unsynced.write_text("MLflow at http://x does not answer\n")
        return 0

    monkeypatch.setattr("autopeft.clusters.local.run_driver", drive)
    text = ask("run", search_file, "search.trials=24", "--runs", tmp_path / "runs")
    assert "winner" in text
    assert "report.html" in text
    lack = next(line for line in text.splitlines() if line.startswith("MLflow:"))
    assert lack.startswith("MLflow:  MLflow at http://x does not answer; later: autopeft sync ")
    assert started[0].parent == tmp_path / "runs"
    assert json.loads(ask("run", search_file, "--runs", tmp_path / "runs", "--json"))["winner"]


@pytest.mark.parametrize("code", [1, 130])
def test_a_driver_that_did_not_finish_leaves_a_command_to_go_on(
    code, search_file, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr("autopeft.clusters.local.run_driver", lambda run, warn: code)
    assert main(["run", str(search_file), "--runs", str(tmp_path / "runs")]) == code
    said = capsys.readouterr()
    assert said.out == ""
    run = next((tmp_path / "runs").glob("small-*"))
    assert f"resume with: autopeft resume {run}" in said.err


def test_resume_raises_the_budget(ask, write_sweep, monkeypatch):
    run = write_sweep()
    monkeypatch.setattr("autopeft.clusters.local.run_driver", lambda run, warn: 0)
    ask("resume", run.path, "search.trials=48")
    assert run.sweep().settings.search.trials == 48


MEDIAN = "search.scheduler={kind: median, min_trials: 5}"


def test_resume_with_another_scheduler_says_what_it_does(ask, write_sweep, monkeypatch, capsys):
    run = write_sweep()
    monkeypatch.setattr("autopeft.clusters.local.run_driver", lambda run, warn: 0)
    main(["resume", str(run.path), "search.trials=20", MEDIAN])
    said = capsys.readouterr().err
    assert "search.scheduler.kind: asha → median" in said
    assert "search.scheduler.reduction: 3.0 → nothing" in said
    assert "median takes the" in said
    assert "raise search.trials as well" in said
    assert run.sweep().settings.search.scheduler.min_trials == 5
    assert run.history().amendments[0].changes[-1].startswith("search.scheduler")
    before = run.journal.read_bytes()
    main(["resume", str(run.path), "search.trials=20", MEDIAN])
    assert run.journal.read_bytes() == before


def test_resume_refuses_what_never_fits_here(write_sweep, capsys):
    run = write_sweep()
    assert main(["resume", str(run.path), "resources.cpus=900"]) == 2
    assert "resources.cpus: a trial is to get 900, this machine has" in capsys.readouterr().err


def test_resume_refuses_fewer_trials_than_are_done(write_sweep, capsys):
    run = write_sweep()
    before, done = run.spec_file.read_text(), run.history().counted
    assert main(["resume", str(run.path), "search.trials=1"]) == 2
    said = capsys.readouterr().err
    assert f"search.trials: 1 is below the {done} trials that are done" in said
    assert run.spec_file.read_text() == before


def test_resume_refuses_what_would_change_the_meaning_of_earlier_trials(write_sweep, capsys):
    run = write_sweep()
    before = run.spec_file.read_text()
    assert main(["resume", str(run.path), "training.steps=10", "seed=1", "search.trials=48"]) == 2
    error = capsys.readouterr().err
    assert "training.steps: cannot change" in error
    assert "seed: cannot change" in error
    assert run.spec_file.read_text() == before


def test_stop_without_a_driver_says_so(write_sweep, capsys):
    run = write_sweep(over=False)
    for _ in range(2):  # stopping twice is fine
        assert main(["stop", str(run.path)]) == 0
        said = capsys.readouterr().err
        assert "no driver is running" in said
        assert "autopeft resume" in said
    assert main(["stop", str(write_sweep().path)]) == 0
    assert "has ended" in capsys.readouterr().err


def test_report_writes_the_page(ask, write_sweep):
    run = write_sweep()
    assert Path(ask("report", run.path).strip()).resolve() == run.report
