"""The schedulers as Debian packages them: what is missing is installed, and its version known."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PACKAGES = (
    "iproute2",
    "procps",
    "munge",
    "slurm-wlm",
    "libslurm-perl",
    "libslurmdb-perl",
    "libswitch-perl",
    "gridengine-master",
    "gridengine-exec",
    "gridengine-client",
)
# Its qsub collides with Grid Engine's, so it is never installed, only unpacked beside.
TORQUE = "slurm-wlm-torque"
TORQUE_FOLDER = Path("/opt/lab-torque")
# Without these answers the package sets up no cell, and asks on a terminal.
ANSWERS = """\
gridengine-common shared/gridengineconfig boolean true
gridengine-common shared/gridenginecell string default
gridengine-common shared/gridenginemaster string ctl
gridengine-master shared/gridengineconfig boolean true
gridengine-master shared/gridenginecell string default
gridengine-master shared/gridenginemaster string ctl
gridengine-client shared/gridengineconfig boolean true
gridengine-client shared/gridenginecell string default
gridengine-client shared/gridenginemaster string ctl
"""
POLICY = Path("/usr/sbin/policy-rc.d")


def install() -> dict[str, str]:
    """Every package of the lab is there; return their versions."""
    missing = [name for name in PACKAGES if name not in versions()]
    if missing:
        _apt("update")
        _run("debconf-set-selections", text=ANSWERS)
        with _no_services():
            _apt("install", "--yes", "--no-install-recommends", *missing)
    if not (TORQUE_FOLDER / "version").is_file():
        _unpack_torque()
    return versions()


def versions() -> dict[str, str]:
    """The versions of what is installed now, by package."""
    form = "${db:Status-Abbrev}\t${Package}\t${Version}\n"
    done = subprocess.run(
        ["dpkg-query", "--show", f"--showformat={form}", *PACKAGES],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    known = {name: version for state, name, version in rows if state.startswith("ii")}
    torque = TORQUE_FOLDER / "version"
    return known | ({TORQUE: torque.read_text().strip()} if torque.is_file() else {})


def _unpack_torque() -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)  # apt downloads as its own user
        _apt("download", TORQUE, cwd=folder)
        (archive,) = Path(folder).glob("*.deb")
        shutil.rmtree(TORQUE_FOLDER, ignore_errors=True)
        _run("dpkg", "-x", str(archive), str(TORQUE_FOLDER))
        version = _run("dpkg-deb", "--field", str(archive), "Version")
    (TORQUE_FOLDER / "version").write_text(version)


@contextmanager
def _no_services() -> Iterator[None]:
    """Installing a daemon starts it, unless this script says no: the lab starts its own."""
    if POLICY.exists():
        yield
        return
    POLICY.write_text("#!/bin/sh\nexit 101\n")
    POLICY.chmod(0o755)
    try:
        yield
    finally:
        POLICY.unlink()


def _apt(*words: str, cwd: str | None = None) -> None:
    options = ("-qq", "-o", "DPkg::Lock::Timeout=120", "-o", "Acquire::Retries=3")
    _run("apt-get", *options, *words, cwd=cwd)


def _run(*command: str, text: str | None = None, cwd: str | None = None) -> str:
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(
        command, input=text, cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
    return done.stdout
