"""Where a sweep runs."""

from autopeft.spec.record import Record


class Cluster(Record):
    """The name of a profile from ``clusters/``; ``local`` is this machine."""

    profile: str = "local"
