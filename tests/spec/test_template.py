"""A template: every point of its cube is a valid trial, and every trial has a point."""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from autopeft.core.places import shipped
from autopeft.spec.load import load_sweep
from autopeft.spec.method import METHOD_RECORDS, Lora, Parts
from autopeft.spec.sweep import Sweep

SPACES = sorted(path.name for path in shipped("search_spaces").glob("*.yaml"))
WITHOUT_RANGES = {"parts", "zero-shot"}


def sweep_of(method: Any, **sections: Any) -> Sweep:
    task = {"kind": "contrastive", "data": {"kind": "procedural"}}
    return load_sweep({"name": "a", "task": task, "method": method, **sections})


def random_cube(sweep: Sweep, dice: random.Random) -> dict[str, float]:
    return {d.name: dice.random() for d in sweep.space.dimensions}


@pytest.mark.parametrize("name", SPACES)
def test_every_point_of_a_shipped_space_is_a_valid_trial(name: str) -> None:
    sweep, dice = load_sweep(shipped("search_spaces") / name), random.Random(0)
    for _ in range(300):
        values = sweep.space.decode(random_cube(sweep, dice))
        trial = sweep.trial(values)
        assert trial.model_validate_json(trial.model_dump_json()) == trial
        assert sweep.space.decode(sweep.space.encode(values)) == pytest.approx(values)


@pytest.mark.parametrize("name", SPACES)
def test_a_shipped_space_begins_with_what_it_is_for(name: str) -> None:
    text = (shipped("search_spaces") / name).read_text(encoding="utf-8")
    assert text.startswith("# ")
    assert len(text.splitlines()[0]) > 20


@pytest.mark.parametrize("kind", sorted(set(METHOD_RECORDS) - WITHOUT_RANGES))
def test_the_word_search_stands_for_every_default_range_of_a_method(kind: str) -> None:
    record = METHOD_RECORDS[kind]
    sweep = sweep_of({"kind": kind, **dict.fromkeys(record.search_ranges, "search")})
    assert {d.name for d in sweep.space.dimensions} == {f"method.{k}" for k in record.search_ranges}
    assert next(iter(record.search_ranges)) == "learning_rate"
    default = record.model_fields["learning_rate"].default
    span = record.search_ranges["learning_rate"]
    assert span["low"] <= default <= span["high"], "the default lies in its own range"


def test_an_omitted_field_is_a_constant() -> None:
    sweep = sweep_of({"kind": "lora"})
    assert sweep.space.dimensions == ()
    assert sweep.trial({}).method == Lora()


def test_values_go_where_the_file_has_them() -> None:
    sweep = sweep_of(
        {"any_of": [{"kind": "lora", "rank": "search"}, {"kind": "ia3"}]},
        training={"batch_size": {"one_of": [8, 16]}, "steps": 30},
        model={"base": {"one_of": ["autopeft/tiny-clap", "laion/clap-htsat-unfused"]}},
    )
    trial = sweep.trial(
        {
            "model.base": "laion/clap-htsat-unfused",
            "training.batch_size": 16,
            "method": "lora",
            "method.lora.rank": 32,
        }
    )
    assert trial.method == Lora(rank=32)
    assert (trial.training.batch_size, trial.training.steps) == (16, 30)
    assert trial.model.base == "laion/clap-htsat-unfused"
    assert sweep.trial({"method": "ia3"}).method.kind == "ia3"


def test_whole_numbers_stay_whole() -> None:
    sweep = sweep_of(
        {"kind": "lora", "rank": {"low": 1, "high": 9}, "dropout": {"low": 0, "high": 0.5}}
    )
    rank, dropout = sweep.space.dimensions
    assert (rank.kind, rank.levels, dropout.kind) == ("int", 9, "float")


def test_one_of_is_ordered_over_numbers_alone_or_if_told() -> None:
    sweep = sweep_of(
        {
            "kind": "lora",
            "rank": {"one_of": [1, 2]},
            "roles": {"one_of": ["audio.all", "text.all"]},
            "layers": {"one_of": ["last", "top_quarter", "all"], "ordered": True},
        }
    )
    assert [d.ordered for d in sweep.space.dimensions] == [True, False, True]


