import pytest

from autopeft.core.units import count, duration


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0.0 s"),
        (9.94, "9.9 s"),
        (10, "10 s"),
        (59.4, "59 s"),
        (59.6, "1 min 00 s"),
        (60, "1 min 00 s"),
        (3599.7, "1 h 00 min"),
        (90_000, "25 h 00 min"),
    ],
)
def test_a_span_of_time_is_never_sixty_of_something(seconds: float, words: str) -> None:
    assert duration(seconds) == words


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (0, "0"),
        (999, "999"),
        (1000, "1.0 k"),
        (999_999, "1.0 M"),
        (2.5e9, "2.5 G"),
        (-1500, "-1.5 k"),
    ],
)
def test_a_count_is_short(number: float, words: str) -> None:
    assert count(number) == words
