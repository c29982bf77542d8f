from importlib.metadata import EntryPoint
from typing import Any

import pytest

from autopeft.core import choices
from autopeft.core.choices import Choices, did_you_mean, known_words
from autopeft.core.errors import InputError


@pytest.fixture
def codecs() -> Choices:
    return Choices("codec", "codecs", {"json": "json:dumps", "pickle": "no_such_module:dumps"})


def test_a_choice_is_imported_only_when_used(codecs: Choices) -> None:
    assert sorted(codecs) == ["json", "pickle"]
    assert codecs.load("json")({}) == "{}"
    with pytest.raises(ModuleNotFoundError):
        codecs.load("pickle")


@pytest.mark.parametrize(
    ("word", "end"),
    [
        ("jsn", "no codec named 'jsn'; did you mean 'json'? known: json, pickle"),
        ("yaml", "no codec named 'yaml'; known: json, pickle"),
    ],
)
def test_an_unknown_word_is_answered_with_what_there_is(
    codecs: Choices, word: str, end: str
) -> None:
    with pytest.raises(InputError) as caught:
        codecs.load(word)
    assert str(caught.value) == end
    assert caught.value.exit_code == 2


def test_plugins_join_but_do_not_replace(codecs: Choices, monkeypatch: pytest.MonkeyPatch) -> None:
    def entry_points(*, group: str) -> list[EntryPoint]:
        assert group == "autopeft.codecs_with_plugins"
        return [
            EntryPoint("upper", "string:capwords", group),
            EntryPoint("json", "string:capwords", group),
        ]

    monkeypatch.setattr(choices, "entry_points", entry_points)
    codecs.group = "autopeft.codecs_with_plugins"  # plugins are looked up once per group
    assert sorted(codecs) == ["json", "pickle", "upper"]
    assert len(codecs) == 3
    assert codecs.load("upper")("a b") == "A B"
    assert codecs["json"] == "json:dumps"


def test_words_for_the_unknown() -> None:
    known: list[Any] = ["lora", "dora"]
    assert did_you_mean("zzz", known) == ""
    assert known_words("zzz", known) == "; known: lora, dora"
