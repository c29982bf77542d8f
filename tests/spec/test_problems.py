"""What a mistaken file is answered: every mistake at once, where it stands, what would be right."""

from collections.abc import Callable
from pathlib import Path

import pytest

from autopeft.core.errors import InputError
from autopeft.spec.load import load_sweep

Problems = Callable[..., list[str]]

HEAD = "name: a\ntask: {kind: contrastive, data: {kind: procedural}}\n"
METHOD = "method: {kind: lora}\n"
# What is known is not drowned in the metrics of the machine.
SHORT = "4  search.{}.x: no metric named 'x'; known: accuracy, "

EVERYTHING_WRONG = """\
name: x y
task:
  kind: contrastiv
  data: {kind: procedurall, clips: many}
method:
  any_of:
    - kind: lora
      rnk: 3
      rank: {low: 16, high: 8}
      roles: {one_of: [audio.atention, audio.all]}
    - kind: lorra
    - kind: ia3
      learning_rate: {low: 1, high: 1}
training: {steps: {low: 1, high: 4}, learning_rate: 3, batch_size: 2.5}
search:
  searcher: {kind: neldermead}
  objectives: {accuracy: maximum}
  trials: 0
sarch: {}
"""


def test_few_steps_are_too_few_for_warm_up_and_for_early_stopping_at_once(
    problems_of: Problems,
) -> None:
    lines = problems_of(HEAD + METHOD + "training: {steps: 8}\n")
    assert [line.partition(": ")[0].split()[1] for line in lines] == [
        "search.scheduler.grace_steps",
        "training.warmup_steps",
    ]
    assert "write e.g. grace_steps: 2" in lines[0]


def test_a_slip_in_the_word_search_is_recognised(problems_of: Problems) -> None:
    (line,) = problems_of(HEAD + "method: {kind: lora, learning_rate: serach}\n")
    assert "did you mean search?" in line
    (line,) = problems_of(HEAD + METHOD + "search: {trials: search}\n")
    assert "did you mean" not in line  # it is not searched


