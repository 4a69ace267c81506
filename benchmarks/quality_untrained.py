"""Bars Q1 to Q6: what plans without training make of a network, beside what others make of it."""

import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import onnx

from benchmarks import quality_peers as peers
from benchmarks.quality_parts import Part
from benchmarks.quality_subjects import Answers, Subject, answers, divergence, lost, planned, running
from penjing.exporting.export import export_model
from penjing.inspection.graph import layer_graph
from penjing.loading.penjingnet import from_bytes
from penjing.model.penjingnet_container import unpack
from penjing.plan import Plan
from penjing.planning.recipe import recommended
from penjing.planning.search import share_of

MOST_LOST = {4: 0.3, 3: 0.7, 2: 10.0}
"""Percentage points by bits of the weights (Q1)."""
ZEROED = {0.5: 0.3, 0.7: 5.0, 0.9: None}
"""Percentage points by sparsity (Q3); None: only the comparison counts."""
RATIOS = (0.3, 0.5)
MOST_BYTES = {4: 0.60, 3: 0.45}
"""Share of the int8 file's weight bytes (Q6)."""
UNTOUCHED = Plan()
PLAIN = Plan(pipeline=("prune", "quantize"))
"""Whatever a plan sets, by its plainest methods and nothing else."""


def low_bits(subject: Subject, *, quick: bool) -> Iterator[Part]:
    """Q1."""
    for bits in (3,) if quick else MOST_LOST:
        ours = _weights(subject, bits)
        plain = planned(subject, "nearest", PLAIN.with_defaults(weight_bits=bits))
        loss = lost(subject, ours)
        detail = f"{_accuracy(subject, ours)}, {loss}; to the nearest {_accuracy(subject, plain)}"
        what = f"{subject.name}, weights of {bits} bits"
        yield Part(what=what, value=loss.points, bar=MOST_LOST[bits], detail=detail, seconds=ours.seconds)


def static_quantization(subject: Subject, *, quick: bool) -> Iterator[Part]:
    """Q2: both files as onnxruntime runs them."""
    for bits, share in ((8, 1.0),) if quick else ((8, 1.0), (4, 0.25)):
        ours, theirs = _integers(subject, bits), peers.quantized(subject, bits)
        loss, plain = lost(subject, ours), lost(subject, theirs)
        # A quarter of a gain is no bar; all of what another gives is one.
        bar = plain.points if share == 1 else share * max(plain.points, 0.0)
        chance = lost(subject, ours, theirs.test).chance if share == 1 else 0.0
        detail = f"{_accuracy(subject, ours)}, {loss}; {_accuracy(subject, theirs)} {theirs.recipe}, {plain}"
        detail += f"; further from the network than ours {_times(subject, theirs, ours)}"
        what = f"{subject.name}, W{bits}A8"
        yield Part(what=what, value=loss.points, bar=bar, chance=chance, detail=detail, seconds=ours.seconds)


def weights_zeroed(subject: Subject, *, quick: bool) -> Iterator[Part]:
    """Q3."""
    for sparsity in (0.7,) if quick else ZEROED:
        plan = recommended(Plan().with_defaults(sparsity=sparsity))
        ours, plain = planned(subject, "recommended", plan), peers.global_magnitude(subject, sparsity)
        loss, other = lost(subject, ours), lost(subject, plain)
        detail = f"{_accuracy(subject, ours)}, {loss}; {_accuracy(subject, plain)} {plain.recipe}"
        most, half = ZEROED[sparsity], 0.5 * max(other.points, 0.0)
        what = f"{subject.name}, {100 * sparsity:.0f} % of the weights"
        if most is not None:
            yield Part(what=what, value=loss.points, bar=most, detail=detail, seconds=ours.seconds)
        if sparsity > 0.5:
            what += ", half of global magnitude's loss"
            yield Part(what=what, value=loss.points, bar=half, detail=detail, seconds=ours.seconds)


def channels_removed(subject: Subject, *, quick: bool) -> Iterator[Part]:
    """Q4."""
    for ratio in RATIOS[-1:] if quick else RATIOS:
        ours = planned(subject, "recommended", recommended(_narrower(subject, ratio)))
        plain = planned(subject, "ℓ₂ alone", _narrower(subject, ratio, PLAIN.with_defaults(filter_criterion="l2")))
        loss, other = lost(subject, ours), lost(subject, plain)
        detail = f"{_accuracy(subject, ours)}, {loss}; {_accuracy(subject, plain)} ℓ₂ alone"
        what = f"{subject.name}, {100 * ratio:.0f} % of the channels"
        bar = max(other.points, 0.0) / 3
        yield Part(what=what, value=loss.points, bar=bar, detail=detail, seconds=ours.seconds)


