"""C facets of operators without weights: pooling, sums and products, functions by table, and what only moves values."""

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from penjing.model.operators.c_steps import (
    CArray,
    CNode,
    CStep,
    CSteps,
    Emit,
    Unsupported,
    as_in_file,
    channels_last,
    moved,
)
from penjing.model.operators.integer_reference import Attributes, IntArray

IMAGE_AXES = 3
Moves = Callable[[Attributes, Sequence[IntArray], IntArray | None], IntArray]


def max_pool(node: CNode) -> CSteps:
    """The largest of each window, or of all positions."""
    fields, _, order = _spanned(node)
    step = CStep(kernel="max_pool", fields={**fields, "per_window": 0, "in_zero": 0, **_own(node)})
    return _clamped(node, CSteps(steps=(step,), order=order))


def average_pool(node: CNode) -> CSteps:
    """The mean of each window, or over positions; windows that hang over have multipliers of their own."""
    assert node.multiplier is not None and node.shift is not None
    fields, windows, order = _spanned(node)
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
    return CSteps(steps=(CStep(kernel="mean_pool", fields=fields, arrays=arrays),), order=order)


def _spanned(node: CNode) -> tuple[dict[str, int], int, IntArray]:
    """The fields of a window, how many there are, and how their results lie; without a kernel axes go."""
    if "kernel" in node.attributes:
        return (*_window(node), channels_last(node.shape))
    return _reduced(node)


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
    beside = np.concatenate(parts) if rank == 2 else channels_last(node.shape)
    return _in_order(
        node, (beside, as_in_file(node.shape)), lambda order: CSteps(steps=_placed(node, parts, order), order=order)
    )


def _placed(node: CNode, parts: Sequence[IntArray], order: IntArray) -> tuple[CStep, ...]:
    """Every part of a concatenation to where its values lie in the result."""
    assert node.shift is not None
    places = np.empty_like(order)
    places[order] = np.arange(len(order))
    steps = []
    for k, source in enumerate(node.inputs):
        fields = {**_runs(places[parts[k]]), "in_zero": source.zero_point, **node.bounds}
        fields |= {"multiplier": node.input_multipliers[k], "shift": int(node.shift)}
        steps.append(CStep(kernel="place", fields=fields, reads=(k,)))
    return tuple(steps)


def _in_order(node: CNode, usual: Sequence[IntArray], make: Callable[[IntArray], CSteps]) -> CSteps:
    """What a layer does to give its result the order that is wanted, or else the first usual one that it can."""
    *others, last = ([] if node.wanted is None else [node.wanted]) + list(usual)
    for order in others:
        try:
            return make(order)
        except Unsupported:
            continue
    return make(last)


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
        moved = kernel(node.attributes, [index], None).reshape(-1)

        def ordered(order: IntArray) -> CSteps:
            return _clamped(node, CSteps(steps=(moved_to(source.order, moved[order]),), order=order))

        # Axes in the file's order stay where they are unless somebody wants them elsewhere.
        usual = channels_last(node.shape)
        if len(moved) == source.count and np.array_equal(moved, source.order):
            usual = as_in_file(node.shape)
        return _in_order(node, [usual], ordered)

    return emit


