"""Worked examples of what happens after a cut: statistics, losses, looks, files."""

import numpy as np

from penjing.catalogue.methods import methods
from penjing.errors import UserError
from penjing.estimation.exact import figures
from penjing_gui import words
from penjing_gui.learn.worked import Array, Bars, Grid, Material, NotYet, Worked, called, number, say, worked
from penjing_gui.learn.worked_pruning import SHARE, lowest
from penjing_gui.learn.worked_quantization import second_moments

_T = 4.0
_MOST_CLASSES = 10
_MAP = 14
"""Cells of a map along each side."""


@worked("step.repair")
def repair(material: Material) -> Worked:
    """Three weights of the layer, one cut: the other two are solved anew on this network's input."""
    if material.inputs is None or not material.inputs.size or material.weights.shape[1] < 3:
        raise NotYet
    row, moments = material.weights[0, :3], second_moments(material.inputs)
    gone = int(np.abs(row).argmin())
    cut = row.copy()
    cut[gone] = 0
    repaired = least_squares(row, gone, moments)
    before, after = ((row - cut) @ moments @ (row - cut), (row - repaired) @ moments @ (row - repaired))
    mask = np.arange(3) == gone
    return Worked(
        (Grid("w", row[None, :]), Grid(say("cut"), cut[None, :], mask[None, :]),
         Grid(say("repaired"), repaired[None, :], mask[None, :])),
        (
            f"E[((w − ŵ) x)²] = {number(float(before))}",
            say("after the repair: {error}", error=number(float(after))),
            say("x are neighbouring values of this network's input; no label was looked at"),
        ),
    )  # fmt: skip


def least_squares(row: Array, gone: int, moments: Array) -> Array:
    """Argmin (w - ŵ) H (w - ŵ)ᵀ with ŵ[gone] = 0: ŵ_k = w_k + H_kk⁻¹ H_kg w_g."""
    kept = [index for index in range(len(row)) if index != gone]
    found = np.zeros(len(row))
    found[kept] = row[kept] + np.linalg.solve(moments[np.ix_(kept, kept)], moments[kept, gone]) * row[gone]
    return found


@worked("step.bn_reestimate", "variant.differential")
def batch_norm(material: Material) -> Worked:
    """How much a cut moves the mean and variance of a filter's output: what batch norm has to learn anew."""
    weights = material.weights
    kept = np.where(lowest(np.abs(weights), SHARE), 0, weights)
    before, after = (weights**2).sum(axis=1), (kept**2).sum(axis=1)
    norms = [
        layer.name for layer in material.graph.layers if layer.kind == "batch_norm" or layer.weight_kind == "affine"
    ]
    names = tuple(map(str, range(min(8, len(weights)))))
    return Worked(
        (
            Bars(
                say("variance of each filter's output for white inputs, as loaded"),
                names,
                tuple(map(float, before[:8])),
            ),
            Bars(say("after half of the weights are gone"), names, tuple(map(float, after[:8]))),
        ),
        (
            say(
                "filter 0: σ² goes from {before} to {after}",
                before=number(float(before[0])),
                after=number(float(after[0])),
            ),
            say("batch norms of this network: {names}", names=", ".join(norms[:6]))
            if norms
            else say("This network has no batch norm left: the step does nothing here."),
        ),
    )


@worked("loss.soft_label", "step.distill")
def soft_label(material: Material) -> Worked:
    """Teacher and student on one example of this network's data, at T = 1 and T = 4."""
    teacher, student, label = _logits(material)
    alpha = material.plan.distillation.soft_label
    divergence = kl(teacher, student, _T)
    hard = cross_entropy(student, label)
    names = _classes(len(teacher))
    return Worked(
        (
            Bars(say("teacher, T = 1"), names, tuple(softmax(teacher, 1.0)[:_MOST_CLASSES])),
            Bars(say("teacher, T = 4"), names, tuple(softmax(teacher, _T)[:_MOST_CLASSES])),
            Bars(say("student, T = 4"), names, tuple(softmax(student, _T)[:_MOST_CLASSES])),
        ),
        (
            f"T = 1: KL = {number(kl(teacher, student, 1.0))}",
            f"T = 4: KL = {number(divergence)},  T²·KL = {number(_T**2 * divergence)}",
            f"CE = {number(hard)}",
            f"L = {alpha:g}·{number(_T**2 * divergence)} + {1 - alpha:g}·{number(hard)}"
            f" = {number(alpha * _T**2 * divergence + (1 - alpha) * hard)}",
        ),
    )


@worked("loss.cross_entropy", "step.finetune")
def hard_label(material: Material) -> Worked:
    """What the student gives to the true class of one example."""
    teacher, student, label = _logits(material)
    p = softmax(student, 1.0)
    return Worked(
        (Bars(say("student, T = 1"), _classes(len(teacher)), tuple(p[:_MOST_CLASSES])),),
        (
            say("true class {label}: the student gives it {share}", label=label, share=words.percent(float(p[label]))),
            f"CE = −ln {number(float(p[label]))} = {number(cross_entropy(student, label))}",
        ),
    )


