"""``autopeft check``: is the file right, and what does it mean?"""

from autopeft.cli.output import answer, answer_json
from autopeft.cli.words import Json, Overrides, SearchFile

EXAMPLE = "autopeft check search.yaml"


def check(file: SearchFile, overrides: Overrides = None, json: Json = False) -> None:
    """Explain a search file: what is searched, what is constant, what the budget is.

    Every mistake is reported at once, with its line; the exit code is then 2. Data and base are
    looked at too, as far as that is quickly done.
    """
    from autopeft.cli.explanation import explain, explanation_text
    from autopeft.cli.terminal import hush
    from autopeft.sweep.preflight import load_checked

    hush()
    sweep, remarks = load_checked(file, overrides or [], quick=True)
    explanation = explain(sweep, remarks=remarks)
    if json:
        answer_json(explanation)
    else:
        answer(explanation_text(explanation))