def peers_beaten(subject: Subject, *, quick: bool) -> Iterator[Part]:
    """Q5: torch-pruning by criterion and ratio, onnxruntime by width."""
    for ratio in RATIOS[:1] if quick else RATIOS:
        for criterion in ("l2",) if quick else peers.CRITERIA:
            theirs, left = peers.channels_removed(subject, criterion, ratio, ignored=_fixed(subject))
            plan = recommended(_as_narrow(subject, left)).with_defaults(filter_criterion=criterion)
            ours = planned(subject, "recommended", plan)
            detail = f"{_accuracy(subject, ours)}; {_accuracy(subject, theirs)} {theirs.recipe}"
            assert ours.model is not None
            assert all(len(ours.model.weight(name)) == count for name, count in left.items())
            what = f"{subject.name}, {100 * ratio:.0f} % of the channels by {criterion}"
            yield _gain(subject, what, ours, theirs, detail)
    for bits in () if quick else (8, 4):
        ours, theirs = _integers(subject, bits), peers.quantized(subject, bits)
        assert ours.bytes is not None
        assert theirs.bytes is not None
        detail = f"{_accuracy(subject, ours)} in {ours.bytes} bytes; {_accuracy(subject, theirs)} in {theirs.bytes}"
        what = f"{subject.name}, onnxruntime W{bits}A8"
        yield _gain(subject, what, ours, theirs, detail)
        yield Part(what=f"{what}, bytes", value=ours.bytes / theirs.bytes, bar=1.0, detail=detail)


def _gain(subject: Subject, what: str, ours: Answers, theirs: Answers, detail: str) -> Part:
    """Percentage points more than theirs; theirs' distance from the network beside ours."""
    apart = lost(subject, ours, theirs.test)
    detail += f"; further from the network than ours {_times(subject, theirs, ours)}"
    gain = 0.0 - apart.points
    return Part(what=what, value=gain, bar=0.0, more=True, chance=apart.chance, detail=detail, seconds=ours.seconds)


def packed_files(subject: Subject, *, quick: bool) -> Iterator[Part]:
    """Q6: the file's own answers, its weights' bytes; at 4 bits also as ONNX, which has no 3."""
    wide = _weights(subject, 8)
    for bits in (4,) if quick else MOST_BYTES:
        ours = _weights(subject, bits)
        formats = ("onnx-int8", "penjingnet") if bits == 4 else ("penjingnet",)
        for format in formats:
            share = _weight_bytes(ours, format) / _weight_bytes(wide, format)
            read = _read_again(subject, ours, format)
            same = bool((read.test.argmax(1) == ours.test.argmax(1)).all())
            loss = lost(subject, read)
            detail = f"{_accuracy(subject, read)}, {loss}; answers {'as' if same else 'NOT as'} on screen"
            what = f"{subject.name}, {bits} bits as {format}"
            yield Part(what=f"{what}, bytes", value=share, bar=MOST_BYTES[bits], detail=detail)
            yield Part(what=f"{what}, pp", value=loss.points, bar=MOST_LOST[bits], detail=detail)


def _weights(subject: Subject, bits: int) -> Answers:
    return planned(subject, "recommended", recommended(Plan().with_defaults(weight_bits=bits)))


def _integers(subject: Subject, bits: int) -> Answers:
    """Weights of so many bits, activations of 8, as onnxruntime runs the exported file."""
    plan = recommended(Plan().with_defaults(weight_bits=bits, activation_bits=8))
    made = planned(subject, "recommended", plan)
    assert made.model is not None
    content = _file(made, "onnx-int8")
    run = peers.in_onnxruntime(content)
    return answers(subject, run, recipe="recommended", seconds=made.seconds, size=len(content), model=made.model)


def _file(made: Answers, format: str) -> bytes:
    assert made.model is not None
    with tempfile.TemporaryDirectory() as name:
        (file,) = export_model(made.model, Path(name), format=format)
        return (Path(name) / file.path).read_bytes()


def _narrower(subject: Subject, ratio: float, plan: Plan = UNTOUCHED) -> Plan:
    """The share of every inner channel: of groups that one layer alone makes, no residual sum among them."""
    for group in layer_graph(subject.model).groups:
        if len(group.producers) == 1:
            plan = plan.with_layer(group.producers[0], filters=ratio)
    return plan


def _as_narrow(subject: Subject, left: Mapping[str, int]) -> Plan:
    """As many filters as another network has left: ratios are rounded otherwise elsewhere."""
    plan = Plan()
    for name, count in left.items():
        size = len(subject.model.weight(name))
        plan = plan.with_layer(name, filters=share_of(size - count, size)) if count < size else plan
    return plan


def _accuracy(subject: Subject, made: Answers) -> str:
    return f"{subject.accuracy(made.test, 'test'):.2f} %"


def _times(subject: Subject, theirs: Answers, ours: Answers) -> str:
    """How much further from the network's answers theirs are, by the mean KL divergence on the test split."""
    wanted = subject.said["test"]
    return f"{divergence(wanted, theirs.test) / max(divergence(wanted, ours.test), 1e-9):.1f} times"


def _fixed(subject: Subject) -> list[str]:
    """The layers that make no inner channels."""
    graph = layer_graph(subject.model)
    inner = {group.producers[0] for group in graph.groups if len(group.producers) == 1}
    return [layer.name for layer in graph.compressible if layer.name not in inner]


def _weight_bytes(made: Answers, format: str) -> int:
    """Of all numbers in a file: weights, biases, scales."""
    content = _file(made, format)
    if format == "penjingnet":
        return len(unpack(content, "the file")[1])
    return sum(len(tensor.raw_data) for tensor in onnx.load_from_string(content).graph.initializer)


def _read_again(subject: Subject, made: Answers, format: str) -> Answers:
    """What the file says when it is opened: as ONNX in onnxruntime, else in our own reader."""
    content = _file(made, format)
    if format != "penjingnet":
        return answers(subject, peers.in_onnxruntime(content), recipe=format, size=len(content))
    return answers(subject, running(from_bytes(content)), recipe=format, size=len(content))
