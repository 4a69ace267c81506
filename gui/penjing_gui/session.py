"""The one object that holds what is open: the network as values, the plan, the runs, the device, the selection.

Widgets read its properties, hear its past-tense signals and call its verbs; no widget knows another.
"""

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, QTimer, Signal
from PySide6.QtGui import QUndoStack

from penjing.devices.profiles import Device, device
from penjing.devices.units import parse_size
from penjing.errors import UserError
from penjing.estimation.tables import Tables
from penjing.layer_graph import LayerGraph
from penjing.plan import Distillation, Plan
from penjing.planning.check import Problem, check
from penjing.planning.fit import Budgets
from penjing.planning.presets import preset
from penjing.project.values import Run, RunKind
from penjing.results import Accuracy, Figures, RunResult
from penjing.worker import messages as wire
from penjing.worker.exchange import Exchange
from penjing.worker.received import received_tables, received_values
from penjing_gui.engine import Engine
from penjing_gui.figures import ExactFigures
from penjing_gui.jobs import Job
from penjing_gui.notices import Notice
from penjing_gui.undo import PlanCommand

Values = Mapping[str, NDArray[np.float32]]


class Session(QObject):
    """What is open and what can be done with it."""

    opened = Signal()
    closed = Signal()
    plan_changed = Signal(object)
    """The new plan; `figures` are already of it."""
    figures_changed = Signal()
    accuracy_changed = Signal()
    tables_changed = Signal()
    selection_changed = Signal()
    device_changed = Signal()
    budgets_changed = Signal()
    runs_changed = Signal()
    job_changed = Signal(object)
    """The `Job`, also when it has just ended; None when there is none any more."""
    exported = Signal(object)
    """The `RunResult` of an export that is done."""
    saliency_received = Signal(object, object)
    """`messages.Saliency` and its values, float32 [out, in · kernel]."""
    samples_received = Signal(object, object)
    """`messages.Samples` and their values."""
    engine_state_changed = Signal(str)
    open_progressed = Signal(object)
    project_changed = Signal()
    """Another project file, read-only or not, the unsaved mark."""
    noticed = Signal(object)

    # The skeleton's state is filled below.
