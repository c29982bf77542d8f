"""Where a run's Ray is: written whole, private, read back, gone."""

from pathlib import Path

import pytest

from autopeft.clusters.rendezvous import (
    FILE,
    RayHost,
    Rendezvous,
    find_rendezvous,
    publish,
    withdraw,
)
from autopeft.core.errors import ClusterError

TWO_HOSTS = Rendezvous(
    address="10.77.0.2:9123",
    dashboard="127.0.0.1:9124",
    head="n1",
    hosts=(RayHost("n1", 4, 0, 7.8, ready=True), RayHost("n2", 2, 1, None, ready=False)),
    job="4711",
    token_file="/runs/a/ray-token",
)


def test_what_is_published_is_found(tmp_path: Path) -> None:
    publish(tmp_path, TWO_HOSTS)
    assert find_rendezvous(tmp_path) == TWO_HOSTS
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600


def test_nobody_reads_it_even_where_a_file_stood_before(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text("old")
    (tmp_path / FILE).chmod(0o644)
    publish(tmp_path, TWO_HOSTS)
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600


def test_no_file_is_no_ray(tmp_path: Path) -> None:
    withdraw(tmp_path)
    publish(tmp_path, TWO_HOSTS)
    withdraw(tmp_path)
    assert find_rendezvous(tmp_path) is None


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"hosts": [{"name": "n1"}]}', '{"hosts": 3}'])
def test_another_file_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE).write_text(text)
    with pytest.raises(ClusterError, match=r"ray\.json: cannot be read"):
        find_rendezvous(tmp_path)
