"""A run folder is made once, by one."""

from concurrent.futures import ThreadPoolExecutor
from stat import S_IMODE

from autopeft.spec.load import load_sweep
from autopeft.tracking.run_folder import create_run


def test_sweeps_that_begin_in_one_second_get_a_folder_each(tmp_path):
    task = {"kind": "contrastive", "data": {"kind": "procedural"}}
    sweep = load_sweep({"name": "small", "task": task, "method": {"kind": "lora"}})
    with ThreadPoolExecutor(8) as pool:
        made = [*pool.map(lambda _: create_run(sweep, tmp_path, now=lambda: 0.0).path, range(16))]
    assert len(set(made)) == 16
    assert {S_IMODE(path.stat().st_mode) for path in made} == {0o700}
