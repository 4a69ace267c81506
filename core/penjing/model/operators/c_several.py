"""C facets of transposed convolutions, resizing, norms, products of matrices and recurrent layers."""

import numpy as np

from penjing.model.c_kernels.parts import stored_width
from penjing.model.operators import c_plain, c_weighted, integer_resize
from penjing.model.operators.c_steps import CArray, CNode, CStep, CSteps, Unsupported, as_in_file, channels_last, plain
from penjing.model.operators.integer_reference import IntArray


def transposed_convolution(node: CNode) -> CSteps:
    """What each result is made of is gathered: nothing is spread, no zeros are multiplied."""
    assert node.weight is not None
    height, width, channels = node.inputs[0].image
    weight = node.weight if node.weight.ndim == 4 else node.weight[:, :, None]
    out_h, out_w = (1, *node.shape[2:])[-2:]
    fields = {"in_h": height, "in_w": width, "in_c": channels, "out_h": out_h, "out_w": out_w, "out_c": len(weight)}
    fields |= {"k_h": weight.shape[2], "k_w": weight.shape[3], "groups": int(node.attributes["groups"])}
    for name, key, usual in (("stride", "stride", 1), ("dilation", "dilation", 1), ("pad", "padding", 0)):
        pair = (usual, *node.attributes[key])[-2:]
        fields |= {f"{name}_h": int(pair[0]), f"{name}_w": int(pair[1])}
    return plain(node, c_weighted.step(node, "conv_transpose", fields, weight.transpose(0, 2, 3, 1)))


def resize(node: CNode) -> CSteps:
    """Means of neighbours, or the nearest value."""
    assert node.multiplier is not None and node.shift is not None
    height, width, channels = node.inputs[0].image
    axes = integer_resize.axes(node.attributes, node.inputs[0].shape)
    line = integer_resize.Axis(step=0, start=0, whole=1, count=1, result=1)
    fields = {"in_h": height, "in_w": width, "channels": channels}
    for name, axis in zip("hw", (line, *axes)[-2:], strict=True):
        fields |= {f"out_{name}": axis.result, f"step_{name}": axis.step, f"start_{name}": axis.start}
        fields |= {f"whole_{name}": axis.whole}
    fields |= {"sharp": int(integer_resize.is_sharp(node.attributes)), "in_zero": node.inputs[0].zero_point}
    fields |= {"multiplier": int(node.multiplier), "shift": int(node.shift), **node.bounds}
    return plain(node, CStep(kernel="resize", fields=fields))


