import json
import runpy
import subprocess
import sys
from pathlib import Path
from stat import S_IMODE

import numpy as np
import pytest
import torch

from autopeft.core.errors import InputError, RunFolderError
from autopeft.export import export
from autopeft.methods import load_adapter
from autopeft.models import load_base
from autopeft.spec.load import load_sweep
from autopeft.tasks.scoring import score_prompts
from autopeft.tracking.events import Asked, Ended, Reported, Status, SweepEnded
from autopeft.tracking.journal import Journal
from autopeft.tracking.run_folder import create_run

train_run = runpy.run_path(str(Path(__file__).parent / "trained_run.py"))["train_run"]
PROMPTS = ["low steady tone", "fast siren", "white noise"]
LORA = {"kind": "lora", "rank": 4, "learning_rate": 0.02}
HOULSBY = {"kind": "houlsby", "width": 4, "learning_rate": 0.02}
PARTS = {
    "parts": [
        {"kind": "lora", "roles": "text.attention", "rank": 4, "learning_rate": 0.02},
        {"kind": "ia3", "roles": "audio.all", "learning_rate": 0.02},
    ]
}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return train_run(tmp_path_factory.mktemp("lora"), LORA)


@pytest.fixture(scope="module")
def bottleneck_run(tmp_path_factory):
    return train_run(tmp_path_factory.mktemp("houlsby"), HOULSBY)


def scores(model, base):
    waves = list(np.random.default_rng(0).normal(0, 0.1, (4, 8000)).astype(np.float32))
    return score_prompts(model, base, waves, PROMPTS)


def scores_of_winner(run):
    base = load_base("autopeft/tiny-clap")
    return scores(load_adapter(base.model, run.best), base)


def test_plain_peft_loads_what_was_exported_and_computes_the_same(run, tmp_path):
    from peft import PeftModel

    done = export(run.path, tmp_path / "out")
    base = load_base("autopeft/tiny-clap")
    model = PeftModel.from_pretrained(base.model, done.folder).eval()

    np.testing.assert_allclose(scores(model, base), scores_of_winner(run), atol=1e-6)
    assert not done.merged
    config = json.loads((done.folder / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == "autopeft/tiny-clap"
    modes = {S_IMODE(path.stat().st_mode) for path in done.folder.iterdir()}
    assert modes == {S_IMODE((done.folder / "README.md").stat().st_mode)}  # handed on as a whole


@pytest.mark.parametrize("method", [LORA, PARTS, {"kind": "full", "learning_rate": 1e-3}])
def test_a_merged_model_computes_the_same_without_peft(method, tmp_path):
    trained = train_run(tmp_path, method)
    done = export(trained.path, tmp_path / "merged", merged=True)
    alone = load_base(str(done.folder))

    assert type(alone.model).__name__ == "ClapModel"
    expected = scores_of_winner(trained)
    np.testing.assert_allclose(scores(alone.model, alone), expected, atol=1e-4)
    untrained = load_base("autopeft/tiny-clap")
    assert np.abs(scores(untrained.model, untrained) - expected).max() > 1e-3


def test_all_weights_are_a_model_without_being_asked(tmp_path):
    trained = train_run(tmp_path, {"kind": "full", "learning_rate": 1e-3})
    assert export(trained.path, tmp_path / "out").merged


def test_a_bottleneck_export_loads_in_a_fresh_process_with_one_import(bottleneck_run, tmp_path):
    done = export(bottleneck_run.path, tmp_path / "out")
    assert "import autopeft.methods.bottleneck_adapters" in (done.folder / "README.md").read_text()
    card = (done.folder / "README.md").read_text()
    code = card.split("```python\n")[1].split("```")[0].replace("THIS_FOLDER", str(done.folder))
    finished = subprocess.run(
        [sys.executable, "-c", f"{code}\nprint(type(model).__name__)"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert finished.stdout.strip() == "PeftModel", finished.stderr


def test_what_cannot_be_merged_is_refused_in_a_sentence(bottleneck_run, tmp_path):
    with pytest.raises(InputError, match="houlsby adapters are not linear"):
        export(bottleneck_run.path, tmp_path / "out", merged=True)
    assert not (tmp_path / "out").exists()


def test_the_card_has_scores_with_spread_data_search_and_licence(run, tmp_path):
    card = (export(run.path, tmp_path / "out").folder / "README.md").read_text()
    for words in (
        "base_model: autopeft/tiny-clap", "±", "| **this** |", "28 captions", "rank: 4",
        "random over 1 trials", "Apache-2.0", "trial t0000",
    ):  # fmt: skip
        assert words in card


def test_a_single_retraining_can_be_exported(run, tmp_path):
    done = export(run.trial("r0001"), tmp_path / "out")
    assert json.loads((done.folder / "autopeft.json").read_text())["trial"] == "r0001"


def test_a_trial_without_adapter_names_those_that_have_one(run, tmp_path):
    with pytest.raises(InputError, match=r"t0000 has no adapter.*r0000, r0001"):
        export(run.trial("t0000"), tmp_path / "out")


def test_a_run_without_winner_says_so(tmp_path):
    fresh = create_run(
        load_sweep({"name": "x", "task": {"data": {"kind": "procedural"}}, "method": LORA}),
        tmp_path / "runs",
    )
    with pytest.raises(RunFolderError, match="no winner"):
        export(fresh.path, tmp_path / "out")


def test_a_sweep_that_trains_nothing_again_says_what_to_change(tmp_path):
    raw = {"name": "x", "task": {"data": {"kind": "procedural"}}, "method": LORA}
    fresh = create_run(load_sweep({**raw, "search": {"retrain": 0}}), tmp_path / "runs")
    journal = Journal(fresh.journal)
    journal.write(Asked(time=1, trial="t0000", number=0, cube={}, values={}))
    journal.write(Reported(time=2, trial="t0000", step=3, metrics={"accuracy": 0.3}, final=True))
    journal.write(Ended(time=3, trial="t0000", status=Status.FINISHED))
    journal.write(SweepEnded(time=4, reason="done"))
    journal.close()
    with pytest.raises(RunFolderError, match=r"autopeft resume .*search\.retrain=1"):
        export(fresh.path, tmp_path / "out")


def test_a_folder_that_is_taken_is_left_as_it_is(run, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("mine")
    with pytest.raises(InputError, match="stands there already"):
        export(run.path, tmp_path / "out")
    assert [path.name for path in tmp_path.rglob("*")] == ["out", "mine.txt"]


def test_the_global_random_state_is_left_alone(run, tmp_path):
    before = torch.get_rng_state()
    export(run.path, tmp_path / "out")
    assert torch.equal(before, torch.get_rng_state())
