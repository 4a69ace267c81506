"""Numbers of every layer by which the network view is coloured: what each counts, its unit, its kind; values only.

A new number is one entry in `numbers`.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from PySide6.QtCore import QCoreApplication

from penjing.estimation.arena import buffers, sharing_of
from penjing.estimation.latency import layer_ms
from penjing.estimation.state import FLOAT_BITS
from penjing_gui import words

if TYPE_CHECKING:
    from penjing.estimation.prediction import Prediction
    from penjing.layer_graph import Layer
    from penjing_gui.session_state import SessionState

Kind = Literal["exact", "predicted"]
Values = Mapping[str, float]
"""By layer; who has none is not there."""


@dataclass(frozen=True, kw_only=True)
class Number:
    """One number of a layer."""

    id: str
    title: str
    unit: str
    kind: Kind
    how: str
    """How it is computed, in a sentence."""
    read: "Callable[[SessionState, Prediction | None], Values]"
    text: Callable[[float], str]
    follows_plan: bool = True
    """False: the same under every plan."""


def _as_loaded(of: "Callable[[Layer], float]") -> "Callable[[SessionState, Prediction | None], Values]":
    def read(session: "SessionState", _: "Prediction | None") -> Values:
        graph = session.graph
        return {} if graph is None else {layer.name: value for layer in graph.layers if (value := of(layer))}

    return read


def _weights_left(session: "SessionState", _: "Prediction | None") -> Values:
    return {name: share.kept for name, share in session.layer_shares(session.plan).items()}


def _bytes_now(session: "SessionState", _: "Prediction | None") -> Values:
    return {name: share.size_bytes for name, share in session.layer_shares(session.plan).items()}


def _macs_now(session: "SessionState", prediction: "Prediction | None") -> Values:
    return {} if prediction is None else {layer.name: layer.macs for layer in prediction.graph.layers if layer.macs}


def _sparsity(session: "SessionState", _: "Prediction | None") -> Values:
    graph = session.graph
    shares = session.layer_shares(session.plan)
    layers = () if graph is None else graph.compressible
    return {one.name: 1 - shares[one.name].kept / one.weights for one in layers if one.name in shares and one.weights}


def _weight_bits(session: "SessionState", _: "Prediction | None") -> Values:
    graph = session.graph
    layers = () if graph is None else graph.compressible
    return {layer.name: session.plan.settings(layer.name).weight_bits for layer in layers}


def _activation_bits(session: "SessionState", prediction: "Prediction | None") -> Values:
    """What is rounded together with the layer that an operator is fused into has the bits of both."""
    if prediction is None:
        return {}
    sharing, bits = sharing_of(prediction.graph), prediction.state.tensor_bits
    known = {sharing.owner(name): width for name, width in bits.items()}
    names = [layer.name for layer in prediction.graph.layers]
    return {name: bits.get(name, known.get(sharing.owner(name), FLOAT_BITS)) for name in names}


def _error(session: "SessionState", _: "Prediction | None") -> Values:
    found = {}
    for name, errors in session.tables.bit_errors.items():
        bits = session.plan.settings(name).weight_bits
        if bits in errors:
            found[name] = math.sqrt(errors[bits])
    return found


def _sensitivity(session: "SessionState", _: "Prediction | None") -> Values:
    return session.foresight.sensitivity


def _ram(session: "SessionState", prediction: "Prediction | None") -> Values:
    if prediction is None:
        return {}
    sharing = sharing_of(prediction.graph)
    sizes = {one.name: one.size for one in buffers(prediction.graph, prediction.state)}
    owners = {layer.name: sharing.owner(layer.name) for layer in prediction.graph.layers}
    return {name: sizes[owner] for name, owner in owners.items() if owner in sizes}


def _latency(session: "SessionState", prediction: "Prediction | None") -> Values:
    device = session.device
    if prediction is None or device is None:
        return {}
    state = prediction.state
    times = {
        layer.name: layer_ms(layer, device, integer=state.is_integer(layer), weight=state.weight(layer))
        for layer in prediction.graph.layers
        if layer.macs
    }
    return {name: time for name, time in times.items() if time is not None}


def _bits(value: float) -> str:
    return f"{value:.0f}"


def _milliseconds(value: float) -> str:
    return f"{value:.3g}"


def _share(value: float) -> str:
    return words.percent(value, digits=0)


def _small_share(value: float) -> str:
    return words.percent(value, digits=1 if value >= 0.001 else 2)


def _tr(text: str) -> str:
    return QCoreApplication.translate("layer_numbers", text)


def numbers() -> tuple[Number, ...]:
    """All of them, in the language of now."""
    return (
        Number(
            id="size",
            title=_tr("Bytes under the plan"),
            unit="B",
            kind="exact",
            how=_tr("Bytes of weight and bias as this device's storage keeps them"),
            read=_bytes_now,
            text=words.size,
        ),
        Number(
            id="params",
            title=_tr("Parameters as loaded"),
            unit=_tr("values"),
            kind="exact",
            how=_tr("Trainable values: weight, bias, batch norm"),
            read=_as_loaded(lambda layer: layer.params),
            text=words.count,
            follows_plan=False,
        ),
        Number(
            id="kept",
            title=_tr("Weights left"),
            unit=_tr("values"),
            kind="exact",
            how=_tr("Weights that are neither cut nor zeroed"),
            read=_weights_left,
            text=words.count,
        ),
        Number(
            id="macs",
            title=_tr("MACs under the plan"),
            unit=_tr("MACs"),
            kind="exact",
            how=_tr("Multiply-accumulates of one inference after the filter cut"),
            read=_macs_now,
            text=words.count,
        ),
        Number(
            id="sparsity",
            title=_tr("Sparsity"),
            unit="%",
            kind="exact",
            how=_tr("Share of the layer's weights that are cut or zero"),
            read=_sparsity,
            text=_share,
        ),
        Number(
            id="weightBits",
            title=_tr("Weight bits"),
            unit=_tr("bits"),
            kind="exact",
            how=_tr("Bits of each weight; 32: not rounded"),
            read=_weight_bits,
            text=_bits,
        ),
        Number(
            id="activationBits",
            title=_tr("Activation bits"),
            unit=_tr("bits"),
            kind="exact",
            how=_tr("Bits of each value of the layer's result; 32: not rounded"),
            read=_activation_bits,
            text=_bits,
        ),
        Number(
            id="error",
            title=_tr("Rounding error"),
            unit="%",
            kind="exact",
            how=_tr("√(Σ(w - ŵ)² / Σw²) of the weight at its bits, symmetric, one scale a filter"),
            read=_error,
            text=_small_share,
        ),
        Number(
            id="sensitivity",
            title=_tr("Sensitivity"),
            unit="%",
            kind="predicted",
            how=_tr("How far cutting or rounding this layer alone moves the answers, beside the most sensitive layer"),
            read=_sensitivity,
            text=_share,
        ),
        Number(
            id="ram",
            title=_tr("RAM of the result"),
            unit="B",
            kind="exact",
            how=_tr("Bytes of the memory in which the layer's result lies, at batch 1 with its activation bits"),
            read=_ram,
            text=words.size,
        ),
        Number(
            id="latency",
            title=_tr("Latency"),
            unit="ms",
            kind="predicted",
            how=_tr("MACs / the device's rate for this kind of layer"),
            read=_latency,
            text=_milliseconds,
        ),
    )
