"""Python and the libraries: there, in versions that fit, and working.

Torch and Ray are tried in child processes with a time limit: one that crashes or hangs is a
finding, not the end of the examination.
"""

import importlib.metadata
import io
import json
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import psutil
from packaging.requirements import Requirement

from autopeft.doctor.finding import Finding, Level

OLDEST_PYTHON = (3, 11)
FORMATS = {"wav": "PCM_16", "flac": "PCM_16", "mp3": "MPEG_LAYER_III", "ogg": "VORBIS"}
RAY_TIMEOUT_S = 120
TORCH_TIMEOUT_S = 60

RAY_PROGRAM = """
import sys, time, ray
began = time.monotonic()
ray.init(num_cpus=1, include_dashboard=False, _temp_dir=sys.argv[1], log_to_driver=False,
         logging_level="ERROR", object_store_memory=100_000_000)
assert ray.get(ray.remote(lambda: 1).remote()) == 1
print(round(time.monotonic() - began, 1))
ray.shutdown()
"""
TORCH_PROGRAM = """
import json, torch
print(json.dumps({"version": torch.__version__, "built_for": torch.version.cuda,
    "devices": [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]}))
"""


def check_python(version: tuple[int, ...] = sys.version_info[:3]) -> Finding:
    """Check that this Python is new enough."""
    shown = ".".join(map(str, version))
    if version[:2] < OLDEST_PYTHON:
        return Finding("python", Level.FAIL, shown, "install Python 3.11 or newer")
    return Finding("python", Level.OK, f"{shown} on {platform.platform(terse=True)}")


def check_packages() -> Finding:
    """Check that what autopeft needs is installed, in versions it can use."""
    wrong = []
    needed = [Requirement(text) for text in importlib.metadata.requires("autopeft") or []]
    needed = [r for r in needed if r.marker is None or r.marker.evaluate({"extra": ""})]
    for requirement in needed:
        try:
            found = importlib.metadata.version(requirement.name)
        except importlib.metadata.PackageNotFoundError:
            wrong.append(f"{requirement.name} is missing")
            continue
        if not requirement.specifier.contains(found, prereleases=True):
            wrong.append(f"{requirement.name} {found} is not {requirement.specifier}")
    if wrong:
        return Finding(
            "packages", Level.FAIL, "; ".join(wrong), "pip install -c constraints.txt autopeft"
        )
    return Finding("packages", Level.OK, f"all {len(needed)} there")


def check_sound_formats() -> Finding:
    """Check that every sound format can be written and read."""
    import numpy as np
    import soundfile

    broken = []
    for name, subtype in FORMATS.items():
        buffer = io.BytesIO()
        try:
            wave = np.zeros(4000, np.float32)
            soundfile.write(buffer, wave, 8000, format=name.upper(), subtype=subtype)
            buffer.seek(0)
            soundfile.read(buffer)
        except (RuntimeError, ValueError, TypeError):
            broken.append(name)
    if broken:
        return Finding(
            "sound formats", Level.WARN, f"libsndfile cannot do {', '.join(broken)}",
            "pip install --force-reinstall soundfile (it brings its own libsndfile)",
        )  # fmt: skip
    return Finding("sound formats", Level.OK, ", ".join(FORMATS))


def check_torch() -> Finding:
    """Check that torch loads, and that it sees the GPUs there are."""
    there = len(list(Path("/dev").glob("nvidia[0-9]*")))
    code, out, errors = _python(TORCH_PROGRAM, timeout_s=TORCH_TIMEOUT_S)
    if code != 0:
        return Finding(
            "torch", Level.FAIL, f"does not load: {errors}",
            "pip install -c constraints.txt torch, in the same call as autopeft",
        )  # fmt: skip
    found: dict[str, Any] = json.loads(out.splitlines()[-1])
    devices = ", ".join(found["devices"])
    if there and not devices:
        built = f"built for CUDA {found['built_for']}" if found["built_for"] else "a CPU build"
        return Finding(
            "torch", Level.WARN, f"{found['version']}, {built}, does not use the {there} GPUs here",
            "install the torch build that fits the driver (nvidia-smi shows its CUDA version)",
        )  # fmt: skip
    return Finding("torch", Level.OK, f"{found['version']}, {devices or 'no GPU, CPUs only'}")


def check_ray() -> Finding:
    """Check that Ray starts on this machine and runs a task."""
    with tempfile.TemporaryDirectory(
        prefix="apeft-", dir="/tmp" if os.access("/tmp", os.W_OK) else None,
        ignore_cleanup_errors=True,
    ) as folder:  # fmt: skip
        code, out, errors = _python(RAY_PROGRAM, folder, timeout_s=RAY_TIMEOUT_S)
        _end_leftovers(folder)
    if code != 0:
        return Finding(
            "ray", Level.FAIL, f"does not start: {errors}",
            "look at the findings above; unset RAY_ADDRESS; behind a proxy, export "
            "no_proxy=127.0.0.1,localhost",
        )  # fmt: skip
    return Finding("ray", Level.OK, f"starts and runs a task in {out.split()[-1]} s")


def _python(program: str, *arguments: str, timeout_s: float) -> tuple[int, str, str]:
    """Run a program in this Python; return code, stdout and the last line of stderr."""
    command = [sys.executable, "-P", "-W", "ignore", "-c", program, *arguments]
    environment = {k: v for k, v in os.environ.items() if k != "RAY_ADDRESS"}
    environment["RAY_USAGE_STATS_ENABLED"] = "0"
    # Files and not pipes: what a killed Ray leaves running would hold a pipe open for ever.
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as errors:
        try:
            code = subprocess.run(
                command, stdout=out, stderr=errors, timeout=timeout_s, env=environment, check=False
            ).returncode
        except subprocess.TimeoutExpired:
            return 1, "", f"no answer within {timeout_s:g} s"
        out.seek(0)
        errors.seek(0)
        last = (errors.read().strip().splitlines() or [f"exit code {code}"])[-1]
        return code, out.read(), last


def _end_leftovers(folder: str) -> None:
    """End processes of a Ray that hung: those whose command line names its own folder."""
    for process in psutil.process_iter(["cmdline"]):
        if any(folder in word for word in process.info["cmdline"] or ()):
            process.kill()
