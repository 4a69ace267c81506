"""C facets of operators without weights: pooling, sums and products, functions by table, and what only moves values."""

from collections.abc import Callable, Sequence

import numpy as np

from penjing.model.operators.c_steps import CArray, CNode, CStep, CSteps, Emit, Unsupported, channels_last, moved, plain
from penjing.model.operators.integer_reference import Attributes, IntArray

Moves = Callable[[Attributes, Sequence[IntArray], IntArray | None], IntArray]


def max_pool(node: CNode) -> CSteps:
    """The largest of each window, or of all positions."""
    fields, _ = _window(node)
    return _clamped(
        node, plain(node, CStep(kernel="max_pool", fields={**fields, "per_window": 0, "in_zero": 0, **_own(node)}))
    )


def average_pool(node: CNode) -> CSteps:
    """The mean of each window, or over positions; windows that hang over have multipliers of their own."""
    assert node.multiplier is not None and node.shift is not None
    fields, windows = _window(node)
    multiplier, shift = np.broadcast_arrays(node.multiplier, node.shift)
    multiplier, shift = multiplier.reshape(-1), shift.reshape(-1)
    if len(multiplier) > 1 and (multiplier == multiplier[0]).all() and (shift == shift[0]).all():
        multiplier, shift = multiplier[:1], shift[:1]
    if len(multiplier) not in (1, windows):
        raise Unsupported("means whose divisor differs by channel")
    fields |= {"per_window": int(len(multiplier) > 1), "in_zero": node.inputs[0].zero_point, **node.bounds}
    arrays = {
        "multiplier": CArray(type="int32_t", values=multiplier),
        "shift": CArray(type="int8_t", values=shift),
    }
    return plain(node, CStep(kernel="mean_pool", fields=fields, arrays=arrays))


def add(node: CNode) -> CSteps:
    """The sum of two."""
    return _joined(node, "add", 1)


def subtract(node: CNode) -> CSteps:
    """The difference of two."""
    return _joined(node, "add", -1)


def multiply(node: CNode) -> CSteps:
    """The product of two."""
    return _joined(node, "multiply", 1)


def concatenate(node: CNode) -> CSteps:
    """Every part goes to its place in the result."""
    assert node.shift is not None
    rank = len(node.shape)
    axis = int(node.attributes["dim"]) % rank
    index = np.arange(int(np.prod(node.shape))).reshape(node.shape[1:])
    starts = np.cumsum([0, *(source.shape[axis] for source in node.inputs)])
    parts = [
        np.take(index, range(starts[k], starts[k + 1]), axis=axis - 1).reshape(-1)[source.order]
        for k, source in enumerate(node.inputs)
    ]
    order = np.concatenate(parts) if rank == 2 else channels_last(node.shape)
    places = np.empty_like(order)
    places[order] = np.arange(len(order))
    steps = []
    for k, source in enumerate(node.inputs):
        fields = {**_runs(places[parts[k]]), "in_zero": source.zero_point, **node.bounds}
        fields |= {"multiplier": node.input_multipliers[k], "shift": int(node.shift)}
        steps.append(CStep(kernel="place", fields=fields, reads=(k,)))
    return CSteps(steps=tuple(steps), order=order)


def clamp(node: CNode) -> CSteps:
    """Bounds alone."""
    source = node.inputs[0]
    step = CStep(kernel="clamp", fields={"count": source.count, "low": node.low, "high": node.high})
    return CSteps(steps=(step if node.multiplier is None else _requantize(node, source.count),), order=source.order)


def alias(node: CNode) -> CSteps:
    """Nothing: the result lies where its input lies."""
    if node.multiplier is not None:
        raise Unsupported("a new scale for values that are only looked at in another shape")
    return CSteps(order=node.inputs[0].order)


def mover(kernel: Moves) -> Emit:
    """The facet of an operator that moves values as `kernel` moves their indices."""

    def emit(node: CNode) -> CSteps:
        source = node.inputs[0]
        index = np.arange(source.count).reshape(source.shape)
        order = channels_last(node.shape)
        wanted = kernel(node.attributes, [index], None).reshape(-1)[order]
        step = moved_to(source.order, wanted)
        return _clamped(node, CSteps(steps=(step,), order=order))

    return emit


def pad(node: CNode) -> CSteps:
    """Zeros, mirrored or repeated values around."""
    height, width, channels = node.inputs[0].image
    out_h, out_w = (1, *node.shape[2:])[-2:]
    front, *begin = (int(side) for side in node.attributes["begin"])
    top, left = (0, 0, *begin)[-2:]
    fields = {"mode": ("constant", "reflect", "replicate").index(node.attributes["mode"])}
    fields |= {"in_h": height, "in_w": width, "in_c": channels, "out_h": out_h, "out_w": out_w}
    fields |= {"out_c": node.shape[1], "top": top, "left": left, "front": front, "zero": node.inputs[0].zero_point}
    return _clamped(node, plain(node, CStep(kernel="pad", fields=fields)))


def lookup(node: CNode) -> CSteps:
    """A function by table."""
    assert node.table is not None
    source = node.inputs[0]
    table = np.clip(node.table + node.zero_point, node.low, node.high)
    first = -(1 << (source.bits - 1))
    step = CStep(
        kernel="lookup",
        fields={"count": source.count, "first": first},
        arrays={"table": CArray(type="int8_t", values=table)},
    )
    return CSteps(steps=(step,), order=source.order)


