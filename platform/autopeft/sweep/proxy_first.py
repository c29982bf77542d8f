"""The proxy of a warm start, tuned before the sweep begins: an ordinary sweep beside its own."""

from collections.abc import Callable
from pathlib import Path

from autopeft.clusters.driver import INTERRUPTED
from autopeft.clusters.local import run_driver
from autopeft.core.errors import AutopeftError
from autopeft.spec.sweep import Sweep
from autopeft.spec.warm_start import Bridge
from autopeft.sweep.permission import refused_code
from autopeft.tracking.run_folder import RunFolder, create_run, find_run

RunToEnd = Callable[[RunFolder], int]


def tuned_proxy(run: RunFolder, sweep: Sweep, *, drive: RunToEnd = run_driver) -> Path | None:
    """Return the run folder of a proxy tuned on the sweep's data; nothing if it needs none.

    A proxy's sweep that is there already, by its search file, is not run again: one that was
    interrupted goes on.

    Raises:
        AutopeftError: It did not reach its end.
        KeyboardInterrupt: Somebody asked to stop meanwhile.
    """
    start = sweep.settings.search.warm_start
    if not isinstance(start, Bridge) or start.proxy is not None:
        return None
    # Both load scikit-learn, which takes a second that only such a sweep has to spend.
    from autopeft.bridge.model_file import read_model
    from autopeft.bridge.own_proxy import own_proxy

    proxy = own_proxy(read_model(Path(start.model)), start, sweep)
    problems = refused_code(proxy, allowed=False)
    if problems:
        raise AutopeftError(f"the proxy {proxy.name}: {problems[0].message}")
    folder = find_run(proxy, run.path.parent) or create_run(proxy, run.path.parent)
    if folder.journal.exists() and folder.history().is_over:
        return folder.path
    code = drive(folder)
    if code == INTERRUPTED:
        raise KeyboardInterrupt
    if code != 0:
        raise AutopeftError(f"the proxy's sweep did not reach its end; see {folder.driver_log}")
    return folder.path
