"""From sound files, or from formulas, to captioned clips in splits and their features."""

from autopeft.core.choices import Choices
from autopeft.data.clips import SPLITS, Clips, ClipSet
from autopeft.spec.data import Data

# A source's word -> its loader: (spec, sample_rate_hz=…) -> ClipSet.
DATA = Choices(
    "data",
    "data",
    {
        "procedural": "autopeft.data.procedural_splits:open_procedural",
        "folder": "autopeft.data.folder:open_folder",
    },
)


def open_data(data: Data, *, sample_rate_hz: int) -> ClipSet:
    """Return the clips in their splits, heard at the base's rate; sounds are read when asked for.

    Raises:
        DataError: The data cannot be used; every problem is in the message.
    """
    clip_set: ClipSet = DATA.load(data.kind)(data, sample_rate_hz=sample_rate_hz)
    return clip_set


__all__ = ["DATA", "SPLITS", "ClipSet", "Clips", "open_data"]
