"""How the network that is shown judges the samples: an applied run that was trained by its own, else the plan."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication

from penjing_gui.new_runs import run_name

if TYPE_CHECKING:
    from penjing.project.values import Run
    from penjing.worker.messages import Change
    from penjing_gui.session import Session


@dataclass(frozen=True, kw_only=True)
class Standing:
    """As far as it is known; what is not is on its way."""

    run: "Run | None"
    """That was trained; None: this is of the plan without training."""
    change: "Change | None" = None
    per_class: tuple[float | None, ...] = ()
    refused: str = ""
    """Why it cannot be told, in words."""


def trained_run(session: "Session") -> "Run | None":
    """The run whose trained network is shown in place of the plan's."""
    run = session.run
    return run if run is not None and run.has_network else None


def standing(session: "Session") -> Standing:
    """What is known; a run that nobody has judged yet is judged, and `session.judgements` says when."""
    run = trained_run(session)
    if run is None:
        return Standing(run=None, change=session.change, per_class=session.per_class)
    judged = session.judgements.of(session.plan, run)
    if judged is None:
        session.judgements.want(session.plan, run)
        return Standing(run=run)
    if judged.refused is not None:
        return Standing(run=run, refused=session.texts.of(judged.refused, **judged.values))
    return Standing(run=run, change=judged.change, per_class=judged.per_class)


def whose(run: "Run | None") -> str:
    """Whose answers are shown, in words: the trained network of a run, or the plan's."""
    return _tr("plan, untrained") if run is None else _tr("{name}, trained").format(name=run_name(run))


def _tr(text: str) -> str:
    return QCoreApplication.translate("standing", text)
