"""From ``cluster:`` in a search file, or ``--cluster``, to a validated profile."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from pydantic import ValidationError

from autopeft.core.choices import known_words
from autopeft.core.errors import InputError, Problem
from autopeft.core.places import shipped
from autopeft.spec.cluster import (
    MODES,
    PROFILE_RECORDS,
    AnyProfile,
    Mode,
    QueuedProfile,
    for_mode,
)
from autopeft.spec.compose import compose, laid_over
from autopeft.spec.lines import Lines, place
from autopeft.spec.problems import Path as TreePath
from autopeft.spec.problems import complaints, dotted, shown, unknown_key

Complaint = tuple[TreePath, str]

WRITE = "write a profile's name, or {profile: NAME, walltime: 2h, …}"


def profile_names() -> list[str]:
    """Return the names of the shipped profiles."""
    return sorted(path.stem for path in shipped("clusters").glob("*.yaml"))


def load_profile(
    name: str, overrides: Sequence[str] = (), *, mode: Mode | None = None
) -> AnyProfile:
    """Return the profile ``name``, a shipped one or a YAML file, with ``word=value`` laid over it.

    Args:
        name: A shipped profile's name, or a path.
        overrides: They have the last word, also over what the profile says of a mode.
        mode: For such a job.

    Raises:
        InputError: Holds every problem of the profile at once.

    Example:
        >>> load_profile("slurm", ["walltime=90m"]).walltime
        5400
    """
    lines: Lines = {}
    try:
        words = OmegaConf.to_container(OmegaConf.from_dotlist(list(overrides)), resolve=False)
    except OmegaConfBaseException as error:
        raise InputError(f"--set: {str(error).partition(chr(10))[0]}") from error
    assert isinstance(words, dict)
    for word in words:
        lines["cluster", str(word)] = "command line"
    profile, wrong = read_cluster({"profile": name, **words}, lines)
    if profile is not None and mode is not None:
        shape = for_mode(profile, mode).model_dump(mode="json", exclude={"jobs"})
        whole = laid_over(shape, {word: words[word] for word in words if word != "jobs"})
        profile, wrong = _judged(whole, type(profile))
    if profile is None:
        raise InputError(
            [
                Problem(place(path, lines), dotted(path[1:] or ("cluster",)), text)
                for path, text in wrong
            ]
        )
    return profile


def read_cluster(written: Any, lines: Lines) -> tuple[AnyProfile | None, list[Complaint]]:
    """Judge what stands at ``cluster:``; return the profile, or ``None`` and all that is wrong.

    Args:
        written: A name, a path, a mapping with ``profile``, or a whole profile with its ``kind``.
        lines: Where things stand; what stands in the profile's file is noted in it.
    """
    try:
        tree = _laid_out(written, lines)
    except InputError as error:
        return None, [(("cluster",), str(problem)) for problem in error.problems]
    kind = tree.get("kind")
    if kind not in PROFILE_RECORDS:
        known = known_words(str(kind or ""), list(PROFILE_RECORDS))
        missing = "no kind given; write profile: … or kind: …" + known
        said = missing if kind is None else f"no kind of cluster named {shown(kind)}{known}"
        return None, [(("cluster",) if kind is None else ("cluster", "kind"), said)]
    return _judged(tree, PROFILE_RECORDS[kind])


def _judged(
    tree: Mapping[str, Any], record: type[AnyProfile]
) -> tuple[AnyProfile | None, list[Complaint]]:
    """Validate a whole profile, and then as each mode of job would have it."""
    try:
        profile = record.model_validate(tree)
    except ValidationError as error:
        return None, [(("cluster", *path), text) for path, text in complaints(error, record)]
    wrong: list[Complaint] = []
    if isinstance(profile, QueuedProfile):
        for mode in MODES:
            words = getattr(profile.jobs, mode)
            above = ("cluster", "jobs", mode)
            fixed = [word for word in ("kind", "jobs", "name") if word in words]
            known = sorted(set(record.model_fields) - {"kind", "jobs", "name"})
            if fixed:
                wrong += [((*above, word), unknown_key(word, known)) for word in fixed]
                continue
            try:
                for_mode(profile, mode)
            except ValidationError as error:
                wrong += [((*above, *path), text) for path, text in complaints(error, record)]
    return (None if wrong else profile), wrong


def _laid_out(written: Any, lines: Lines) -> dict[str, Any]:
    """Return a whole profile as plain data: the file's words, the user's laid over them."""
    if isinstance(written, str):
        return _from_file(written, lines)
    if not isinstance(written, Mapping):
        raise InputError(f"found {shown(written)}; {WRITE}")
    words = {str(key): value for key, value in written.items()}
    source = words.pop("profile", None)
    if source is None:
        return {"name": str(words.get("kind") or ""), **words}
    if not isinstance(source, str):
        raise InputError(f"profile: found {shown(source)}, a name or a path would be right")
    below = _from_file(source, lines)
    if words.get("kind", below.get("kind")) != below.get("kind"):
        raise InputError(f"{source} is of kind {below.get('kind')}; take kind: out")
    return dict(laid_over(below, words))


def _from_file(source: str, lines: Lines) -> dict[str, Any]:
    path = _find(source)
    own: Lines = {}
    tree = {str(key): value for key, value in compose(path, own).items()}
    for step, where in own.items():
        lines.setdefault(("cluster", *step) if step else ("cluster",), where)
    return {"name": path.stem, **tree}


def _find(source: str) -> Path:
    """Return the file of a profile: shipped if ``source`` is a bare name, else a path.

    Raises:
        InputError: There is no such profile or file.
    """
    path = Path(source)
    if path.suffix in (".yaml", ".yml") or len(path.parts) > 1:
        path = path.expanduser() if source.startswith("~") else path
        if not path.is_file():
            raise InputError(f"{path}: no such file")
        return path
    known = profile_names()
    if source not in known:
        raise InputError(f"no cluster profile named {source!r}{known_words(source, known)}")
    return shipped("clusters") / f"{source}.yaml"
