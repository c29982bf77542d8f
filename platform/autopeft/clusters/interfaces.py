"""The address by which other hosts reach this one."""

import ipaddress
import socket

import psutil

from autopeft.core.errors import ClusterError


def own_address(cidr: str | None, *, towards: str | None = None) -> tuple[str, str]:
    """Return this host's address, and the name of its interface if the profile chose the network.

    Without ``cidr``: the address that leads to ``towards``, else the one that its own name means,
    else that of the first interface that is up. Ray's own guess needs a way out of the cluster.

    Raises:
        ClusterError: No interface is in the network; names those there are.
    """
    there = interfaces()
    if cidr is not None:
        network = ipaddress.ip_network(cidr)
        for name, address in there:
            if ipaddress.ip_address(address) in network:
                return address, name
        found = ", ".join(f"{name} {address}" for name, address in there) or "none"
        raise ClusterError(
            f"{socket.gethostname()}: no interface in {cidr}; there are: {found}; correct "
            "`interface` in the profile"
        )
    own = [address for _, address in there]
    for guess in (_source_towards(towards) if towards else "", _by_name()):
        if guess in own:
            return guess, ""
    if own:
        return own[0], ""
    raise ClusterError(f"{socket.gethostname()}: no network interface is up but the loopback")


def interfaces() -> list[tuple[str, str]]:
    """Return name and IPv4 address of every interface that is up, without the loopback."""
    stats = psutil.net_if_stats()
    return [
        (name, address.address)
        for name, addresses in psutil.net_if_addrs().items()
        for address in addresses
        if address.family == socket.AF_INET
        and not ipaddress.ip_address(address.address).is_loopback
        and (name not in stats or stats[name].isup)
    ]


def _by_name() -> str:
    try:
        return socket.gethostbyname(socket.gethostname())
    except OSError:
        return ""


def _source_towards(address: str) -> str:
    """Return the address that packets to ``address`` leave from; none is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((address, 9))
            return str(probe.getsockname()[0])
        except OSError:
            return ""
