"""Ports: free, outside the kernel's range, never twice."""

import socket

import pytest

from autopeft.clusters import ports
from autopeft.clusters.ports import HIGHEST, LOWEST, choose_ports, ephemeral_range, is_free
from autopeft.core.errors import ClusterError


def test_they_are_free_and_not_the_kernels() -> None:
    low, high = ephemeral_range()
    chosen = choose_ports(20)
    assert len(set(chosen)) == 20
    for port in chosen:
        assert LOWEST <= port < HIGHEST
        assert not low <= port <= high
        assert is_free(port)


def test_one_that_is_taken_is_passed_by_twenty_times_of_twenty(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with socket.socket() as taken:
        taken.bind(("", choose_ports(1)[0]))
        taken.listen()
        port = taken.getsockname()[1]
        monkeypatch.setattr(ports, "LOWEST", port)
        monkeypatch.setattr(ports, "HIGHEST", port + 3)
        for _ in range(20):
            assert port not in choose_ports(1)
        assert not is_free(port)


def test_no_free_port_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "is_free", lambda port: False)
    with pytest.raises(ClusterError, match="no 2 free ports"):
        choose_ports(2)


def test_a_kernel_that_gives_out_everything_leaves_us_something(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ports, "ephemeral_range", lambda: (1024, 65_535))
    assert len(choose_ports(2)) == 2
