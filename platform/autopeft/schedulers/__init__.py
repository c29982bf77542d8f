"""Which running trial to stop: pure records with their own random state, no Ray."""

from autopeft.core.choices import Choices
from autopeft.schedulers.base import Decision, Scheduler, make_scheduler

SCHEDULERS = Choices(
    "scheduler",
    "schedulers",
    {
        "none": "autopeft.schedulers.unscheduled:Unscheduled",
        "asha": "autopeft.schedulers.asha:Asha",
    },
)

__all__ = ["SCHEDULERS", "Decision", "Scheduler", "make_scheduler"]
