"""What a warm start came to, in a space that has changed since: by value, not by where it lay."""

from autopeft.bridge.past import cube_in
from autopeft.spec.space import Dimension, Space
from autopeft.spec.warm_start import Opening


def moved(opening: Opening, old: Space, new: Space) -> Opening:
    """Return an opening of ``old`` as one of ``new``.

    What ``new`` lacks is left out; what lies outside of it is at its edge, or is left out of a
    point.
    """
    if old.dimensions == new.dimensions:
        return opening
    theirs = {dimension.name: dimension for dimension in old.dimensions}
    both = [(theirs[d.name], d) for d in new.dimensions if d.name in theirs]
    box, mean, spread = {}, {}, {}
    for before, after in both:
        name = after.name
        if name in opening.box:
            low, high = (moved_position(before, after, x) for x in opening.box[name])
            if low < high:
                box[name] = (low, high)
        if name in opening.mean:
            middle, wide = opening.mean[name], opening.spread.get(name, 0.0)
            ends = [
                moved_position(before, after, min(max(x, 0.0), 1.0))
                for x in (middle - wide, middle + wide)
            ]
            mean[name] = moved_position(before, after, middle)
            spread[name] = wide if before == after else (ends[1] - ends[0]) / 2
    return opening.model_copy(
        update={
            "first": tuple(cube_in(new, old.decode(cube)) for cube in opening.first),
            "box": box,
            "mean": {name: x for name, x in mean.items() if spread[name] > 0},
            "spread": {name: wide for name, wide in spread.items() if wide > 0},
        }
    )


def moved_position(old: Dimension, new: Dimension, position: float) -> float:
    """Return where a position of one dimension lies in another of the same name, at its edge."""
    if old == new:
        return position
    value = old.value(position)
    if new.kind == "choice" or old.kind == "choice":
        return new.position(value) if value in new.choices else position
    return new.position(new.value(new.position(min(max(value, new.low), new.high))))
