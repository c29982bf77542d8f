import subprocess
import sys

from hypothesis import given
from hypothesis import strategies as st

from autopeft.core.seeds import derive_seed

WORDS = st.lists(st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=8), max_size=3)


@given(st.integers(0, 2**31), WORDS)
def test_a_seed_fits_every_library(seed: int, words: list[str]) -> None:
    assert 0 <= derive_seed(seed, *words) < 2**31


@given(st.integers(0, 9), st.integers(0, 9), WORDS, WORDS)
def test_other_words_give_another_stream(a: int, b: int, one: list[str], two: list[str]) -> None:
    same = (a, one) == (b, two)
    assert (derive_seed(a, *one) == derive_seed(b, *two)) == same


def test_words_are_not_run_together() -> None:
    assert derive_seed(1, "ab", "c") != derive_seed(1, "a", "bc")
    assert derive_seed(1, "1") != derive_seed(11)


def test_a_seed_is_the_same_in_every_process() -> None:
    code = "from autopeft.core.seeds import derive_seed; print(derive_seed(3, 'train', 7))"
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True,
        env={"PYTHONHASHSEED": "123"},
    )  # fmt: skip
    assert int(answer.stdout) == derive_seed(3, "train", 7)
