"""The address that others reach, by the network if the profile names one."""

import pytest

from autopeft.clusters import interfaces
from autopeft.clusters.interfaces import own_address
from autopeft.core.errors import ClusterError

TWO = [("eth0", "192.168.1.7"), ("ib0", "10.0.3.7")]


@pytest.fixture(autouse=True)
def two_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interfaces, "interfaces", lambda: TWO)
    monkeypatch.setattr(interfaces, "_by_name", lambda: "127.0.1.1")


def test_the_network_of_the_profile_decides() -> None:
    assert own_address("10.0.0.0/16") == ("10.0.3.7", "ib0")
    assert own_address("192.168.0.0/16") == ("192.168.1.7", "eth0")


def test_a_network_that_is_not_here_is_told_with_those_that_are() -> None:
    with pytest.raises(ClusterError, match=r"no interface in 172.16.0.0/12; there are: eth0 "):
        own_address("172.16.0.0/12")


def test_without_one_the_way_to_the_head_or_the_own_name(monkeypatch: pytest.MonkeyPatch) -> None:
    assert own_address(None) == ("192.168.1.7", "")
    monkeypatch.setattr(interfaces, "_by_name", lambda: "10.0.3.7")
    assert own_address(None) == ("10.0.3.7", "")
    monkeypatch.setattr(interfaces, "_source_towards", lambda address: "192.168.1.7")
    assert own_address(None, towards="192.168.1.1") == ("192.168.1.7", "")


def test_a_host_without_a_network_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interfaces, "interfaces", list)
    with pytest.raises(ClusterError, match="no network interface is up"):
        own_address(None)