def test_all_problems_come_at_once_in_the_order_of_the_file(problems_of: Problems) -> None:
    lines = problems_of(EVERYTHING_WRONG)
    starts = [line.partition(": ")[0] for line in lines]
    assert starts == [
        "search.yaml:1  name",
        "search.yaml:3  task.kind",
        "search.yaml:4  task.data",
        "search.yaml:8  method.any_of[0].rnk",
        "search.yaml:9  method.any_of[0].rank",
        "search.yaml:10  method.any_of[0].roles",
        "search.yaml:11  method.any_of[1]",
        "search.yaml:13  method.any_of[2].learning_rate",
        "search.yaml:14  training.batch_size",
        "search.yaml:14  training.learning_rate",
        "search.yaml:14  training.steps",
        "search.yaml:16  search.searcher",
        "search.yaml:17  search.objectives.accuracy",
        "search.yaml:18  search.trials",
        "search.yaml:19  sarch",
    ]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        # unknown words, with what was meant
        (METHOD + "trianing: {}", "4  trianing: unknown key 'trianing'; did you mean 'training'?"),
        (METHOD + "search: {trails: 3}", "4  search.trails: unknown key 'trails'; did you mean 't"),
        (METHOD + "search: {zzz: 3}", "4  search.zzz: unknown key 'zzz'; known: baselines, "),
        ("method: {kind: lorra}", "3  method: no method named 'lorra'; did you mean 'lora'? known"),
        ("method: {kind: qqq}", "3  method: no method named 'qqq'; known: lora, rslora, "),
        (
            METHOD + "search: {searcher: {kind: tpee}}",
            "4  search.searcher: no searcher named 'tpee'; did you mean 'tpe'? known: ",
        ),
        (
            METHOD + "search: {scheduler: {kind: ashaa}}",
            "4  search.scheduler: no scheduler named 'ashaa'; did you mean 'asha'? known: ",
        ),
        (
            "method: {kind: lora, roles: audio.al}",
            "3  method.roles: no role named 'audio.al'; did you mean 'audio.all'? known: audio.att",
        ),
        (
            "method: {kind: lora, roles: audio.all+audio.all}",
            "3  method.roles: 'audio.all+audio.all' names a role twice",
        ),
        (
            "method: {kind: lora, layers: top_haf}",
            "3  method.layers: found 'top_haf'; did you mean 'top_half'? known: all, top_half, ",
        ),
        (
            METHOD + "search: {objectives: {acuracy: max}}",
            "4  search.objectives.acuracy: no metric named 'acuracy'; did you mean 'accuracy'?",
        ),
        (
            METHOD + "search: {constraints: {trainable_params: {at_most: 3}}}",
            "4  search.constraints.trainable_params: no metric named 'trainable_params'; did you m",
        ),
        (METHOD + "search: {objectives: {x: max}}", SHORT.format("objectives")),
        (METHOD + "search: {constraints: {x: {at_most: 3}}}", SHORT.format("constraints")),
        # keys of other programs, and where they belong here
        (
            METHOD + "training: {learning_rate: 0.1}",
            "4  training.learning_rate: unknown key 'learning_rate' here: belongs to the method, ",
        ),
        ("method: {kind: lora, alpha: 16}", "3  method.alpha: unknown key 'alpha' here: write al"),
        ("method: {kind: lora, r: 16}", "3  method.r: unknown key 'r' here: write rank"),
        (METHOD + "search: {num_samples: 9}", "4  search.num_samples: unknown key 'num_samples' h"),
        # distributions
        (
            "method: {kind: lora, rank: {low: 16, high: 8}}",
            "3  method.rank: low 16 is above high 8 — write e.g. {low: 8, high: 16}",
        ),
        (
            "method: {kind: lora, rank: {low: 8, high: 8}}",
            "3  method.rank: low and high are both 8",
        ),
        ("method: {kind: lora, rank: {low: 8}}", "3  method.rank.high: missing; write a value"),
        ("method: {kind: lora, rank: {one_of: []}}", "3  method.rank.one_of: found [], at least o"),
        ("method: {kind: lora, rank: {one_of: [1, 1.0]}}", "3  method.rank: one_of [1, 1.0] names"),
        (
            "method: {kind: lora, rank: {one_of: [[1]]}}",
            "3  method.rank: [1] is not a scalar; one_",
        ),
        ("method: {kind: lora, rank: {low: 1.5, high: 8}}", "3  method.rank: rank is a whole numb"),
        (
            "method: {kind: lora, rank: {low: 1, high: 8, log: true, step: 2}}",
            "3  method.rank: log and step exclude each other; keep one",
        ),
        (
            "method: {kind: lora, rank: {low: 0, high: 8, log: true}}",
            "3  method.rank: log needs low above 0, found 0",
        ),
        (
            "method: {kind: lora, rank: {low: 1, high: 8, step: 3}}",
            "3  method.rank: high 8 is not low 1 plus whole steps of 3; the nearest below is 7",
        ),
        (
            "method: {kind: lora, rank: {low: a, high: 8}}",
            "3  method.rank.low: found 'a', a number",
        ),
        ("method: {kind: lora, roles: {low: 1, high: 8}}", "3  method.roles: roles is not a numbe"),
        (
            "method: {kind: lora, rank: {one_of: [1, two]}}",
            "3  method.rank: found 'two', a whole n",
        ),
        (
            "method: {kind: lora, rank: {low: 1, high: 4000}}",
            "3  method.rank: found 4000, at most ",
        ),
        (
            "method: {kind: lora, rank: {low: 1, high: 8, logg: true}}",
            "3  method.rank.logg: unknown key 'logg'; did you mean 'log'? known: high, integer, l",
        ),
        (METHOD + "training: {steps: {one_of: [1, 2]}}", "4  training.steps: steps is not search"),
        (METHOD + "search: {trials: {low: 1, high: 9}}", "4  search.trials: a distribution stands"),
        (
            "method: {kind: {one_of: [lora, ia3]}}",
            "3  method.kind: kind is not searched (it is the same for all trials): write one value",
        ),
        (
            METHOD + "training: {warmup_steps: {low: 1, high: 200}}",
            "4  training.warmup_steps: 200 is not below steps 80",
        ),
        ("method: {kind: lora, layers: search}", "3  method.layers: layers has no default range; "),
        (METHOD + "training: {batch_size: search}", "4  training.batch_size: batch_size has no de"),
        # rank 0
        ("method: {kind: lora, rank: 0}", "3  method.rank: found 0, at least 1 would be right; 0 "),
        ("method: {kind: lora, rank: {one_of: [0, 4]}}", "3  method.rank: found 0, at least 1 wo"),
        ("method: {kind: houlsby, width: 0}", "3  method.width: found 0, at least 1 would be"),
        ("method: {kind: oft, block_size: 0}", "3  method.block_size: found 0, at least 1 would"),
        ("method: {kind: lora, rank: -1}", "3  method.rank: found -1, at least 0 would be right"),
        # branches
        (
            "method: {any_of: [{kind: lora}, {kind: lora, rank: 4}]}",
            "3  method.any_of[1].name: two branches are named 'lora'; give one a name: …",
        ),
        ("method: {any_of: []}", "3  method.any_of: found no list of methods; write - kind: lora"),
        ("method: {any_of: [lora]}", "3  method.any_of[0]: found 'lora'; write {kind: lora}"),
        ("method: {any_of: [{kind: lora}], rank: 3}", "3  method.rank: any_of stands alone; move "),
        ("method: {rank: 3}", "3  method: no kind given; write e.g. kind: lora, or any_of, or p"),
        # a bare word in the place of a mapping with a kind
        ("method: lora", "3  method: found 'lora'; write {kind: lora}"),
        ("method: lorra", "3  method: found 'lorra'; did you mean {kind: lora}? known: lora, rsl"),
        (
            METHOD + "search: {searcher: neldermead}",
            "4  search.searcher: found 'neldermead'; did you mean {kind: nelder-mead}? known: ",
        ),
        (
            METHOD + "search: {scheduler: zzz}",
            "4  search.scheduler: found 'zzz'; write {kind: …}; known: none, asha, ",
        ),
        (
            METHOD + "search: {warm_start: bridge}",
            "4  search.warm_start: found 'bridge'; write {kind: bridge}",
        ),
        ("seed: 1", "method: no kind given"),
        ("method: {parts: []}", "3  method.parts: found [], at least one entry would be right"),
        ("method: {parts: [{kind: full}]}", "3  method.parts[0]: no method named 'full'; known: l"),
        # types and limits
        (METHOD + "search: {trials: many}", "4  search.trials: found 'many', a whole number would"),
        (METHOD + "search: {trials: 2.5}", "4  search.trials: found 2.5, a whole number would be"),
        (METHOD + "search: {hours: -1}", "4  search.hours: found -1, a number above 0 would be ri"),
        (METHOD + "search: {baselines: perhaps}", "4  search.baselines: found 'perhaps', true or "),
        (METHOD + "search: [1]", "4  search: found [1], a mapping (key: value) would be right"),
        (METHOD + "training: 3", "4  training: found 3, a mapping (key: value) would be right"),
        (METHOD + "resources: {gpus: -0.5}", "4  resources.gpus: found -0.5, at least 0 would be"),
        (METHOD + "training: {weight_decay: .nan}", "4  training.weight_decay: found nan"),
        (
            METHOD + "training: {weight_decay: .inf}",
            "4  training.weight_decay: found inf, a finite",
        ),
        (METHOD + "search: {hours: .inf}", "4  search.hours: found inf, a finite number would be"),
        (METHOD + "search: {hours: .nan}", "4  search.hours: found nan, a finite number would be"),
        # what YAML has as something else than a number
        (METHOD + "training: {steps: true}", "4  training.steps: found true, a whole number would"),
        (METHOD + "search: {trials: yes}", "4  search.trials: found true, a whole number would be"),
        (METHOD + "search: {hours: true}", "4  search.hours: found true, a number would be right"),
        (METHOD + "resources: {cpus: true}", "4  resources.cpus: found true, a whole number"),
        (METHOD + "seed: true", "4  seed: found true, a whole number would be right"),
        (
            METHOD + 'seed: "3"',
            "4  seed: found '3', a whole number would be right (without quotes)",
        ),
        (METHOD + 'search: {hours: "1e3x"}', "4  search.hours: found '1e3x', a number would be ri"),
        ("method: {kind: lora, rank: true}", "3  method.rank: found true, a whole number would"),
        ("method: {kind: lora, rank: {one_of: [true, 4]}}", "3  method.rank: found true, a whole"),
        ('method: {kind: lora, rank: {one_of: ["2", 4]}}', "3  method.rank: found '2', a whole nu"),
        ("method: {kind: lora, rank: {low: true, high: 4}}", "3  method.rank.low: found true, a n"),
        ("method: {kind: lora, rank: {low: 1, high: .inf}}", "3  method.rank.high: found inf, a f"),
        ("method: {kind: lora, dropout: {low: 0, high: 1, step: on}}", "step: found true, a num"),
        (METHOD + "tracking: {experiment: on}", "4  tracking.experiment: found true, text (in qu"),
        (
            "method: {kind: lora, dropout: {low: -1.0e+308, high: 1.0e+308, step: 0.1}}",
            "3  method.dropout: -1e+308 to 1e+308 in steps of 0.1 is too many steps",
        ),
        ("method: {parts: [{kind: lora, rank: [[1]]}]}", "3  method.parts[0].rank: found a list"),
        # a distribution in other programs' words
        (
            "method: {kind: lora, rank: {one_of: [1, 2], low: 1}}",
            "3  method.rank: one_of and low exclude each other; keep {one_of: […]} or {low: …, ",
        ),
        (
            "method: {kind: lora, rank: {min: 1, max: 8}}",
            "3  method.rank: found {'min': 1, 'max': 8}; a range is written {low: …, high: …}",
        ),
        (
            "method: {kind: lora, rank: {any_of: [1, 2]}}",
            "3  method.rank: found {'any_of': [1, 2]}; a choice is written {one_of: […]}",
        ),
        (
            "method: {kind: lora, rank: [1, 2]}",
            "3  method.rank: found a list; to search among its entries write {one_of: [1, 2]}",
        ),
        (
            "method: {kind: lora, roles: [audio.all, projection]}",
            "write {one_of: [audio.all, projection]}, to take them all audio.all+projection",
        ),
        (METHOD + "search: {trials: {min: 1, max: 9}}", "4  search.trials: a distribution stands"),
        # a kind that is no word
        ("method: {kind: null}", "3  method: no method named null; known: lora, rslora, "),
        ("method: {kind: 3}", "3  method: no method named 3; known: lora, rslora, "),
        (METHOD + "search: {searcher: {kind: null}}", "4  search.searcher: no searcher named null"),
        # parts that are off wherever one looks
        (
            "method: {parts: [{kind: lora, rank: 0}, {kind: houlsby, width: 0}]}",
            "3  method.parts: every part is off (rank, width or block_size 0) in every configurat",
        ),
        (
            "method: {any_of: [{kind: ia3}, {parts: [{kind: lora, rank: {one_of: [0]}}]}]}",
            "3  method.any_of[1].parts: every part is off",
        ),
        # what does not fit together
        (
            METHOD + "training: {steps: 5, warmup_steps: 0}",
            "search.scheduler.grace_steps: 10 is ab",
        ),
        (
            METHOD + "search: {objectives: {trainable_parameters: min}}",
            "4  search.objectives.trainable_parameters: trainable_parameters is known before train",
        ),
        (
            METHOD + "search: {objectives: {source_accuracy: max}}",
            "4  search.objectives.source_accuracy: source_accuracy is scored with the last report ",
        ),
        (
            "method: {any_of: [{kind: ia3}, {kind: lora, rank: search}]}\n"
            "search: {searcher: {kind: cmaes, margin: true}}",
            "4  search.searcher.margin: some parameters exist in one branch of the space only",
        ),
        (
            METHOD + "search: {scheduler: {kind: pbt}}",
            "4  search.scheduler: pbt explores learning_rate, weight_decay, clip_norm, dropout, an",
        ),
        (
            "method: {kind: lora, learning_rate: search}\n"
            "search: {scheduler: {kind: pbt, interval_steps: 80}}",
            "4  search.scheduler.interval_steps: 80 is not below training.steps 80; no trial would",
        ),
        (
            METHOD + "search: {scheduler: {kind: none}, patience: {reports: 0}}",
            "4  search.patience.reports: ",
        ),
        (METHOD + "search: {objectives: {}}", "4  search.objectives: found {}, "),
        (
            METHOD + "search: {constraints: {loss: {}}}",
            "4  search.constraints.loss: empty; write {",
        ),
        (
            METHOD + "search: {constraints: {loss: {at_most: 1, at_least: 2}}}",
            "4  search.constraints.loss: at_least 2 is above at_most 1",
        ),
        (METHOD + "1: 2", "4  1: unknown key '1'; known: cluster, method, "),
        (METHOD + "name2: 2", "4  name2: unknown key 'name2'; did you mean 'name'? known: clu"),
    ],
)
def test_a_mistake_is_answered_in_one_line(problems_of: Problems, text: str, line: str) -> None:
    lines = problems_of(HEAD + text + "\n")
    assert len(lines) == 1, lines
    assert line in lines[0]
    assert lines[0].startswith("search.yaml:")