def product(node: CNode) -> CSteps:
    """Matrices in the last two axes, as the file has them."""
    assert node.multiplier is not None and node.shift is not None
    left, right = node.inputs
    if left.shape[:-2] != right.shape[:-2] or not (left.is_as_in_file and right.is_as_in_file):
        shapes = f"{list(left.shape)} and {list(right.shape)}"
        raise Unsupported(f"a product of shapes {shapes} that do not lie as the file has them")
    rows, inner, columns = left.shape[-2], left.shape[-1], right.shape[-1]
    fields = {"matrices": left.count // (rows * inner), "rows": rows, "inner": inner, "columns": columns}
    fields |= {"a_zero": left.zero_point, "b_zero": right.zero_point, **node.bounds}
    fields |= {"multiplier": int(node.multiplier), "shift": int(node.shift)}
    return CSteps(steps=(CStep(kernel="product", fields=fields, reads=(0, 1)),), order=as_in_file(node.shape))


def norm(node: CNode) -> CSteps:
    """Values of a mean lie in even runs, and so do those that share γ and β."""
    assert node.multiplier is not None and node.shift is not None
    source, attributes = node.inputs[0], node.attributes
    flat = source.order
    if "groups" in attributes:
        factor = flat // (source.count // source.shape[1])
        group = flat // (source.count // int(attributes["groups"]))
    else:
        factor, group = flat % source.shape[-1], flat // source.shape[-1]
    inner, groups = _turns(group)
    run, channels = _turns(factor)
    fields = {"outer": source.count // (inner * groups), "groups": groups, "inner": inner}
    fields |= {"run": run, "channels": channels, "in_zero": source.zero_point, **node.bounds}
    for name in ("epsilon", "epsilon_shift", "fraction", "down"):
        fields[name] = int(attributes[name])
    fields |= {"multiplier": int(node.multiplier), "shift": int(node.shift)}
    arrays = {name: CArray(type="int32_t", values=np.asarray(attributes[name])) for name in ("factors", "offsets")}
    return CSteps(steps=(CStep(kernel="norm", fields=fields, arrays=arrays),), order=source.order)


def _turns(numbers: IntArray) -> tuple[int, int]:
    """(run, count) of numbers that take turns: number = place // run % count.

    Raises:
        Unsupported: They do not.
    """
    changes = np.flatnonzero(np.diff(numbers))
    run, count = int(changes[0]) + 1 if len(changes) else len(numbers), int(numbers.max()) + 1
    if not np.array_equal(numbers, np.arange(len(numbers)) // run % count):
        raise Unsupported("values of a mean that do not lie in even runs")
    return run, count


def recurrent(node: CNode) -> CSteps:
    """One kernel a cell; its states lie in the arena while it runs."""
    assert node.weight is not None and node.multiplier is not None and node.shift is not None
    source, attributes = node.inputs[0], node.attributes
    if not source.is_as_in_file:
        raise Unsupported(f"steps of shape {list(source.shape)} in an order that its kernel cannot read")
    width, cell = stored_width(node.weight_bits), str(attributes["cell"])
    fields = {"per_channel": int(node.weight_scales > 1), "steps": source.shape[1], "features": source.shape[2]}
    fields |= {"hidden": node.shape[-1], "last": int(bool(attributes["last"]))}
    fields |= {"reverse": int(bool(attributes.get("reverse"))), "in_zero": source.zero_point, **node.bounds}
    fields |= {"multiplier": int(node.multiplier), "shift": int(node.shift)}
    arrays = {
        "weights": CArray(type="int8_t" if width == 8 else "uint8_t", values=c_weighted.packed(node.weight, width)),
        "input_multiplier": CArray(type="int32_t", values=attributes["input_multiplier"]),
        "state_multiplier": CArray(type="int32_t", values=attributes["state_multiplier"]),
        "argument_shift": CArray(type="int8_t", values=attributes["argument_shift"]),
        "bias": CArray(type="int32_t", values=attributes["offset"]),
    }
    if cell == "gru":
        arrays["state_bias"] = CArray(type="int32_t", values=attributes["state_offset"])
    if node.weight_zeros is not None:
        arrays["weight_zeros"] = CArray(type="int8_t", values=node.weight_zeros.reshape(-1))
    step = CStep(kernel=f"{cell}_{width}bit", fields=fields, arrays=arrays, scratch=True)
    order = channels_last(node.shape) if len(node.shape) == 2 else as_in_file(node.shape)
    return CSteps(steps=(step,), order=order)


def rows(node: CNode) -> CSteps:
    """The rows of a table that its input names."""
    assert node.table is not None
    source = node.inputs[0]
    if not source.is_as_in_file:
        raise Unsupported(f"names of rows of shape {list(source.shape)} that do not lie as the file has them")
    table = np.clip(node.table + node.zero_point, node.low, node.high)
    fields = {"count": source.count, "rows": len(table), "width": table.shape[1], "in_zero": source.zero_point}
    step = CStep(kernel="rows", fields=fields, arrays={"table": CArray(type="int8_t", values=table.reshape(-1))})
    return CSteps(steps=(step,), order=as_in_file(node.shape))


def log_softmax(node: CNode) -> CSteps:
    """Along an axis whose values lie side by side."""
    assert node.multiplier is not None and node.shift is not None
    classes = c_plain.side_by_side(node)
    fields = {"rows": node.inputs[0].count // classes, "classes": classes, **node.bounds}
    fields |= {name: int(node.attributes[name]) for name in ("step", "down")}
    fields |= {"multiplier": int(node.multiplier), "shift": int(node.shift)}
    table = np.asarray(node.attributes["exponentials"])[: 1 << node.inputs[0].bits]
    step = CStep(kernel="log_softmax", fields=fields, arrays={"table": CArray(type="int32_t", values=table)})
    return CSteps(steps=(step,), order=node.inputs[0].order)
