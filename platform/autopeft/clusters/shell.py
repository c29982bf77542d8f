"""The only place that starts a process."""

import subprocess
from collections.abc import Sequence


def start(command: Sequence[str], *, environment: dict[str, str]) -> subprocess.Popen[bytes]:
    """Start ``command`` in the terminal's own process group, so that Ctrl-C reaches it too."""
    return subprocess.Popen(list(command), env=environment)