@pytest.mark.parametrize(
    ("search", "paths"),
    [
        (
            "{trials: -2, hours: 0, objectives: {acuracy: max}, constraints: {los: {at_most: 3}}, "
            "first_points: [{rnk: 4}]}",
            ["trials", "hours", "objectives.acuracy", "constraints.los", "first_points[0].rnk"],
        ),
        (
            "{objectives: {acuracy: max, loss: down}, constraints: {lss: {at_most: 3}, loss: {}}}",
            ["objectives.acuracy", "objectives.loss", "constraints.loss", "constraints.lss"],
        ),
        ("{trails: 3, scheduler: {kind: pbt}}", ["scheduler", "trails"]),
        # what was wrong by itself is not judged by the default in its place
        ("{scheduler: {kind: ashaa}, objectives: {source_accuracy: max}}", ["scheduler"]),
        ("{searcher: {kind: gpp}, objectives: {accuracy: max, loss: min}}", ["searcher"]),
        ("{objectives: {accuracy: up}}", ["objectives.accuracy"]),
    ],
)
def test_a_wrong_part_of_the_search_hides_no_other(
    problems_of: Problems, search: str, paths: list[str]
) -> None:
    lines = problems_of(HEAD + METHOD + f"search: {search}\n")
    found = [line.partition("  search.")[2].partition(": ")[0] for line in lines]
    assert sorted(found) == sorted(paths)


