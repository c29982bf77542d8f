"""OmegaConf's ``${…}``: its complaints in the user's words, and text that is to stay as it is."""

import re
from collections.abc import Sequence
from typing import Any

from omegaconf.errors import (
    GrammarParseError,
    InterpolationKeyError,
    InterpolationResolutionError,
    MissingMandatoryValue,
    OmegaConfBaseException,
    UnsupportedInterpolationType,
)

from autopeft.core.choices import did_you_mean

RIGHT = "write the path of a key of this file, such as ${training.steps}"


def unresolved(error: OmegaConfBaseException, known: Sequence[str]) -> str:
    """Return why a value could not be resolved and what would be right, in one sentence.

    Args:
        error: OmegaConf's.
        known: The dotted paths there are.
    """
    sentence = str(error).partition("\n")[0]
    name = (re.findall(r"'([^']*)'", sentence) or [""])[0]
    match error:
        case InterpolationKeyError():
            near = did_you_mean(name, list(known)) or f"; {RIGHT}"
            return f"${{{name}}} names nothing{near}"
        case UnsupportedInterpolationType():
            return f"${{{sentence.rpartition(' ')[2]}:…}} names nothing; {RIGHT}"
        case GrammarParseError():
            return f"found {name!r}, which is no interpolation; {RIGHT}"
        case MissingMandatoryValue():
            return "??? stands for a value that is missing; write one"
        case InterpolationResolutionError() if "Recursive" in sentence or "parent" in sentence:
            return "leads back to itself; write a value at one of the places it leads through"
    return f"cannot be resolved: {sentence.partition('interpolation: ')[2] or sentence}"


def literal(tree: Any) -> Any:
    r"""Return plain data that OmegaConf resolves to ``tree``: a shell's ``${HOME}`` stays one.

    Example:
        >>> print(literal({"prologue": ["cd ${HOME}", "$HOME"]}))
        {'prologue': ['cd \\${HOME}', '$HOME']}
    """
    if isinstance(tree, dict):
        return {key: literal(value) for key, value in tree.items()}
    if isinstance(tree, list | tuple):
        return [literal(value) for value in tree]
    if isinstance(tree, str):
        return re.sub(r"(\\*)\$\{", lambda found: f"{2 * found[1]}\\${{", tree)
    return tree
