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


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("seed: ${nam}", "${nam} names nothing; did you mean 'name'?"),
        ("seed: ${sed}", "${sed} names nothing; write the path of a key"),
        ("seed: ${no.such}", "${no.such} names nothing; write the path of a key of this file"),
        ("seed: ${seed}", "leads back to itself; write a value at one of the places"),
        ("seed: ${nobody:1}", "${nobody:…} names nothing; write the path of a key"),
        ("seed: ???", "??? stands for a value that is missing; write one"),
        ("seed: ${oc.env:NO_SUCH_VARIABLE}", "Environment variable 'NO_SUCH_VARIABLE' not found"),
    ],
)
def test_why_a_value_cannot_be_taken_is_one_sentence(write: Write, line: str, words: str) -> None:
    text = complaint(write(write().read_text() + line + "\n"))
    assert text.startswith("search.yaml:11  seed: ")
    assert words in text
    assert len(text.splitlines()) == 1


def test_all_values_that_cannot_be_taken_come_with_all_other_mistakes(write: Write) -> None:
    text = write().read_text().replace("rank: {one_of: [1, 2, 4]}", 'rank: {one_of: ["${a}", 2]}')
    text = text.replace("search: {trials: 6}", "search: {trials: 0}") + "seed: ${b}\n"
    assert [line.partition(": ")[0] for line in complaint(write(text)).splitlines()] == [
        "search.yaml:7  method.rank.one_of[0]",
        "search.yaml:10  search.trials",
        "search.yaml:11  seed",
    ]


def test_aliases_that_repeat_without_end_are_refused_at_once(write: Write) -> None:
    levels = [f"{below}{below}: &{below}{below} [{', '.join([f'*{above}{above}'] * 9)}]"
              for above, below in zip("abcdefghijkl", "bcdefghijklm", strict=True)]  # fmt: skip
    assert "not YAML" in complaint(write("aa: &aa [x]\n" + "\n".join(levels)))
    assert "not YAML" in complaint(write("name: &a {b: *a}\n"))


@pytest.mark.parametrize("key", ["on", "no", "yes", "off", "true"])
def test_a_key_that_yaml_takes_for_a_truth_value_is_explained(write: Write, key: str) -> None:
    text = write("search:\n  objectives: {accuracy: max}\n  constraints:\n    " + key + ": 1\n")
    assert complaint(text) == (
        f"search.yaml:4  search.constraints.{key}: YAML reads this key as true or false; write it "
        f'in quotes: "{key}"'
    )


def test_a_key_that_is_nothing_is_explained(write: Write) -> None:
    assert "search.yaml:1  ~: YAML reads this key as null" in complaint(write("~: 3\n"))


def test_what_another_kind_left_behind_is_named_where_it_stands(write: Write) -> None:
    write(name="base.yaml")
    text = complaint(write("_base_: base.yaml\nname: mine\nmethod:\n  kind: ia3\n"))
    (line,) = text.splitlines()
    assert line.startswith("base.yaml:7  method.rank: unknown key 'rank'; known: ")
    assert "search.yaml:4 changes the kind" in line
    assert "take this line out, or write all of it anew" in line
    assert "'method={kind: …}'" in line


def test_an_override_of_the_kind_names_what_it_leaves_behind(write: Write) -> None:
    path = write()
    assert "left over, since command line changes the kind" in complaint(path, "method.kind=ia3")
    assert load_sweep(path, ["method={kind: ia3}"]).template.branch_names == ("ia3",)
    assert "left over" not in complaint(write(path.read_text().replace("rank:", "rnak:")))


def test_what_was_written_after_the_kind_is_not_left_over(write: Write) -> None:
    assert "left over" not in complaint(write(), "method.learning_rat=3")
    write(name="base.yaml")
    mine = write("_base_: base.yaml\nname: mine\nmethod: {rnak: 3}\n")
    assert "left over" not in complaint(mine)
    assert "left over" in complaint(mine, "method.kind=ia3")


def test_a_distribution_of_another_sort_replaces_that_of_the_base(write: Write) -> None:
    write(name="base.yaml")
    path = write("_base_: base.yaml\nmethod: {rank: {low: 1, high: 9}, learning_rate: {high: 1}}\n")
    rank, rate = load_sweep(path).space.dimensions
    assert (rank.kind, rank.low, rank.high) == ("int", 1, 9)
    assert (rate.low, rate.high, rate.log) == (1e-4, 1, True)


def test_a_list_over_a_mapping_is_no_accident_of_ours(write: Write) -> None:
    write(name="base.yaml")
    assert "method: found [1], a mapping" in complaint(write("_base_: base.yaml\nmethod: [1]\n"))
    write("_base_: base.yaml\nmethod: [1]\n", "list.yaml")
    path = write("_base_: list.yaml\nmethod: {kind: ia3}\n")
    assert load_sweep(path).template.branch_names == ("ia3",)


def test_a_name_that_no_file_can_have_is_refused_in_a_sentence(write: Write) -> None:
    long = "x" * 5000
    assert "cannot be read" in complaint(write(f"_base_: {long}.yaml\n"))
    assert "cannot be read" in complaint(write('_base_: "a\\0b"\n'))
    assert load_sweep(write(write().read_text() + f"model: {{base: {long}}}\n"))
    data = f"task: {{data: {{kind: folder, path: ~nobody-here/{long}}}}}\n"
    load_sweep(write(f"name: a\nmethod: {{kind: lora}}\n{data}"))


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
        ("search={on: 1}", "the key 1 is not a word; write it in quotes"),
    ],
)
def test_a_wrong_override_is_said(write: Write, override: str, words: str) -> None:
    assert words in complaint(write(), override)


def test_an_override_of_a_word_in_a_list_is_said(write: Write) -> None:
    text = complaint(write(), "method=[1, 2]", "method.any_of[x]=3")
    assert text.startswith("command line  method.any_of[x]: cannot be set: ")


def test_paths_resolve_against_the_file(write: Write, tmp_path: Path) -> None:
    data = "task: {kind: contrastive, data: {kind: folder, path: ../s}}"
    text = f"name: a\nmethod: {{kind: lora}}\nmodel: {{base: ./my}}\n{data}\n"
    raw = load_sweep(write(text, "deep/search.yaml")).raw
    assert Path(raw["task"]["data"]["path"]).resolve() == tmp_path / "s"
    assert Path(raw["model"]["base"]).resolve() == tmp_path / "deep" / "my"


def test_every_base_that_is_searched_resolves_against_the_file(
    write: Write, tmp_path: Path
) -> None:
    (tmp_path / "beside").mkdir()
    bases = "model: {base: {one_of: [./my, beside, autopeft/tiny-clap, laion/clap]}}\n"
    raw = load_sweep(write(write().read_text() + bases)).raw
    assert raw["model"]["base"]["one_of"] == [
        f"{tmp_path}/my", f"{tmp_path}/beside", "autopeft/tiny-clap", "laion/clap",
    ]  # fmt: skip


def test_a_hub_id_stays_as_it_is(write: Write) -> None:
    text = write().read_text() + "model: {base: laion/clap-htsat-unfused}\n"
    assert load_sweep(write(text)).raw["model"]["base"] == "laion/clap-htsat-unfused"