@worked("loss.feature", "loss.attention")
def maps(material: Material) -> Worked:
    """Both losses on two small maps: a piece of an example, and the same piece as a coarse student sees it."""
    if material.inputs is None or not material.inputs.size:
        raise NotYet
    teacher = piece(material.inputs)
    step = max(float(np.abs(teacher).max()), 1e-9) / 2
    student = np.round(teacher / step) * step
    feature = 0.5 * float(((teacher - student) ** 2).sum())
    q_t, q_s = teacher.ravel() ** 2, student.ravel() ** 2
    attention = float(np.linalg.norm(_unit(q_s) - _unit(q_t)))
    return Worked(
        (Grid("F_t", teacher), Grid("F_s", student), Grid("(F_t − F_s)²", (teacher - student) ** 2)),
        (
            say("F_t is a piece of an example, F_s the same piece in five steps"),
            f"½‖F_t − F_s‖² = {number(feature)}",
            f"‖Q_s/‖Q_s‖ − Q_t/‖Q_t‖‖ = {number(attention)},  Q = F²",
        ),
    )


def piece(inputs: Array) -> Array:
    """The 3×3 values of the first example in which most happens."""
    example = inputs[0]
    while example.ndim > 2:
        example = example[0]
    if example.ndim == 1:
        example = example[: len(example) // 3 * 3].reshape(-1, 3)
    rows, columns = max(example.shape[0] - 2, 1), max(example.shape[1] - 2, 1)
    places = [(row, column) for row in range(rows) for column in range(columns)]
    row, column = max(places, key=lambda at: float(example[at[0] : at[0] + 3, at[1] : at[1] + 3].var()))
    found: Array = example[row : row + 3, column : column + 3]
    return found


@worked("input_saliency")
def look(material: Material) -> Worked:
    """An example, and where this network looks in it."""
    if material.look is None:
        raise NotYet
    example, found = (shrunk(values) for values in material.look)
    place = np.unravel_index(int(np.abs(found).argmax()), found.shape)
    return Worked(
        (Grid(say("example"), example, numbers=False), Grid(say("where it looks"), found, numbers=False)),
        (
            say("largest value {value} at row {row}, column {column}", value=number(float(found[place])),
                row=int(place[0]) + 1, column=int(place[1]) + 1),
            say("The tab Where it looks of Explore shows any example, before and after the plan."),
        ),
    )  # fmt: skip


def shrunk(values: Array) -> Array:
    """At most 14 × 14 means; what has one row keeps it."""
    rows, columns = (max(1, -(-extent // _MAP)) for extent in values.shape)
    wide = np.pad(values, ((0, -values.shape[0] % rows), (0, -values.shape[1] % columns)), mode="edge")
    result: Array = wide.reshape(wide.shape[0] // rows, rows, wide.shape[1] // columns, columns).mean(axis=(1, 3))
    return result


@worked("format")
def formats(material: Material) -> Worked:
    """Bytes of the plan in every format."""
    sizes: dict[str, float] = {}
    for id in methods("format"):
        try:
            found = figures(
                material.graph, material.plan, tables=material.tables, device=material.device, format=id
            ).file_bytes
        except (KeyError, UserError):
            continue
        if found is not None:
            sizes[called("format", id)] = float(found)
    if not sizes:
        raise NotYet
    return Worked(
        (Bars(say("bytes of the plan in each format"), tuple(sizes), tuple(sizes.values())),),
        tuple(f"{name}: {words.size(size)}" for name, size in sizes.items()),
    )


def softmax(logits: Array, temperature: float) -> Array:
    """Probabilities at a temperature: e^(z/T) over their sum."""
    values = np.exp((logits - logits.max()) / temperature)
    result: Array = values / values.sum()
    return result


def kl(teacher: Array, student: Array, temperature: float) -> float:
    """KL(p_t(T) ‖ p_s(T)) in nats, without the factor T²."""
    p, q = softmax(teacher, temperature), softmax(student, temperature)
    return float((p * (np.log(np.maximum(p, 1e-300)) - np.log(np.maximum(q, 1e-300)))).sum())


def cross_entropy(logits: Array, label: int) -> float:
    """−ln p(1) of the label."""
    return float(-np.log(max(softmax(logits, 1.0)[label], 1e-300)))


def _logits(material: Material) -> tuple[Array, Array, int]:
    if material.logits is None:
        raise NotYet
    return material.logits


def _classes(count: int) -> tuple[str, ...]:
    return tuple(map(str, range(min(count, _MOST_CLASSES))))


def _unit(values: Array) -> Array:
    result: Array = values / max(float(np.linalg.norm(values)), 1e-30)
    return result
