"""``autopeft predict``: sounds against prompts."""

from typing import Annotated

import typer

from autopeft.cli.output import answer_json, answer_table
from autopeft.cli.words import Json

EXAMPLE = 'autopeft predict my-adapter bell.wav dog.mp3 --prompt "a bell" --prompt "a dog barks"'


def predict(
    source: Annotated[
        str, typer.Argument(metavar="SOURCE", help="A run folder or an exported folder.")
    ],
    sounds: Annotated[
        list[str], typer.Argument(metavar="SOUND", help="wav, flac, mp3 or ogg files.")
    ],
    prompt: Annotated[
        list[str] | None,
        typer.Option("--prompt", "-p", help="A caption; without any, the captions of training."),
    ] = None,
    json: Json = False,
) -> None:
    """Score sound files against prompts; each sound's probabilities sum to 1."""
    from autopeft.cli.terminal import hush

    hush()
    from autopeft.cli.tables import scores_table
    from autopeft.predict import predict as predict_scores

    scores = predict_scores(source, sounds, prompt)
    if json:
        answer_json(scores.as_dict())
    else:
        answer_table(scores_table(scores))