def softmax(node: CNode) -> CSteps:
    """Along the channels, which lie side by side."""
    assert node.table is not None
    source = node.inputs[0]
    axis = int(node.attributes["dim"]) % len(source.shape)
    flat = source.count == source.shape[axis]
    if not flat and not (axis == 1 and source.is_plain):
        raise Unsupported(f"softmax along axis {axis} of a tensor of shape {list(source.shape)}")
    classes = source.shape[axis]
    fields = {"rows": source.count // classes, "classes": classes, **node.bounds}
    arrays = {"table": CArray(type="int32_t", values=node.table)}
    return CSteps(steps=(CStep(kernel="softmax", fields=fields, arrays=arrays),), order=source.order)


def moved_to(source: IntArray, wanted: IntArray) -> CStep:
    """The step that gathers the values with these indices from where they lie; they may repeat."""
    step = moved(source, wanted)
    return step or CStep(kernel="move", fields={"extent": (1, 1, 1, 1, 1, len(source)), "stride": (0, 0, 0, 0, 0, 1)})


def _joined(node: CNode, kernel: str, sign: int) -> CSteps:
    left, right = node.inputs
    if left.count < right.count:
        if sign < 0:
            raise Unsupported("a difference whose left side is repeated")
        left, right = right, left
    reads = (0, 1) if left is node.inputs[0] else (1, 0)
    index = np.broadcast_to(np.arange(right.count).reshape(right.shape), left.shape).reshape(-1)
    places = np.empty_like(right.order)
    places[right.order] = np.arange(right.count)
    if left.count != int(np.prod(node.shape)) or not np.array_equal(
        places[index[left.order]], np.arange(left.count) % right.count
    ):
        raise Unsupported("two tensors whose values do not lie alike")
    fields = {"count": left.count, "period": right.count, "b_sign": sign, **node.bounds}
    fields |= {"a_zero": left.zero_point, "b_zero": right.zero_point}
    if kernel == "multiply":
        assert node.multiplier is not None and node.shift is not None
        fields |= {"a_multiplier": int(node.multiplier), "b_multiplier": 0, "shift": int(node.shift)}
    else:
        assert node.shift is not None
        one, other = (node.input_multipliers[place] for place in reads)
        fields |= {"a_multiplier": one, "b_multiplier": other, "shift": int(node.shift)}
    return CSteps(steps=(CStep(kernel=kernel, fields=fields, reads=reads),), order=left.order)


def _runs(places: IntArray) -> dict[str, int]:
    """Runs of a part that go to places a stride apart."""
    breaks = np.flatnonzero(np.diff(places) != 1) + 1
    run = int(breaks[0]) if len(breaks) else len(places)
    runs = len(places) // run
    starts = places[::run]
    stride = int(starts[1] - starts[0]) if runs > 1 else 0
    if not np.array_equal(places, (starts[0] + stride * np.arange(runs)[:, None] + np.arange(run)).reshape(-1)):
        raise Unsupported("parts whose values do not lie in even runs")
    return {"runs": runs, "run": run, "stride": stride, "offset": int(starts[0])}


def _window(node: CNode) -> tuple[dict[str, int], int]:
    """The fields of a window, and how many windows there are; without a kernel it spans axes that go."""
    height, width, channels = node.inputs[0].image
    shape, attributes = node.inputs[0].shape, node.attributes
    if "kernel" in attributes:
        pairs = {"k": (1, *attributes["kernel"]), "stride": (1, *attributes["stride"])}
        pairs |= {"pad": (0, *attributes["padding"]), "dilation": (1, *attributes.get("dilation", (1, 1)))}
        out = (1, *node.shape[2:])[-2:]
    else:
        axes = tuple(int(axis) % len(shape) for axis in attributes.get("dims", range(2, len(shape))))
        if len(shape) < 3 or min(axes) < 2:
            raise Unsupported(f"a mean over the axes {list(axes)} of a tensor of shape {list(shape)}")
        kernel = (1, *(shape[axis] if axis in axes else 1 for axis in range(2, len(shape))))[-2:]
        pairs = {"k": kernel, "stride": kernel, "pad": (0, 0), "dilation": (1, 1)}
        out = (height // kernel[0], width // kernel[1])
    fields = {"in_h": height, "in_w": width, "channels": channels, "out_h": int(out[0]), "out_w": int(out[1])}
    for name, pair in pairs.items():
        fields |= {f"{name}_h": int(pair[-2]), f"{name}_w": int(pair[-1])}
    return fields, int(out[0] * out[1])


def _own(node: CNode) -> dict[str, int]:
    """Bounds of a step that keeps its input's codes: they hold unless a new scale follows."""
    if node.multiplier is None:
        return dict(node.bounds)
    return {"out_zero": 0, "low": -128, "high": 127}


def _clamped(node: CNode, found: CSteps) -> CSteps:
    if node.multiplier is None:
        return found
    return CSteps(steps=(*found.steps, _requantize(node, len(found.order), in_place=True)), order=found.order)


def _requantize(node: CNode, count: int, *, in_place: bool = False) -> CStep:
    assert node.multiplier is not None and node.shift is not None
    fields = {"multiplier": int(node.multiplier), "shift": int(node.shift), "count": count}
    fields |= {"in_zero": node.inputs[0].zero_point, **node.bounds}
    return CStep(kernel="requantize", fields=fields, in_place=in_place)
