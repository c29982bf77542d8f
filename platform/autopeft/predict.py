"""Sounds against prompts, with what a run found."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autopeft.core.errors import DataError, InputError
from autopeft.data import open_data
from autopeft.data.audio_files import read_clip
from autopeft.data.clips import Waveform
from autopeft.data.problems import listed
from autopeft.methods import load_adapter
from autopeft.models import Base, load_base
from autopeft.tasks.scoring import score_prompts
from autopeft.tracking.kept_adapter import KeptAdapter, kept_adapter

MANIFEST = "autopeft.json"


@dataclass(frozen=True, slots=True)
class Scores:
    """Probabilities of every prompt for every sound; each row sums to 1."""

    sounds: tuple[str, ...]
    prompts: tuple[str, ...]
    values: tuple[tuple[float, ...], ...]

    def ranked(self) -> Iterator[tuple[str, list[tuple[str, float]]]]:
        """Yield each sound with its prompts, the likeliest first."""
        for sound, row in zip(self.sounds, self.values, strict=True):
            pairs = zip(self.prompts, row, strict=True)
            yield sound, sorted(pairs, key=lambda pair: -pair[1])

    def as_dict(self) -> list[dict[str, Any]]:
        """Return it as plain data: one record for each sound."""
        return [
            {"sound": sound, "best": ranking[0][0], "scores": dict(ranking)}
            for sound, ranking in self.ranked()
        ]


@dataclass(frozen=True, slots=True)
class _Adapted:
    """A loaded model and what its prompts look like."""

    base: Base
    model: Any
    prompt: str
    captions: tuple[str, ...]


def predict(
    source: str | Path, sounds: Sequence[str | Path], prompts: Sequence[str] | None = None
) -> Scores:
    """Return how well each prompt fits each sound.

    Args:
        source: A run folder (its winner), ``RUN/trials/ID``, or an exported folder.
        sounds: wav, flac, mp3 or ogg files.
        prompts: Captions to choose from, put into the prompt the model was trained with; without
            any, the captions of training.

    Raises:
        DataError: Files that cannot be read; every one is named.
        InputError: There is nothing to load, or no prompt to choose from.
    """
    adapted = _load(Path(source))
    chosen = tuple(prompts or adapted.captions)
    if not chosen:
        raise InputError(f"{source}: its captions are not known any more; give some with --prompt")
    waves = _read([Path(sound) for sound in sounds], sample_rate_hz=adapted.base.sample_rate_hz)
    texts = [adapted.prompt.replace("{caption}", caption) for caption in chosen]
    values = score_prompts(adapted.model, adapted.base, waves, texts)
    rows = tuple(tuple(float(value) for value in row) for row in values)
    return Scores(tuple(map(str, sounds)), chosen, rows)


def _load(source: Path) -> _Adapted:
    manifest = source / MANIFEST
    if not manifest.is_file():
        kept = kept_adapter(source)
        base = load_base(kept.spec.model.base, revision=kept.spec.model.revision)
        captions = open_data(kept.spec.task.data, sample_rate_hz=base.sample_rate_hz).captions
        return _Adapted(
            base, load_adapter(base.model, kept.folder), kept.spec.task.prompt, captions
        )
    try:
        facts: dict[str, Any] = json.loads(manifest.read_text(encoding="utf-8"))
        merged, prompt, captions = facts["merged"], facts["prompt"], tuple(facts["captions"])
        name, revision = facts["base"], facts["revision"]
    except (ValueError, KeyError, OSError) as error:
        raise InputError(f"{manifest}: damaged ({error!r}); export the run again") from error
    if merged:
        base = load_base(str(source.resolve()))
        return _Adapted(base, base.model, prompt, captions)
    base = load_base(name, revision=revision)
    return _Adapted(base, load_adapter(base.model, source), prompt, captions)


def _load_kept(kept: KeptAdapter) -> _Adapted:
    task, model = kept.spec.task, kept.spec.model
    base = load_base(model.base, revision=model.revision)
    try:
        captions = open_data(task.data, sample_rate_hz=base.sample_rate_hz).captions
    except DataError:  # moved or deleted since; prompts can still be given
        captions = ()
    return _Adapted(base, load_adapter(base.model, kept.folder), task.prompt, captions)


def _read(paths: Sequence[Path], *, sample_rate_hz: int) -> list[Waveform]:
    waves, problems = [], []
    for path in paths:
        try:
            waves.append(read_clip(path, sample_rate_hz=sample_rate_hz))
        except DataError as error:
            problems.append(str(error))
    if problems:
        raise DataError(listed(problems))
    return waves
