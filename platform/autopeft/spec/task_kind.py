"""What is known of a task's kind, so that nobody need ask which kind it is."""

from typing import Any, ClassVar

from autopeft.spec.record import Record


class TaskKind(Record):
    """A task as a user writes it; the flags say what a sweep over it has.

    Attributes:
        runner: The entry of ``autopeft.trial.RUNNERS`` that runs its trials.
        has_adapters: Trials end in an adapter, to be exported and predicted with.
        has_baselines: There is something to run beside the search and compare with.
        has_test: Winners are scored on a split that the search never saw.
        has_checkpoints: A trial goes on from where it was, also as another's copy.
        steps_path: Where in a search file the number of steps stands.
    """

    runner: ClassVar[str]
    has_adapters: ClassVar[bool]
    has_baselines: ClassVar[bool]
    has_test: ClassVar[bool]
    has_checkpoints: ClassVar[bool]
    steps_path: ClassVar[str]

    kind: str

    @property
    def place(self) -> str:
        """Where its objective is measured during the search, to be put behind the name of one."""
        return " on validation" if self.has_test else ""

    @property
    def is_seeded(self) -> bool:
        """Whether a fresh seed makes another run of the same configuration."""
        return True

    def reported(self) -> tuple[str, ...] | None:
        """Return the metrics its reports hold; ``None`` if only a trial can tell."""
        return None

    def search_defaults(self) -> dict[str, Any]:
        """Return what ``search`` says where the file does not."""
        return {}
