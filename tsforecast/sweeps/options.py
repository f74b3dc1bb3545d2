"""Options of a sweep."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class SweepOptions:
    """Options of many runs started with ``-m``; they are not part of a single run's config.

    Args:
        id: Name of the sweep; the same command with the same name resumes it.
        resume: Folder of an interrupted sweep to resume.
        process: ``job`` gives each job its own process, ``shared`` uses one for all, ``auto`` depends on the device.
    """

    id: str | None
    resume: str | None
    process: Literal["auto", "job", "shared"]