def test_branches_of_one_kind_are_told_apart_by_name() -> None:
    sweep = sweep_of(
        {
            "any_of": [
                {"kind": "lora", "name": "small", "rank": {"one_of": [1, 2]}},
                {"kind": "lora", "name": "large", "rank": {"one_of": [16, 32]}},
            ]
        }
    )
    assert sweep.template.branch_names == ("small", "large")
    assert [d.name for d in sweep.space.dimensions] == [
        "method",
        "method.small.rank",
        "method.large.rank",
    ]
    assert sweep.trial({"method": "large", "method.large.rank": 16}).method == Lora(rank=16)


def test_one_branch_needs_no_choice() -> None:
    sweep = sweep_of({"any_of": [{"kind": "lora", "rank": "search"}]})
    assert [d.name for d in sweep.space.dimensions] == ["method.rank"]
    assert sweep.trial({"method.rank": 4}).method == Lora(rank=4)


def test_parts_have_each_their_own_values() -> None:
    rank = {"one_of": [0, 2, 4]}
    sweep = sweep_of(
        {
            "any_of": [
                {"parts": [{"kind": "lora", "rank": rank}, {"kind": "houlsby", "width": "search"}]},
                {"kind": "full"},
            ]
        }
    )
    names = [d.name for d in sweep.space.dimensions]
    assert names == ["method", "method.parts.parts[0].rank", "method.parts.parts[1].width"]
    method = sweep.trial(dict(zip(names, ["parts", 0, 8], strict=True))).method
    assert isinstance(method, Parts)
    assert [part.model_dump().get("rank", 8) for part in method.parts] == [0, 8]


def test_all_trials_share_the_seed_of_the_sweep_unless_told() -> None:
    sweep = sweep_of({"kind": "lora"}, seed=7)
    assert sweep.trial({}).seed == 7
    assert sweep.trial({}, seed=9).seed == 9


def test_a_trial_does_not_change_the_template() -> None:
    sweep = sweep_of({"kind": "lora", "rank": "search"})
    before = sweep.trial({"method.rank": 1})
    sweep.trial({"method.rank": 32})
    assert sweep.trial({"method.rank": 1}) == before


# Spec <-> YAML: what is saved beside a run makes the same sweep again.

RATES = st.floats(1e-6, 1.0)
NUMBER = st.one_of(
    RATES,
    st.just("search"),
    st.tuples(RATES, RATES)
    .filter(lambda pair: pair[0] != pair[1])
    .map(lambda pair: {"low": min(pair), "high": max(pair), "log": True}),
    st.lists(RATES, min_size=1, max_size=4, unique=True).map(lambda values: {"one_of": values}),
)
RANK = st.one_of(
    st.integers(1, 64),
    st.just("search"),
    st.lists(st.integers(1, 64), min_size=1, max_size=4, unique=True).map(
        lambda values: {"one_of": values}
    ),
)
LORA = st.fixed_dictionaries(
    {"kind": st.sampled_from(["lora", "dora", "pissa"]), "learning_rate": NUMBER, "rank": RANK},
    optional={"roles": st.sampled_from(["audio.all", "text.ffn+projection", "search"])},
)
METHOD = st.one_of(
    LORA,
    st.lists(LORA, min_size=2, max_size=3, unique_by=lambda tree: tree["kind"]).map(
        lambda branches: {"any_of": branches}
    ),
    st.lists(LORA, min_size=1, max_size=3).map(lambda parts: {"parts": parts}),
)
FILE = st.fixed_dictionaries(
    {
        "name": st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,20}", fullmatch=True),
        "task": st.fixed_dictionaries(
            {"kind": st.just("contrastive"), "data": st.just({"kind": "procedural"})},
            optional={"prompt": st.sampled_from(["{caption}", "the sound of {caption}, ümläut"])},
        ),
        "method": METHOD,
        "seed": st.integers(0, 2**31),
        "search": st.fixed_dictionaries(
            {"trials": st.integers(1, 99)},
            optional={
                "hours": st.floats(0.1, 100),
                "searcher": st.sampled_from([{"kind": "random"}, {"kind": "tpe", "seed": 3}]),
            },
        ),
    }
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(FILE)
def test_a_sweep_survives_its_file(write: Callable[..., Path], tree: dict[str, Any]) -> None:
    sweep = load_sweep(tree)
    again = load_sweep(write(yaml.safe_dump(sweep.raw, sort_keys=False, allow_unicode=True)))
    assert again.settings == sweep.settings
    assert again.space == sweep.space
    assert again.template == sweep.template
    values = sweep.space.decode({d.name: 0.4 for d in sweep.space.dimensions})
    assert again.trial(values) == sweep.trial(values)
