"""``autopeft check``: is the file right, and what does it mean?"""

from autopeft.cli.output import answer, answer_json
from autopeft.cli.words import Json, Overrides, SearchFile

EXAMPLE = "autopeft check search.yaml"


def check(file: SearchFile, overrides: Overrides = None, json: Json = False) -> None:
    """Explain a search file: what is searched, what is constant, what the budget is.

    Every mistake is reported at once, with its line; the exit code is then 2.
    """
    from autopeft.cli.explanation import explain, explanation_text
    from autopeft.spec.load import load_sweep

    explanation = explain(load_sweep(file, overrides or []))
    if json:
        answer_json(explanation)
    else:
        answer(explanation_text(explanation))
