"""Run on a host: starts a head so many times, and each time its first port has just been taken.

Prints how many heads stood on another port, and how many were asked for.
"""

import socket
import sys
from pathlib import Path

from autopeft.clusters.allocation import own_share
from autopeft.clusters.host_check import prepare_host
from autopeft.clusters.interfaces import own_address
from autopeft.clusters.ports import choose_ports
from autopeft.clusters.ray_environment import environment_on_hosts, token_file
from autopeft.clusters.ray_head import RayHead


def main(run: Path, times: int) -> None:
    address, _ = own_address(None)
    environment = environment_on_hosts(token_file(run), interface="", without_proxy=())
    stood = 0
    for _ in range(times):
        with socket.socket() as other:
            other.bind(("", 0))
            other.listen()
            taken = int(other.getsockname()[1])
            drawn: list[int] = []

            def ports(count: int, taken: int = taken, drawn: list[int] = drawn) -> list[int]:
                found = choose_ports(count)
                if not drawn:
                    found[0] = taken
                drawn.extend(found)
                return found

            head = RayHead(
                own_share(cpus=1, gpus=0), address=address, objects=prepare_host() // 4,
                environment=environment, is_cancelled=lambda: False, say=print, ports=ports,
            )  # fmt: skip
            stood += head.is_alive and not head.address.endswith(f":{taken}")
            head.stop()
    print(stood, times)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
