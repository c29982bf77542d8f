import subprocess
import sys
from pathlib import Path

import pytest

from autopeft.cli.main import HIDDEN, VERBS, main

HEAVY = ("torch", "ray", "mlflow", "optuna", "pandas", "transformers", "omegaconf", "rich", "numpy")
NAMES = [module.__name__.rpartition(".")[2] for module in (*VERBS, *HIDDEN)]


def python(code):
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout


def test_help_loads_nothing_heavy():
    loaded = python(
        "import sys\nfrom autopeft.cli.main import main\n"
        "main(['--help'])\nmain(['run', '--help'])\n"
        "print('loaded', [name for name in sys.modules if '.' not in name])"
    )
    assert "autopeft run search.yaml" in loaded
    assert [name for name in HEAVY if f"'{name}'" in loaded] == []


def test_help_opens_with_an_example(capsys):
    assert main(["--help"]) == 0
    assert capsys.readouterr().out.splitlines()[1] == "  autopeft run search.yaml search.trials=8"


@pytest.mark.parametrize("name", NAMES)
def test_the_help_of_every_verb_opens_with_an_example(name, capsys):
    assert main([name, "--help"]) == 0
    assert capsys.readouterr().out.startswith(f"  autopeft {name}")


@pytest.mark.parametrize("name", ["ls", "cp"])
def test_the_help_of_every_verb_of_a_noun_opens_with_an_example(name, capsys):
    assert main(["spaces", name, "--help"]) == 0
    assert capsys.readouterr().out.startswith(f"  autopeft spaces {name}")


def test_version(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("autopeft 0.")


def test_a_verb_that_is_not_there_is_asked_wrongly(capsys):
    assert main(["rum"]) == 2
    assert "rum" in capsys.readouterr().err


def test_our_own_mistake_is_one_sentence_and_a_file(monkeypatch, search_file, tmp_path, capsys):
    def stumble(sweep, *, remarks):
        raise ZeroDivisionError("by zero")

    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr("autopeft.cli.explanation.explain", stumble)
    assert main(["check", str(search_file)]) == 1
    error = capsys.readouterr().err
    assert "Traceback" not in error
    assert error.startswith("autopeft failed: ZeroDivisionError: by zero; the traceback is in ")
    assert "ZeroDivisionError" in Path(error.strip().rpartition(" ")[2]).read_text()


def test_ctrl_c_is_130(monkeypatch, search_file):
    def interrupt(sweep, *, remarks):
        raise KeyboardInterrupt

    monkeypatch.setattr("autopeft.cli.explanation.explain", interrupt)
    assert main(["check", str(search_file)]) == 130
