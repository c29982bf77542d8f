"""What the machine does while a trial trains, by the names that MLflow gives it."""

from pathlib import Path

import psutil
import torch


class SystemMetrics:
    """Reads counters that the kernel keeps anyway: nothing is sampled, and nothing waits.

    CPU and network are of the time since the last reading, so of one report's steps; the first
    reading counts from here.

    Args:
        disk: A folder on the disk that is meant.
        device: ``cpu`` or ``cuda``.
    """

    def __init__(self, *, disk: Path, device: str) -> None:
        self._disk, self._device = disk, device
        self._process = psutil.Process()
        self._network = psutil.net_io_counters()
        psutil.cpu_percent(interval=None)

    def read(self) -> dict[str, float]:
        """Return them now."""
        memory, disk = psutil.virtual_memory(), psutil.disk_usage(str(self._disk))
        metrics = {
            "memory_rss_mb": self._process.memory_info().rss / 1e6,
            "cpu_utilization_percentage": psutil.cpu_percent(interval=None),
            "system_memory_usage_megabytes": memory.used / 1e6,
            "system_memory_usage_percentage": memory.percent,
            "disk_usage_megabytes": disk.used / 1e6,
            "disk_usage_percentage": disk.percent,
            "disk_available_megabytes": disk.free / 1e6,
            **self._traffic(),
            **(_gpu() if self._device == "cuda" else {}),
        }
        return {f"system/{name}": float(value) for name, value in metrics.items()}

    def _traffic(self) -> dict[str, float]:
        """Return what went over the network since the last reading; nothing where there is none."""
        before, self._network = self._network, psutil.net_io_counters()
        if before is None or self._network is None:
            return {}
        return {
            "network_receive_megabytes": (self._network.bytes_recv - before.bytes_recv) / 1e6,
            "network_transmit_megabytes": (self._network.bytes_sent - before.bytes_sent) / 1e6,
        }


def _gpu() -> dict[str, float]:
    """Return the memory in use on the worker's GPU, by whomever; Ray shows each worker its own."""
    free, total = torch.cuda.mem_get_info()
    return {
        "gpu_0_memory_usage_megabytes": (total - free) / 1e6,
        "gpu_0_memory_usage_percentage": 100 * (total - free) / total,
    }
