"""The lab's network: a bridge as the switch, one namespace per host, a cable to each."""

import subprocess
from ipaddress import IPv4Address
from pathlib import Path

BRIDGE = "br-lab"
FIRST = IPv4Address("10.77.0.1")
# The submitting host with the schedulers' masters, and two that compute.
NAMES = ("ctl", "n1", "n2")


def address(name: str) -> str:
    """The address of a host.

    Example:
        >>> address("n2")
        '10.77.0.3'
    """
    return str(FIRST + NAMES.index(name))


def namespace(name: str) -> str:
    """The network namespace of a host, as ``ip netns`` lists it."""
    return f"lab-{name}"


def hosts_file() -> str:
    """What every host has as /etc/hosts; a name that means 127.0.0.1 breaks Grid Engine."""
    return "127.0.0.1 localhost\n" + "".join(f"{address(name)} {name}\n" for name in NAMES)


def lay() -> None:
    """All hosts' cables are in the switch, and they reach each other."""
    ip("link", "add", BRIDGE, "type", "bridge")
    ip("link", "set", BRIDGE, "up")
    for name in NAMES:
        inside, cable = namespace(name), f"lab-{name}"
        ip("netns", "add", inside)
        ip("link", "add", cable, "type", "veth", "peer", "name", "eth0", "netns", inside)
        ip("link", "set", cable, "master", BRIDGE, "up")
        ip("-n", inside, "addr", "add", f"{address(name)}/24", "dev", "eth0")
        ip("-n", inside, "link", "set", "lo", "up")
        ip("-n", inside, "link", "set", "eth0", "up")


def why_not() -> str | None:
    """One sentence saying why no network can be laid on this machine, or None."""
    try:
        ip("link", "add", "lab-probe", "type", "bridge")
        ip("link", "del", "lab-probe")
        ip("netns", "add", "lab-probe")
        ip("netns", "del", "lab-probe")
    except RuntimeError as error:
        return f"this machine allows no network of its own: {error}"
    return None


def remove() -> None:
    """Nothing of the network is left; fine where there was none. Cables go with their ends."""
    for name in NAMES:
        if Path("/run/netns", namespace(name)).exists():
            ip("netns", "del", namespace(name))
    if Path("/sys/class/net", BRIDGE).exists():
        ip("link", "del", BRIDGE)


def pids(name: str) -> list[int]:
    """Every process on a host, by this machine's numbers: what is in its network namespace."""
    if not Path("/run/netns", namespace(name)).exists():
        return []
    return [int(pid) for pid in ip("netns", "pids", namespace(name)).split()]


def ip(*words: str) -> str:
    """Run ``ip``, return what it prints."""
    done = subprocess.run(["ip", *words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"ip {' '.join(words)}: {done.stderr.strip()}")
    return done.stdout
