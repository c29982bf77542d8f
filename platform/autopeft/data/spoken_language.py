"""Make a data set of real speech: ``python -m autopeft.data.spoken_language data/spoken_language``.

Telephone prompts in five languages from Debian's asterisk packages, fetched with ``apt-get
download`` and unpacked with ``dpkg -x`` in a temporary folder: nothing is installed, and no root is
needed. What the task measures and what not: docs/explanation/spoken_language.md.
"""

from __future__ import annotations

import argparse
import csv
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np

from autopeft.core.errors import AutopeftError, DataError
from autopeft.data.audio_files import read_clip

LANGUAGES: Final[Mapping[str, str]] = {
    "en": "English",
    "es": "Spanish",
    "fr": "French",
    "it": "Italian",
    "ru": "Russian",
}
SHORTEST_S: Final = 0.3
# Of full scale; the packages' own silence lies at 0.0001.
QUIETEST_PEAK: Final = 0.02
RATE_HZ: Final = 8000

# The same sounds under every language: learning their caption would be learning noise.
NOT_SPEECH: Final = frozenset(
    [
        "ascending-2tone",
        "beep",
        "beeperr",
        "confbridge-join",
        "confbridge-leave",
        "descending-2tone",
        "tt-monkeys",
    ]
)

NOTICE: Final = """\
Voice prompts of the Asterisk project, from the Debian packages
asterisk-core-sounds-{en,es,fr,it,ru}-wav. The recordings are unchanged; some were left out.

en, es  Allison Smith (theivrvoice.com)        CC-BY-SA-3.0
fr      June Wallack (junewallack.com)         CC-BY-SA-3.0
it      Carlo Flora (carloflora.com)           CC-BY-3.0
ru      Maxim Topal (ivrvoice.ru)              CC-BY-3.0

Debian's copyright file with the whole of both licences stands beside this one: COPYRIGHT.debian.
"""


@dataclass(frozen=True)
class Prompt:
    """One recording: ``token`` is its name in all languages, such as ``digits/1``."""

    path: Path
    language: str
    token: str

    @property
    def file(self) -> str:
        """Where it lies in the folder that is made."""
        return f"{self.language}/{self.token}.wav"

    @property
    def caption(self) -> str:
        """What is to be learnt."""
        return f"a voice speaking {LANGUAGES[self.language]}"


def make(out: Path) -> Counter[str]:
    """Write sounds, ``captions.csv`` and licences to ``out``; return how many and what was left.

    Raises:
        DataError: ``out`` exists, or the packages cannot be had on this machine.
    """
    if out.exists():
        raise DataError(f"{out} exists already; remove it or name another folder")
    out.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=out.parent, prefix=".spoken-") as temporary:
        packages, draft = Path(temporary) / "packages", Path(temporary) / "done"
        packages.mkdir()
        fetch(packages)
        counts = write(prompts(packages), draft)
        licence = next(packages.glob("en/usr/share/doc/*/copyright"))
        shutil.copyfile(licence, draft / "COPYRIGHT.debian")
        (draft / "NOTICE").write_text(NOTICE, encoding="utf-8")
        draft.rename(out)
    return counts


def fetch(folder: Path) -> None:
    """Unpack the packages to ``folder/<language>``.

    Raises:
        DataError: There is no apt-get or dpkg, or it does not find the packages.
    """
    for number, language in enumerate(LANGUAGES, start=1):
        package = f"asterisk-core-sounds-{language}-wav"
        print(f"[{number}/{len(LANGUAGES)}] {package}", file=sys.stderr)
        try:
            _run("apt-get", "download", package, folder=folder)
        except DataError:  # most often the package lists are missing or old
            _run("apt-get", "update", folder=folder)
            _run("apt-get", "download", package, folder=folder)
        archive = next(folder.glob(f"{package}_*.deb"))
        _run("dpkg", "-x", archive.name, language, folder=folder)


def _run(*command: str, folder: Path) -> None:
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise DataError(f"{command[0]} is not here; this needs Debian or Ubuntu") from error
    if done.returncode:
        errors = [line for line in done.stderr.splitlines() if line.startswith("E:")]
        why = " ".join(errors) or done.stderr.strip() or f"exit status {done.returncode}"
        raise DataError(f"{' '.join(command)}: {why}")


def prompts(folder: Path) -> Iterator[Prompt]:
    """Yield every recording of the unpacked packages, in a fixed order."""
    for language in LANGUAGES:
        (root,) = (folder / language / "usr/share/asterisk/sounds").iterdir()
        for path in sorted(root.rglob("*.wav")):
            yield Prompt(path, language, path.relative_to(root).with_suffix("").as_posix())


def write(recordings: Iterator[Prompt], out: Path) -> Counter[str]:
    """Copy what can be used and list it in ``captions.csv``; return the counts of both."""
    counts: Counter[str] = Counter()
    kept: list[Prompt] = []
    for prompt in recordings:
        reason = unusable(prompt)
        counts[reason or prompt.caption] += 1
        if not reason:
            kept.append(prompt)
            (out / prompt.file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(prompt.path, out / prompt.file)
    with (out / "captions.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["file", "caption", "group"])
        table.writerows([prompt.file, prompt.caption, prompt.token] for prompt in kept)
    return counts


def unusable(prompt: Prompt) -> str:
    """Return why a recording is left out, or nothing."""
    if prompt.token in NOT_SPEECH:
        return "left out: not speech"
    try:
        wave_S = read_clip(prompt.path, sample_rate_hz=RATE_HZ)
    except DataError:
        return "left out: unreadable or empty"
    if np.abs(wave_S).max() < QUIETEST_PEAK:
        return "left out: silent"
    if len(wave_S) < SHORTEST_S * RATE_HZ:
        return f"left out: shorter than {SHORTEST_S} s"
    return ""


def main(words: Sequence[str] | None = None) -> int:
    """Return 0 when the folder is there; its path is printed."""
    parser = argparse.ArgumentParser(prog="python -m autopeft.data.spoken_language")
    parser.add_argument("out", type=Path, metavar="OUT_DIR", help="a folder that is not there yet")
    out: Path = parser.parse_args(words).out
    try:
        counts = make(out)
    except AutopeftError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    for what, count in sorted(counts.items()):
        print(f"{count:6d}  {what}", file=sys.stderr)
    print("licences: CC-BY-SA-3.0 (en, es, fr), CC-BY-3.0 (it, ru); see NOTICE", file=sys.stderr)
    print(out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
