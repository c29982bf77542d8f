"""Numbers as people read them."""


def duration(seconds: float) -> str:
    """Return a span of time in the two units that matter.

    Example:
        >>> duration(4.2), duration(75), duration(7300)
        ('4.2 s', '1 min 15 s', '2 h 01 min')
    """
    if round(seconds) < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min"


def count(number: float) -> str:
    """Return a count in short form.

    Example:
        >>> count(950), count(32_400), count(153_500_000)
        ('950', '32.4 k', '153.5 M')
    """
    for factor, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(number) >= factor * 0.99995 and abs(number) >= 1000:  # 999 960 is 1.0 M
            return f"{number / factor:.1f} {unit}"
    return f"{number:g}"
