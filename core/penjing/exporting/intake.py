"""What a network expects of whoever runs it elsewhere: how real inputs were prepared, and what its outputs mean."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from penjing import assets
from penjing.catalogue.metrics import metric
from penjing.loading.data_card import preparation
from penjing.loading.dataset import Dataset

SOUND = ("data.fact.sound", "data.fact.sound_mels", "data.fact.sound_cosines")
"""Facts whose numbers are settings that a device needs."""
_SETTINGS = {"rate": "SAMPLE_RATE", "low": "LOW_HZ", "high": "HIGH_HZ", "floor": "LOG_FLOOR", "count": "COEFFICIENTS"}


@dataclass(frozen=True, kw_only=True)
class Intake:
    """Of one data set, for one network."""

    told: tuple[str, ...]
    """All that was done to the data, one English sentence each."""
    means: tuple[tuple[float, ...], ...]
    """By input: what is taken away before the network, one number or one a channel …"""
    stds: tuple[tuple[float, ...], ...]
    """… and what is divided by then."""
    classes: tuple[str, ...] = ()
    """What the outputs mean, in order, where they are scores of classes."""
    border: float = 0.0
    """Above which a single output says the second of two classes."""
    settings: Mapping[str, int | float] = field(default_factory=dict)
    """Of log-mel spectrograms: names as macros have them."""


def intake_of(data: Dataset | None) -> Intake | None:
    """What the data tells, if there is some."""
    if data is None:
        return None
    forms = (data.form, *data.others)
    return Intake(
        told=tuple(assets.text(note.code, language="en", **note.values) for note in preparation(data)),
        means=tuple(form.mean for form in forms),
        stds=tuple(form.std for form in forms),
        classes=data.classes if metric(data.metric).is_share and data.has_labels else (),
        border=data.border,
        settings={
            _SETTINGS.get(key, key.upper()): value
            for note in data.facts
            if note.code in SOUND
            for key, value in note.values.items()
            if not isinstance(value, str)
        },
    )