def test_a_wrong_name_hides_no_wrong_objective(problems_of: Problems) -> None:
    lines = problems_of(HEAD + METHOD + "search: {objectives: {acuracy: max}}\n", "name=x y")
    paths = sorted(line.partition(": ")[0].rpartition("  ")[2] for line in lines)
    assert paths == ["name", "search.objectives.acuracy"]


@pytest.mark.parametrize(
    ("override", "line"),
    [
        ("task=contrastiv", "task: found 'contrastiv'; did you mean {kind: contrastive}?"),
        ("task.data=folder", "task.data: found 'folder'; write {kind: folder}"),
        ("search.searcher=tpe", "search.searcher: found 'tpe'; write {kind: tpe}"),
    ],
)
def test_a_bare_word_on_the_command_line_is_told_its_mapping(
    problems_of: Problems, override: str, line: str
) -> None:
    lines = problems_of(HEAD + METHOD, override)
    assert len(lines) == 1, lines
    assert line in lines[0]


@pytest.mark.parametrize(
    ("task", "line"),
    [
        ("{}", "task.data: missing; write a value"),
        ("{kind: contrastive, data: {}}", "task.data: no kind given; write kind: …"),
        ("{kind: contrastive, data: {kind: folder}}", "task.data.path: missing; write a value"),
        (
            "{kind: contrastive, data: {kind: procedural, split: {train: 0.9}}}",
            "task.data.split: train + validation",
        ),
        (
            "{kind: contrastive, data: {kind: procedural, clips: {low: 1, high: 9}}}",
            "clips is not searched",
        ),
        (
            "{kind: contrastive, data: {kind: procedural}, prompt: hi}",
            "task.prompt: 'hi' lacks {caption}",
        ),
        (
            "{kind: contrastive, data: {kind: procedural}, caption_bank_weight: 0}",
            "task.caption_bank_weight: 0, and so is in_batch_weight; raise one",
        ),
        (
            "{kind: contrastive, data: {kind: procedural}, caption_bank_weight: {one_of: [1, 0]}, "
            "in_batch_weight: {one_of: [0, 1]}}",
            "task.caption_bank_weight: 0, and so is in_batch_weight",
        ),
    ],
)
def test_a_mistaken_task_is_answered(problems_of: Problems, task: str, line: str) -> None:
    lines = problems_of(f"name: a\ntask: {task}\n{METHOD}")
    assert len(lines) == 1, lines
    assert line in lines[0]


