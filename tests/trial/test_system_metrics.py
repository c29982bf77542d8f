"""The machine's numbers have MLflow's names, and cost the search nothing."""

import time
from pathlib import Path

from mlflow.system_metrics.metrics.cpu_monitor import CPUMonitor
from mlflow.system_metrics.metrics.disk_monitor import DiskMonitor
from mlflow.system_metrics.metrics.network_monitor import NetworkMonitor

from autopeft.spec.task import SYSTEM_METRICS
from autopeft.trial.system_metrics import SystemMetrics


def test_they_are_those_of_mlflow(tmp_path: Path) -> None:
    found = SystemMetrics(disk=tmp_path, device="cpu").read()
    expected = set()
    for monitor in (CPUMonitor(), DiskMonitor(), NetworkMonitor()):
        monitor.collect_metrics()
        expected |= {f"system/{name}" for name in monitor.metrics}
    assert set(found) == expected | {"system/memory_rss_mb"}
    assert set(found) == {name for name in SYSTEM_METRICS if "gpu" not in name}


def test_they_are_of_the_time_since_the_last_reading(tmp_path: Path) -> None:
    metrics = SystemMetrics(disk=tmp_path, device="cpu")
    until = time.process_time() + 0.2
    while time.process_time() < until:
        pass
    busy = metrics.read()
    assert busy["system/cpu_utilization_percentage"] > 0
    assert 0 < busy["system/system_memory_usage_percentage"] <= 100


def test_they_take_no_time(tmp_path: Path) -> None:
    metrics = SystemMetrics(disk=tmp_path, device="cpu")
    began = time.process_time()
    for _ in range(20):
        metrics.read()
    assert (time.process_time() - began) / 20 < 0.02
