"""Which running trial to stop, pause, promote or copy: pure records, no Ray."""

from autopeft.core.choices import Choices
from autopeft.schedulers.base import Decision, Losses, Promotion, Scheduler, make_scheduler

SCHEDULERS = Choices(
    "scheduler",
    "schedulers",
    {
        "none": "autopeft.schedulers.unscheduled:Unscheduled",
        "asha": "autopeft.schedulers.asha:Asha",
        "hyperband": "autopeft.schedulers.hyperband:Hyperband",
        "median": "autopeft.schedulers.median:Median",
        "pbt": "autopeft.schedulers.pbt:Pbt",
    },
)

__all__ = ["SCHEDULERS", "Decision", "Losses", "Promotion", "Scheduler", "make_scheduler"]