def test_a_missing_name_and_task_are_said(problems_of: Problems) -> None:
    lines = problems_of(METHOD)
    assert [line.partition("  ")[2] for line in lines] == [
        "name: missing; write a value",
        "task.data: missing; write a value",
    ]


@pytest.mark.parametrize("zero", ["rank: 0", "rank: {one_of: [0, 4]}", "rank: {low: 0, high: 4}"])
def test_a_part_may_be_off(problems_of: Problems, zero: str) -> None:
    parts = f"method: {{parts: [{{kind: lora, {zero}}}, {{kind: houlsby}}]}}\n"
    assert problems_of(HEAD + parts) == []


def test_parts_may_all_be_off_at_some_points(problems_of: Problems) -> None:
    rank, width = "rank: {one_of: [0, 4]}", "width: {low: 0, high: 8}"
    parts = f"method: {{parts: [{{kind: lora, {rank}}}, {{kind: houlsby, {width}}}]}}\n"
    assert problems_of(HEAD + parts) == []


def test_a_name_is_not_too_long_for_a_file(problems_of: Problems) -> None:
    name = "a" * 61
    (line,) = problems_of(HEAD.replace("name: a", f"name: {name}") + METHOD)
    assert line.endswith("at most 60 characters would be right")
    (line,) = problems_of(HEAD + f"method: {{any_of: [{{kind: lora, name: {name}}}]}}\n")
    assert "of at most 60 letters" in line