def pad(node: CNode) -> CSteps:
    """Zeros, mirrored or repeated values around; height, width and channel may be any axes, in the order they lie."""
    source, sides = node.inputs[0], [int(side) for side in node.attributes["begin"]]
    extents, result = list(source.shape[1:]), list(node.shape[1:])
    in_file = not source.is_plain and source.is_as_in_file
    if not in_file:
        source.image  # noqa: B018 (it says what it cannot be)
        extents, result, sides = ([*rest, first] for first, *rest in (extents, result, sides))
    if len(extents) > IMAGE_AXES:
        raise Unsupported(f"values of shape {list(source.shape)} in an order that its kernel cannot read")
    ones, zeros = [1] * (IMAGE_AXES - len(extents)), [0] * (IMAGE_AXES - len(extents))
    fields = {"mode": ("constant", "reflect", "replicate").index(node.attributes["mode"])}
    fields |= dict(zip(("in_h", "in_w", "in_c"), ones + extents, strict=True))
    fields |= dict(zip(("out_h", "out_w", "out_c"), ones + result, strict=True))
    fields |= dict(zip(("top", "left", "front"), zeros + sides, strict=True))
    step = CStep(kernel="pad", fields={**fields, "zero": source.zero_point})
    order = as_in_file(node.shape) if in_file else channels_last(node.shape)
    return _clamped(node, CSteps(steps=(step,), order=order))


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
    """Along an axis whose values lie side by side."""
    assert node.table is not None
    source, classes = node.inputs[0], side_by_side(node)
    fields = {"rows": source.count // classes, "classes": classes, **node.bounds}
    arrays = {"table": CArray(type="int32_t", values=node.table)}
    return CSteps(steps=(CStep(kernel="softmax", fields=fields, arrays=arrays),), order=source.order)


def side_by_side(node: CNode) -> int:
    """How many values the axis of a softmax has.

    Raises:
        Unsupported: They do not lie side by side.
    """
    source = node.inputs[0]
    axis = int(node.attributes["dim"]) % len(source.shape)
    classes = source.shape[axis]
    stride = int(np.prod(source.shape[axis + 1 :]))
    rows = source.order.reshape(-1, classes)
    if np.any(np.diff(rows, axis=1) != stride) or np.any(rows[:, 0] // stride % classes):
        raise Unsupported(f"softmax along axis {axis} of a tensor of shape {list(source.shape)}")
    return classes


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
    """The fields of a window, and how many windows there are."""
    height, width, channels = node.inputs[0].image
    attributes = node.attributes
    pairs = {"k": (1, *attributes["kernel"]), "stride": (1, *attributes["stride"])}
    pairs |= {"pad": (0, *attributes["padding"]), "dilation": (1, *attributes.get("dilation", (1, 1)))}
    out = (1, *node.shape[2:])[-2:]
    return _pool_fields((height, width, channels), (int(out[0]), int(out[1])), pairs), int(out[0] * out[1])


def _pool_fields(
    image: tuple[int, int, int], out: tuple[int, int], pairs: Mapping[str, tuple[int, ...]]
) -> dict[str, int]:
    fields = {"in_h": image[0], "in_w": image[1], "channels": image[2], "out_h": out[0], "out_w": out[1]}
    for name, pair in pairs.items():
        fields |= {f"{name}_h": int(pair[-2]), f"{name}_w": int(pair[-1])}
    return fields


def _reduced(node: CNode) -> tuple[dict[str, int], int, IntArray]:
    """The window that spans the axes that go, how many there are, and how what is left lies.

    As values lie, axes that go and axes that stay take turns: height is the first that goes or stays before others,
    width the next, channels what lies inside.
    """
    source = node.inputs[0]
    shape, attributes = source.shape, node.attributes
    axes = {int(axis) % len(shape) for axis in attributes.get("dims", range(2, len(shape)))}
    kept = tuple(1 if axis in axes else extent for axis, extent in enumerate(shape))
    result = np.arange(int(np.prod(kept))).reshape(kept)
    places = np.broadcast_to(result, shape).reshape(-1)[source.order]
    _, first = np.unique(places, return_index=True)
    order = places[np.sort(first)]
    size = len(order)
    for image, out in _images(source.count, size):
        window = (image[0] // out[0], image[1] // out[1])
        ranks = np.arange(size).reshape(out[0], 1, out[1], 1, image[2])
        spread = np.broadcast_to(ranks, (out[0], window[0], out[1], window[1], image[2])).reshape(-1)
        if np.array_equal(order[spread], places):
            pairs = {"k": window, "stride": window, "pad": (0, 0), "dilation": (1, 1)}
            return _pool_fields(image, out, pairs), out[0] * out[1], order
    raise Unsupported(f"a mean over the axes {sorted(axes)} of a tensor of shape {list(shape)}")


def _images(count: int, left: int) -> Iterator[tuple[tuple[int, int, int], tuple[int, int]]]:
    """Ways to see `count` values as an image of which `left` values are left: ((h, w, c), (h left, w left))."""
    for channels in (size for size in range(left, 0, -1) if left % size == 0):
        for rows in (size for size in range(1, left // channels + 1) if left // channels % size == 0):
            columns, gone = left // channels // rows, count // left
            for taken in (size for size in range(1, gone + 1) if gone % size == 0):
                yield (rows * taken, columns * (gone // taken), channels), (rows, columns)


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
