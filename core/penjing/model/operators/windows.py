"""Sliding windows as files describe them: strides, dilations, and padding that may be one-sided or automatic."""

from dataclasses import dataclass
from typing import Any

from penjing.model.operators.reading import PREVIOUS, AtenNode, Draft, OnnxNode, Shape


@dataclass(frozen=True, kw_only=True)
class Window:
    """One number an axis for each."""

    kernel: Shape
    stride: Shape
    dilation: Shape
    begin: Shape
    end: Shape

    @property
    def symmetric(self) -> bool:
        """Whether both sides of every axis are padded alike."""
        return self.begin == self.end

    @property
    def padded(self) -> bool:
        """Whether there is any padding."""
        return any(self.begin) or any(self.end)


def onnx_window(node: OnnxNode, kernel: Shape, extents: Shape) -> Window:
    """The window of a convolution or pooling node; `extents` are its input's positions (for `auto_pad`)."""
    dims = len(kernel)
    stride = node.integers("strides") or (1,) * dims
    dilation = node.integers("dilations") or (1,) * dims
    pads = node.integers("pads") or (0,) * (2 * dims)
    auto = node.attributes.get("auto_pad", "NOTSET")
    if len(stride) != dims or len(dilation) != dims or len(pads) != 2 * dims or len(extents) != dims:
        raise node.unsupported(f"a window over {dims} axes does not fit its attributes or its input")
    if min(kernel) < 1 or min(stride) < 1 or min(dilation) < 1 or min(pads) < 0:
        raise node.unsupported("kernel, stride, dilation or padding out of range")
    begin, end = pads[:dims], pads[dims:]
    if auto in ("SAME_UPPER", "SAME_LOWER"):
        total = []
        for size, one, step, extent in zip(kernel, dilation, stride, extents, strict=True):
            total.append(max((-(-extent // step) - 1) * step + one * (size - 1) + 1 - extent, 0))
        small, large = tuple(one // 2 for one in total), tuple(one - one // 2 for one in total)
        begin, end = (small, large) if auto == "SAME_UPPER" else (large, small)
    elif auto == "VALID":
        begin = end = (0,) * dims
    elif auto != "NOTSET":
        raise node.unsupported(f"auto_pad {auto!r}")
    return Window(kernel=kernel, stride=stride, dilation=dilation, begin=begin, end=end)


def aten_window(node: AtenNode, kernel: Shape, *, stride: Any) -> Window:
    """The window of a convolution or pooling node; `stride` is what holds where the node names none."""
    dims = len(kernel)
    dilation = node.integers("dilation", (1,), dims=dims)
    padding = node.get("padding", (0,))
    if padding == "same":
        total = [one * (size - 1) for size, one in zip(kernel, dilation, strict=True)]
        begin, end = tuple(one // 2 for one in total), tuple(one - one // 2 for one in total)
    elif padding == "valid":
        begin = end = (0,) * dims
    else:
        begin = end = node.integers("padding", (0,), dims=dims)
    steps = node.integers("stride", stride, dims=dims) or tuple(stride)
    return Window(kernel=kernel, stride=steps, dilation=dilation, begin=begin, end=end)


def pad(name: str, window: Window, value: float = 0.0, mode: str = "constant") -> Draft:
    """The padding of a window as a layer of its own."""
    attributes = {"begin": (0, *window.begin), "end": (0, *window.end), "mode": mode, "value": value}
    return Draft(kind="pad", inputs=(name,), attributes=attributes)


def windowed(
    name: str,
    window: Window,
    draft: Draft,
    *,
    value: float = 0.0,
    mode: str = "constant",
    separate: bool = False,
) -> tuple[Draft, ...]:
    """The draft fed by `name`, with a padding layer before it where its own padding cannot say it.

    The draft must carry an attribute `padding` and have `PREVIOUS` as its input.
    """
    if window.symmetric and not separate:
        attributes = {**draft.attributes, "padding": window.begin}
        return (_replaced(draft, (name,), attributes),)
    attributes = {**draft.attributes, "padding": (0,) * len(window.begin)}
    return pad(name, window, value, mode), _replaced(draft, (PREVIOUS,), attributes)


def _replaced(draft: Draft, inputs: tuple[str, ...], attributes: dict[str, Any]) -> Draft:
    return Draft(kind=draft.kind, inputs=inputs, attributes=attributes, tensors=draft.tensors, weight=draft.weight)
