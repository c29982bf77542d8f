"""Where a sweep runs: the name of a profile."""

from autopeft.core.choices import known_words
from autopeft.core.places import shipped


def check_profile(name: str) -> str:
    """Return ``name`` if ``clusters/`` holds a profile of it.

    Raises:
        ValueError: There is none.

    Example:
        >>> check_profile("local")
        'local'
    """
    known = sorted(path.stem for path in shipped("clusters").glob("*.yaml"))
    if name not in known:
        raise ValueError(f"no cluster profile named {name!r}{known_words(name, known)}")
    return name
