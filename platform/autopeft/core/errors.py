"""The errors a user can meet, each naming something she can fix."""

from collections.abc import Sequence
from dataclasses import dataclass


class AutopeftError(Exception):
    """Something failed; the message says where, what was found and what would be right.

    ``exit_code`` is what the command line returns: 1 for a failure, 2 for a mistake in the input.
    """

    exit_code = 1


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake in the input: where it stands, what it concerns, what is wrong and right.

    Attributes:
        where: ``file:line`` or the name of a command-line argument; empty when unknown.
        path: Dotted path of the field, such as ``method.rank``.
        message: What was found and what would be right.
    """

    where: str
    path: str
    message: str

    def __str__(self) -> str:
        where = f"{self.where}  " if self.where else ""
        path = f"{self.path}: " if self.path else ""
        return f"{where}{path}{self.message}"


class InputError(AutopeftError):
    """What the user wrote cannot be run; holds every problem, not only the first.

    Example:
        >>> print(InputError([Problem("a.yaml:3", "search.trials", "0 is below 1")]))
        a.yaml:3  search.trials: 0 is below 1
    """

    exit_code = 2

    def __init__(self, problems: Sequence[Problem] | str) -> None:
        if isinstance(problems, str):
            problems = [Problem("", "", problems)]
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class BaseUnavailable(AutopeftError):
    """The base model cannot be loaded: unknown, incomplete, or out of reach without a network."""


class DataError(AutopeftError):
    """The data cannot be used: missing, unreadable, empty, or without captions."""


class InvalidConfiguration(AutopeftError):
    """A configuration that cannot be built on this base, such as a rank above a width.

    It is refused before training and does not count as a trial.
    """


class DeadAdapter(InvalidConfiguration):
    """A trainable tensor got no gradient, so the adapter would learn nothing."""

    def __init__(self, modules: Sequence[str]) -> None:
        self.modules = tuple(modules)
        shown = ", ".join(self.modules[:6]) + (", …" if len(self.modules) > 6 else "")
        super().__init__(
            f"{len(self.modules)} trainable tensors got no gradient in the first backward pass: "
            f"{shown}; choose roles whose modules the model really calls"
        )


class RunFolderError(AutopeftError):
    """The run folder cannot be written or read: permissions, a full disk."""


class NoRunFolder(RunFolderError):
    """What was named is no run folder."""

    exit_code = 2


class ClusterError(AutopeftError):
    """Machines could not be had, or Ray did not start on them."""


class TrackingError(AutopeftError):
    """The tracking server does not answer; the journal holds everything all the same."""
