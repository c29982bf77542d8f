from collections.abc import Callable
from pathlib import Path

import pytest

from autopeft.core.errors import InputError
from autopeft.spec.load import load_sweep

Write = Callable[..., Path]


def complaint(path: Path, *overrides: str) -> str:
    with pytest.raises(InputError) as caught:
        load_sweep(path, overrides)
    return str(caught.value).replace(f"{path.parent}/", "")


def test_a_small_file_is_a_sweep(write: Write) -> None:
    sweep = load_sweep(write())
    assert sweep.name == "small"
    assert [d.name for d in sweep.space.dimensions] == ["method.rank", "method.learning_rate"]


def test_a_dict_says_the_same_as_its_file(write: Write) -> None:
    from_file = load_sweep(write())
    again = load_sweep(from_file.raw)
    assert again.settings == from_file.settings
    assert again.template == from_file.template


def test_a_base_is_overridden_key_by_key(write: Write) -> None:
    write(name="base.yaml")
    path = write("_base_: base.yaml\nname: mine\nsearch: {hours: 2}\nmethod: {rank: 8}\n")
    sweep = load_sweep(path)
    assert sweep.name == "mine"
    assert (sweep.settings.search.trials, sweep.settings.search.hours) == (6, 2)
    assert [d.name for d in sweep.space.dimensions] == ["method.learning_rate"]
    assert "_base_" not in sweep.raw


def test_bases_may_be_several_and_have_bases_themselves(write: Write) -> None:
    write(name="common/base.yaml")
    write("_base_: base.yaml\nsearch: {trials: 7}\n", "common/more.yaml")
    write("seed: 3\ntracking: {enabled: false}\n", "quiet.yaml")
    path = write("_base_: [common/more.yaml, quiet.yaml]\nname: mine\nseed: 4\n")
    settings = load_sweep(path).settings
    assert (settings.search.trials, settings.tracking.enabled, settings.seed) == (7, False, 4)


def test_a_problem_is_told_where_it_was_written(write: Write) -> None:
    base = write("search:\n  trials: 0\n", "base.yaml")
    path = write(
        "_base_: base.yaml\nname: a\nmethod: {kind: lora}\n"
        "task:\n  kind: contrastive\n  data: {kind: x}\n"
    )
    lines = complaint(path).splitlines()
    assert lines[0].startswith("base.yaml:2  search.trials: found 0")
    assert lines[1].startswith("search.yaml:6  task.data: no data named 'x'")
    assert base.name == "base.yaml"


@pytest.mark.parametrize("other", ["search.yaml", "loop.yaml"])
def test_a_base_that_leads_back_is_refused(write: Write, other: str) -> None:
    write("_base_: search.yaml\n", "loop.yaml")
    assert "leads back to itself" in complaint(write(f"_base_: {other}\nname: a\n"))


def test_a_missing_file_and_a_missing_base_are_named(write: Write, tmp_path: Path) -> None:
    assert complaint(tmp_path / "none.yaml") == "none.yaml: no such file"
    missing = complaint(write("_base_: none.yaml\n"))
    assert missing == "search.yaml:1  _base_: none.yaml: no such file"


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    assert "cannot be read" in complaint(tmp_path)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("name: [a\ntask: b", "not YAML"),
        ("name: a\nname: b\n", "search.yaml:2  not YAML: found duplicate key name"),
        ("- a\n- b\n", "search.yaml:1  found no mapping"),
        ("", "search.yaml:1  found no mapping"),
        ("just words", "found no mapping"),
        ("name: a\n\tb: c", "not YAML"),
    ],
)
def test_what_is_no_mapping_is_said(write: Write, text: str, words: str) -> None:
    assert words in complaint(write(text))


def test_bytes_that_are_no_text_are_said(tmp_path: Path) -> None:
    path = tmp_path / "search.yaml"
    path.write_bytes(b"name: \xff\xfe\n")
    assert "cannot be read" in complaint(path)


