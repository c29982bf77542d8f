"""What every Ray of ours finds in its environment, on this machine and on the hosts of a job."""

import os
import secrets
from collections.abc import Iterable
from pathlib import Path

# Read by Ray and Tune when they are imported or started; each has cost somebody hours.
ENVIRONMENT = {
    "RAY_AUTH_MODE": "token",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_TRAIN_ENABLE_V2_MIGRATION_WARNINGS": "0",
    "RAY_AIR_NEW_OUTPUT": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_worker_num_grpc_internal_threads": "1",
    # A raylet that asks its object store too early asks again after this time; Ray's default, a
    # second, was lost in about every second start. Together they wait ten seconds, as with Ray.
    "RAY_raylet_client_connect_timeout_milliseconds": "20",
    "RAY_raylet_client_num_connect_attempts": "500",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_DISABLE_STRICT_METRIC_CHECKING": "1",
    "TUNE_GLOBAL_CHECKPOINT_S": "86400",
    "TUNE_WARN_THRESHOLD_S": "5",
}
TOKEN_PATH, TOKEN_FILE = "RAY_AUTH_TOKEN_PATH", "ray-token"
# For Ray on several hosts. A silent host is given up after some 20 s (Ray's default: 50 s), and a
# host that is told to end does not drain for 30 s, which is all the time Slurm gives.
ON_HOSTS = {
    "RAY_START_HOOK": "autopeft.clusters.ray_start_hook.without_client_server",
    "RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S": "0",
    "RAY_health_check_period_ms": "2000",
    "RAY_health_check_timeout_ms": "5000",
    "RAY_health_check_failure_threshold": "4",
}


def token_file(run: Path) -> Path:
    """Return the run's token file (mode 0600); it is made where there is none."""
    path = run / TOKEN_FILE
    if not path.exists():
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_hex(32))
    return path


def environment_on_hosts(
    token: Path, *, interface: str, without_proxy: Iterable[str]
) -> dict[str, str]:
    """Return what Ray on a host of a job has beyond the job's own environment.

    Args:
        token: The token file.
        interface: The network interface that the hosts share; empty if nobody chose one.
        without_proxy: Names and addresses that no web proxy may come between.
    """
    found = {**ENVIRONMENT, **ON_HOSTS, TOKEN_PATH: str(token)}
    if interface:
        found |= {"NCCL_SOCKET_IFNAME": interface, "GLOO_SOCKET_IFNAME": interface}
    known = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
    names = [*filter(None, known.split(",")), "localhost", "127.0.0.1", *without_proxy]
    direct = ",".join(dict.fromkeys(names))
    return found | {"no_proxy": direct, "NO_PROXY": direct}
