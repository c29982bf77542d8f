"""A run folder is made once, by one; and nothing else is taken for one."""

from concurrent.futures import ThreadPoolExecutor
from stat import S_IMODE

import pytest

from autopeft.bridge.past import found_runs
from autopeft.core.errors import NoRunFolder
from autopeft.spec.load import load_sweep
from autopeft.tracking.run_folder import create_run, find_run, open_run, run_and_trial, saved


@pytest.fixture
def sweep():
    task = {"kind": "contrastive", "data": {"kind": "procedural"}}
    return load_sweep({"name": "small", "task": task, "method": {"kind": "lora"}})


def test_sweeps_that_begin_in_one_second_get_a_folder_each(sweep, tmp_path):
    with ThreadPoolExecutor(8) as pool:
        made = [*pool.map(lambda _: create_run(sweep, tmp_path, now=lambda: 0.0).path, range(16))]
    assert len(set(made)) == 16
    assert {S_IMODE(path.stat().st_mode) for path in made} == {0o700}


def test_a_run_is_one_before_its_driver_began(sweep, tmp_path):
    run = create_run(sweep, tmp_path)
    assert not run.journal.exists()
    assert open_run(run.path) == open_run(tmp_path / "small") == find_run(sweep, tmp_path) == run
    assert found_runs(str(tmp_path / "small-*")) == [run]


def test_a_folder_with_a_search_file_is_no_run(sweep, tmp_path):
    project = tmp_path / "small-project"
    (project / "trials" / "t0").mkdir(parents=True)
    (project / "search.yaml").write_text(saved(sweep))
    with pytest.raises(NoRunFolder, match=r"journal\.jsonl is missing; `autopeft run .* begins"):
        open_run(project)
    with pytest.raises(NoRunFolder):
        run_and_trial(project / "trials" / "t0")
    assert find_run(sweep, tmp_path) is None
    assert found_runs(str(project)) == found_runs(str(tmp_path / "*")) == []
    run = create_run(sweep, tmp_path, now=lambda: 0.0)
    with pytest.raises(NoRunFolder) as error:
        open_run(tmp_path / "nope")
    assert str(error.value).endswith(f"no run folder; runs in {tmp_path}: {run.path.name}")
