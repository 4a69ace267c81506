"""What a session says, in the past tense: widgets hear it and read the session anew."""

from PySide6.QtCore import QObject, Signal


class SessionSignals(QObject):
    """All signals of `Session`; each is sent when the properties already say so."""

    opened = Signal()
    closed = Signal()
    plan_changed = Signal(object)
    """The new plan; `figures` are already of it, unless `figures_are_current` says otherwise."""
    figures_changed = Signal()
    accuracy_changed = Signal()
    tables_changed = Signal()
    selection_changed = Signal()
    device_changed = Signal()
    devices_changed = Signal()
    """The person added a device or changed one."""
    budgets_changed = Signal()
    runs_changed = Signal()
    job_changed = Signal(object)
    """The `Job`, also when it has just ended."""
    exported = Signal(object)
    """The `RunResult` of an export that is done."""
    saliency_received = Signal(object, object)
    """`messages.Saliency` and its values, float32 [out, in · kernel]."""
    ranges_received = Signal(object)
    """`messages.Ranges`."""
    samples_received = Signal(object, object)
    """`messages.Samples` and their values."""
    logits_received = Signal(object)
    """`messages.Logits`."""
    look_received = Signal(object, object)
    """`messages.Look` and its values by name: `example`, `before`, `after`, as far as there are any."""
    features_received = Signal(object, object)
    """`messages.Features` and a function from its arrays to their values."""
    engine_state_changed = Signal(str)
    architecture_wanted = Signal(object, object)
    """The `Pending` of a file of tensors and the `messages.Failed` that says what architectures there are."""
    open_progressed = Signal(object)
    """A `messages.OpenProgress`; None when nothing is being opened any more."""
    project_changed = Signal()
    """Another project file, whether it can be written, or the unsaved mark."""
    channels_aimed = Signal(object)
    """The channel ids, a frozenset, of filters at which a hand aims and that it has not cut yet."""
    before_changed = Signal(bool)
    """Whether pages show the network as loaded instead of the plan, for comparison."""
    noticed = Signal(object)
    """A `Notice`."""
