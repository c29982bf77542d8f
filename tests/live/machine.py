"""Whether this machine can hold the lab, and the folders and the user it has here."""

import os
import pwd
import shutil
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
# Emptied by every start; kept after the end, so that logs can be read.
LAB = Path("/srv/lab")
# What users write, seen by every host: a cluster's shared file system.
SHARED = LAB / "shared"
# Root's jobs are refused by Grid Engine, so jobs are this user's.
USER = "peft"


def why_not() -> str | None:
    """One sentence saying why this machine cannot hold the lab, or None."""
    if os.geteuid() != 0:
        return "the live tests need root: they make network, mount and process namespaces"
    if not Path("/etc/debian_version").is_file() or shutil.which("apt-get") is None:
        return "the live tests need Debian: they install its slurm-wlm and gridengine packages"
    # A bare container is root without the right to make namespaces: trying tells.
    spaces = ["--net", "--uts", "--ipc", "--mount", "--pid", "--fork", "--mount-proc"]
    done = subprocess.run(["unshare", *spaces, "true"], capture_output=True, text=True, check=False)
    if done.returncode:
        return f"this machine allows no namespaces: {' '.join(done.stderr.split())}"
    return None


def make_folders() -> None:
    """The lab's folder is empty but for the user's home and the shared folder."""
    shutil.rmtree(LAB, ignore_errors=True)
    LAB.mkdir(mode=0o755)
    user = make_user()
    for folder in (SHARED, LAB / "home"):
        folder.mkdir()
        os.chown(folder, user.pw_uid, user.pw_gid)


def make_user() -> pwd.struct_passwd:
    """The ordinary user exists; it stays on this machine when the lab goes."""
    try:
        return pwd.getpwnam(USER)
    except KeyError:
        options = ["--no-create-home", "--home-dir", str(LAB / "home"), "--shell", "/bin/bash"]
        subprocess.run(["useradd", *options, USER], check=True)
        return pwd.getpwnam(USER)


def needed_by_the_user() -> tuple[Path, ...]:
    """What the user must be able to read on every host: this checkout and its Python."""
    return tuple({REPOSITORY, Path(sys.prefix), Path(sys.base_prefix), LAB})
