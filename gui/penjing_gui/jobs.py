"""What the window knows of the one long job that runs beside it."""

import time
from dataclasses import dataclass, field
from typing import Literal

from penjing.results import Epoch
from penjing.worker.messages import JobDone, JobKind

JobState = Literal["starting", "running", "paused", "done", "cancelled", "failed"]
ACTIVE: frozenset[JobState] = frozenset({"starting", "running", "paused"})


@dataclass(frozen=True, kw_only=True)
class Job:
    """How far a job is; frozen, a new one comes with every `Session.job_changed`."""

    kind: JobKind
    title: str
    """For people, translated."""
    began: float = field(default_factory=time.time)
    """Seconds since the epoch."""
    state: JobState = "starting"
    stage: str = ""
    done: float = 0.0
    total: float = 0.0
    seconds: float = 0.0
    eta_seconds: float | None = None
    """Until the stage ends, if that can be said."""
    values: dict[str, float] | None = None
    """The newest numbers of a training: `loss`, its terms, `lr`, `epoch`."""
    history: tuple[Epoch, ...] = ()
    """Epochs that are done; epoch 0 is the network before training."""
    result: JobDone | None = None
    run: str | None = None
    """Id of the run that it made."""

    @property
    def active(self) -> bool:
        """Whether it still runs, or is held."""
        return self.state in ACTIVE