@pytest.mark.parametrize(
    "tag",
    [
        "!!python/object/apply:os.system [touch HERE]",
        "!!python/name:os.system",
        "!!python/module:os",
        "!!python/object/new:pathlib.Path [HERE]",
    ],
)
def test_yaml_is_data_and_builds_nothing(write: Write, tmp_path: Path, tag: str) -> None:
    made = tmp_path / "made"
    text = complaint(write(f"name: {tag.replace('HERE', str(made))}\n"))
    assert text.startswith("search.yaml:1  ")
    assert not made.exists()


def test_an_interpolation_takes_a_value_from_elsewhere(write: Write) -> None:
    text = write().read_text().replace("steps: 40", 'steps: 40, report_every: "${training.steps}"')
    sweep = load_sweep(write(text))
    assert sweep.raw["training"] == {"steps": 40, "report_every": 40}


def test_a_bare_interpolation_inside_braces_is_explained(write: Write) -> None:
    text = (
        write().read_text().replace("{steps: 40}", "{steps: 40, report_every: ${training.steps}}")
    )
    assert "search.yaml:9  not YAML: " in complaint(write(text))
    assert 'inside braces write "${…}" in quotes' in complaint(write(text))


@pytest.mark.parametrize("reference", ["${no.such.key}", "${search.", "${nobody:1}"])
def test_an_interpolation_of_nothing_is_said(write: Write, reference: str) -> None:
    text = complaint(write(write().read_text() + f"seed: {reference}\n"))
    assert "seed" in text or "not YAML" in text
    assert "Traceback" not in text


def test_overrides_have_the_last_word(write: Write) -> None:
    sweep = load_sweep(
        write(), ["search.trials=48", "search.scheduler={kind: none}", "method.rank=2", "seed=3"]
    )
    assert sweep.settings.search.trials == 48
    assert sweep.settings.search.scheduler.kind == "none"
    assert sweep.settings.seed == 3
    assert [d.name for d in sweep.space.dimensions] == ["method.learning_rate"]


def test_an_override_reaches_into_a_list(write: Write) -> None:
    branches = "method: {any_of: [{kind: lora, rank: 4}, {kind: ia3}]}"
    text = f"name: a\ntask: {{kind: contrastive, data: {{kind: procedural}}}}\n{branches}\n"
    sweep = load_sweep(write(text), ["method.any_of[0].rank=2", "method.any_of[1].kind=full"])
    assert sweep.template.branch_names == ("lora", "full")
    assert sweep.trial({"method": "lora"}).method.model_dump()["rank"] == 2


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("search.trials", "command line  search.trials: not an override; write e.g."),
        ("=3", "command line  =3: not an override"),
        ("search.trials=many", "command line  search.trials: found 'many', a whole number"),
        ("search.trails=3", "command line  search.trails: unknown key 'trails'; did you mean"),
        ("training={steps: 0}", "command line  training.steps: found 0, at least 1"),
        ("name.more=3", "command line  name: found {'more': 3}, text"),
        ("method.any_of[7].rank=3", "command line  method.any_of"),
        ("seed=[1", "command line  seed: cannot be set"),
    ],
)
def test_a_wrong_override_is_said(write: Write, override: str, words: str) -> None:
    assert words in complaint(write(), override)


def test_paths_resolve_against_the_file(write: Write, tmp_path: Path) -> None:
    data = "task: {kind: contrastive, data: {kind: folder, path: ../s}}"
    text = f"name: a\nmethod: {{kind: lora}}\nmodel: {{base: ./my}}\n{data}\n"
    raw = load_sweep(write(text, "deep/search.yaml")).raw
    assert Path(raw["task"]["data"]["path"]).resolve() == tmp_path / "s"
    assert Path(raw["model"]["base"]).resolve() == tmp_path / "deep" / "my"


def test_a_hub_id_stays_as_it_is(write: Write) -> None:
    text = write().read_text() + "model: {base: laion/clap-htsat-unfused}\n"
    assert load_sweep(write(text)).raw["model"]["base"] == "laion/clap-htsat-unfused"
