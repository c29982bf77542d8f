"""The model card: what it is, how good, how it was found, how to load it. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from statistics import mean, stdev
from typing import Any

import yaml

from autopeft.core.units import count, duration
from autopeft.methods.base import Traits
from autopeft.spec.data import FolderData
from autopeft.spec.model import SHIPPED
from autopeft.tracking.events import Kind, Status
from autopeft.tracking.history import Group, History
from autopeft.tracking.kept_adapter import KeptAdapter


def model_card(
    kept: KeptAdapter, *, name: str, captions: Sequence[str], merged: bool, traits: Traits
) -> str:
    """Return ``README.md`` of an exported folder, in the Hub's format."""
    header = yaml.safe_dump(_header(kept, merged=merged), sort_keys=False, allow_unicode=True)
    sections = (
        ("", _opening(kept, name, merged=merged)),
        ("Scores", _scores(kept)),
        ("How to load it", _loading(kept, merged=merged, traits=traits)),
        ("Data", _data(kept, captions)),
        ("Configuration", _configuration(kept)),
        ("How it was found", _search(kept)),
        ("Licence", _licence(kept)),
    )
    body = "\n\n".join(
        (f"## {title}\n\n" if title else "") + "\n".join(lines) for title, lines in sections
    )
    return f"---\n{header}---\n\n{body}\n"


def _header(kept: KeptAdapter, *, merged: bool) -> dict[str, Any]:
    return {
        "base_model": kept.spec.model.base,
        "library_name": "transformers" if merged else "peft",
        "pipeline_tag": "zero-shot-audio-classification",
        "tags": ["audio", "autopeft", kept.spec.method.kind],
    }


def _opening(kept: KeptAdapter, name: str, *, merged: bool) -> Iterator[str]:
    parameters = kept.trial.trainable_parameters
    size = "" if parameters is None else f" It trains {count(parameters)} parameters."
    what = "merged into" if merged else "adapter for"
    yield f"# {name}"
    yield ""
    yield (
        f"`{kept.spec.method.kind}` {what} `{kept.spec.model.base}`, found and trained by autopeft "
        f"{version('autopeft')}.{size}"
    )


def _scores(kept: KeptAdapter) -> Iterator[str]:
    history = kept.history
    metric = next(iter(history.search.objectives))
    columns = (f"test_{metric}", metric, "source_accuracy")
    yield "| | test | validation | source domain | parameters | seeds |"
    yield "| --- | --- | --- | --- | --- | --- |"
    rows = [("**this**", kept.group), *((g.name, g) for g in history.groups(Kind.BASELINE))]
    for name, group in rows:
        if group.runs and not (group.name == kept.group.name and name != "**this**"):
            cells = [_spread(group, column) for column in columns]
            size = group.runs[0].trainable_parameters
            shown = "–" if size is None else count(size)
            yield f"| {name} | {' | '.join(cells)} | {shown} | {len(group.runs)} |"
    yield ""
    yield (
        f"{metric}: mean ± standard deviation over training seeds. The weights here are those of "
        f"run {kept.trial.id} (seed {kept.spec.seed}), the best of them on validation; the search "
        "never saw the test clips."
    )


def _loading(kept: KeptAdapter, *, merged: bool, traits: Traits) -> Iterator[str]:
    base = kept.spec.model.base
    yield "```python"
    if merged:
        yield "from transformers import AutoModel"
        yield ""
        yield 'model = AutoModel.from_pretrained("THIS_FOLDER")'
    elif traits.layout == "parts":
        yield "from autopeft.methods import load_adapter"
        yield "from autopeft.models import load_base"
        yield ""
        yield f'model = load_adapter(load_base("{base}").model, "THIS_FOLDER")'
    else:
        yield "from peft import PeftModel"
        if traits.plugin:
            yield f"import {traits.plugin}  # teaches peft this kind of adapter"
        if base in SHIPPED:
            yield "from autopeft.models import load_base"
            yield ""
            yield f'base = load_base("{base}").model'
        else:
            yield "from transformers import AutoModel"
            yield ""
            yield f'base = AutoModel.from_pretrained("{base}")'
        yield 'model = PeftModel.from_pretrained(base, "THIS_FOLDER")'
    yield "```"
    yield ""
    yield 'Or score files: `autopeft predict THIS_FOLDER sound.wav --prompt "a ringing bell"`.'
    prompt = kept.spec.task.prompt
    if prompt != "{caption}":
        yield f"Captions were trained as `{prompt}`."


def _data(kept: KeptAdapter, captions: Sequence[str]) -> Iterator[str]:
    data = kept.spec.task.data
    facts = data.model_dump(mode="json", exclude={"split", "path"}, exclude_none=True)
    if isinstance(data, FolderData):
        facts["path"] = data.path.rstrip("/").rpartition("/")[2]
    split = data.split
    yield from _list(facts)
    yield (
        f"- split: {split.train:g} train, {split.validation:g} validation, {split.test:g} test "
        "(unless the table of captions gives it)"
    )
    if captions:
        shown = ", ".join(captions[:40]) + (", …" if len(captions) > 40 else "")
        yield f"- {len(captions)} captions: {shown}"


def _configuration(kept: KeptAdapter) -> Iterator[str]:
    yield from _list(kept.spec.method.model_dump(mode="json", exclude_none=True))
    yield from _list(kept.spec.training.model_dump(mode="json"))
    yield f"- seed: {kept.spec.seed}"


def _search(kept: KeptAdapter) -> Iterator[str]:
    history, search = kept.history, kept.history.search
    statuses = [trial.status for trial in history.of_kind(Kind.TRIAL)]
    stopped, failed = statuses.count(Status.STOPPED), statuses.count(Status.FAILED)
    yield (
        f"{search.searcher.kind} over {history.counted} trials ({stopped} stopped early by "
        f"{search.scheduler.kind}, {failed} failed) in {duration(history.active_seconds)}; the "
        f"best {search.retrain} were trained again with {search.retrain_seeds} fresh seeds each."
    )
    started = history.started
    if started is not None:
        versions = ", ".join(f"{name} {version}" for name, version in started.versions.items())
        commit = f"; git commit {started.git_commit}" if started.git_commit else ""
        yield f"Run `{started.sweep}`, seed {started.seed}; {versions}{commit}."
    if kept.group.of:
        yield f"This configuration was trial {kept.group.of}."
    yield from _objectives(history)


def _objectives(history: History) -> Iterator[str]:
    goals = ", ".join(f"{metric} ({way})" for metric, way in history.search.objectives.items())
    yield f"Objective on validation: {goals}."


def _licence(kept: KeptAdapter) -> Iterator[str]:
    if kept.spec.model.base in SHIPPED:
        yield f"The base `{kept.spec.model.base}` is Apache-2.0."
    else:
        yield f"The base `{kept.spec.model.base}` has a licence of its own, and so has the data."
    yield "Choose a licence that both allow, and write it as `license:` at the top of this file."


def _list(facts: Mapping[str, Any]) -> Iterator[str]:
    for name, value in facts.items():
        yield f"- {name}: {value}"


def _spread(group: Group, metric: str) -> str:
    values = group.values(metric)
    if not values:
        return "–"
    return f"{mean(values):.3f}" + (f" ± {stdev(values):.3f}" if len(values) > 1 else "")