def test_metrics_that_folder_data_has_not_are_unknown(problems_of: Problems) -> None:
    text = (
        "name: a\ntask: {kind: contrastive, data: {kind: folder, path: x}}\nmethod: {kind: lora}\n"
        "search: {scheduler: {kind: none}, constraints: {source_accuracy: {at_least: 0.5}}}\n"
    )
    (problem,) = problems_of(text)
    assert "no metric named 'source_accuracy'" in problem
    assert problem.endswith(", trainable_parameters, and system/…")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("cluster: locl", "did you mean 'local'?"),
        ("model: {base: autopeft/tiny-clp}", "did you mean 'autopeft/tiny-clap'?"),
        ('model: {base: ""}', "model.base"),
        ("tracking: {uri: 'foo://bar'}", "write a server such as"),
        ("_base_: 5", "search.yaml:1  _base_: found 5"),
        ("_base_: nowhere.yaml", "search.yaml:1  _base_: "),
    ],
)
def test_a_place_that_cannot_be_is_refused(tmp_path: Path, text: str, expected: str) -> None:
    file = tmp_path / "search.yaml"
    file.write_text(
        f"{text}\nname: n\ntask: {{kind: contrastive, data: {{kind: procedural}}}}\n"
        "method: {kind: lora}\n"
    )
    with pytest.raises(InputError) as caught:
        load_sweep(file)
    assert expected in str(caught.value)


def test_only_captions_are_filled_into_a_prompt(tmp_path: Path) -> None:
    raw = {
        "name": "n",
        "task": {
            "kind": "contrastive",
            "data": {"kind": "procedural"},
            "prompt": "a {foo} {caption}",
        },
        "method": {"kind": "lora"},
    }
    with pytest.raises(InputError, match=r"names \['foo'\]"):
        load_sweep(raw)


@pytest.mark.parametrize("name", ["3", "{one_of: [a]}", "'a.b'"])
def test_a_branch_has_a_plain_name(tmp_path: Path, name: str) -> None:
    file = tmp_path / "search.yaml"
    file.write_text(
        "name: n\ntask: {kind: contrastive, data: {kind: procedural}}\n"
        f"method: {{any_of: [{{kind: lora, name: {name}}}, {{kind: ia3}}]}}\n"
    )
    with pytest.raises(InputError, match="small_lora"):
        load_sweep(file)
