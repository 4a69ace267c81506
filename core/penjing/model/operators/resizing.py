"""Images and signals in another size: between the values, or the nearest of them."""

from collections.abc import Mapping, Sequence

import numpy as np
from torch import Tensor, nn

from penjing.model.modules import Resize
from penjing.model.operators import integer_kernels
from penjing.model.operators.channels import Channels, Flow
from penjing.model.operators.onnx_writer import OnnxWriter
from penjing.model.operators.reading import AtenNode, Draft, OnnxNode, Reading, Shape
from penjing.model.operators.table import Attributes, Operator, register

_MODES = {
    ("linear", "half_pixel"): ("linear", False),
    ("linear", "pytorch_half_pixel"): ("linear", False),
    ("linear", "align_corners"): ("linear", True),
    ("cubic", "half_pixel"): ("cubic", False),
    ("cubic", "pytorch_half_pixel"): ("cubic", False),
    ("cubic", "align_corners"): ("cubic", True),
}
"""What ONNX says, mode and where values lie: the mode here, and whether corners meet."""
_NEAREST = {("asymmetric", "floor"): "nearest", ("half_pixel", "round_prefer_ceil"): "nearest-exact"}
_CUBIC = -0.75
"""The slope of the cubic, in torch always, in ONNX unless it says so."""


@register
class ResizeRow(Operator):
    """Every axis in another size; whole numbers of repetitions are an `upsample`, which moves codes."""

    kind = "resize"
    modules = (Resize,)
    integer = integer_kernels.RESIZE
    reads = ("Resize",)
    reads_aten = (
        *("upsample_linear1d", "upsample_bilinear2d", "upsample_bicubic2d", "upsample_nearest1d", "upsample_nearest2d"),
        *("_upsample_nearest_exact1d", "_upsample_nearest_exact2d"),
    )

    def read(self, node: OnnxNode) -> Reading:
        """A Resize of opset 11 and newer, where torch has its rule."""
        value = node.activation()
        said = {key: node.attributes.get(key) for key in ("mode", "coordinate_transformation_mode", "nearest_mode")}
        mode, rule = str(said["mode"] or "nearest"), str(said["coordinate_transformation_mode"] or "half_pixel")
        nearest = _NEAREST.get((rule, str(said["nearest_mode"] or "round_prefer_floor")))
        found = _MODES.get((mode, rule), (nearest or "", False) if mode == "nearest" else ("", False))
        cubic = abs(float(node.attributes.get("cubic_coeff_a", _CUBIC)) - _CUBIC) < 1e-6
        others = any(node.attributes.get(key) for key in ("antialias", "exclude_outside"))
        policy = str(node.attributes.get("keep_aspect_ratio_policy", "stretch"))
        size = _size(node, value.shape)
        if node.opset < 11 or not found[0] or not cubic or others or policy != "stretch" or size is None:
            raise node.unsupported(f"mode {mode!r} with {rule}")
        if rule == "pytorch_half_pixel" and any(
            new == 1 != old for new, old in zip(size, value.shape[2:], strict=True)
        ):
            raise node.unsupported(f"mode {mode!r} with {rule}, which takes the first value as the only one")
        return self._resize(value.name, value.shape, size, *found)

    def read_aten(self, node: AtenNode) -> Reading:
        """To a size, or by factors that give whole numbers."""
        value = node.activation("input") if "input" in node.arguments else node.activation()
        if node.get("scale_factors") is not None:
            size = _exact(value.shape[2:], [float(factor) for factor in node.get("scale_factors")])
        else:
            size = node.integers("output_size")
        if size is None:
            raise node.unsupported("factors that give no whole numbers")
        mode = "nearest-exact" if "exact" in node.op else "nearest"
        mode = {"upsample_bicubic2d": "cubic"}.get(node.op, "linear" if "linear" in node.op else mode)
        return self._resize(value.name, value.shape, size, mode, bool(node.get("align_corners", False)))

    def _resize(self, name: str, shape: Shape, size: Shape, mode: str, corners: bool) -> Reading:
        if size == shape[2:]:
            return ()
        attributes = {"size": size, "mode": mode, "corners": corners}
        return (Draft(kind=self.kind, inputs=(name,), attributes=attributes),)

    def build(self, attributes: Attributes, tensors: Mapping[str, Tensor]) -> nn.Module:
        """Attributes: size (a number an axis), mode, corners."""
        size = tuple(int(extent) for extent in attributes["size"])
        return Resize(size, mode=str(attributes["mode"]), corners=bool(attributes["corners"]))

    def attributes(self, module: nn.Module) -> Attributes:
        """The size and the rule."""
        assert isinstance(module, Resize)
        return {"size": module.size, "mode": module.mode, "corners": module.corners}

    def shape(self, module: nn.Module, inputs: tuple[Shape, ...]) -> Shape | None:
        """[n, c, …] → [n, c, *size]."""
        assert isinstance(module, Resize)
        return (*inputs[0][:2], *module.size) if len(inputs[0]) == len(module.size) + 2 else None

    def write(self, attributes: Attributes, writer: OnnxWriter) -> None:
        """One Resize."""
        mode, size = str(attributes["mode"]), tuple(int(extent) for extent in attributes["size"])
        if mode.startswith("nearest"):
            rule, rounding = next(key for key, name in _NEAREST.items() if name == mode)
            said = {"mode": "nearest", "coordinate_transformation_mode": rule, "nearest_mode": rounding}
        else:
            # Not `pytorch_half_pixel`: to an extent of 1 it takes the first value, torch the middle.
            rule = "align_corners" if attributes["corners"] else "half_pixel"
            said = {"mode": mode, "coordinate_transformation_mode": rule}
        # Not its sizes: onnxruntime (1.32) loses them where it takes a DequantizeLinear behind the node.
        factors = [
            _factor(new, old, 0.5 if mode == "nearest-exact" else 0.0)
            for new, old in zip(size, writer.input_shapes[0][2:], strict=True)
        ]
        scales = writer.constant("scales", np.array((1, 1, *factors), np.float32))
        writer.result("Resize", writer.inputs[0], "", scales, **said)

    def channels(self, module: nn.Module, flow: Flow) -> Channels:
        """Its input's, if they lie along axis 1."""
        return flow.inputs[0] if flow.inputs[0].axis == 1 else super().channels(module, flow)


def _size(node: OnnxNode, shape: Shape) -> Shape | None:
    """The positions that a Resize makes; None where it resizes other axes, or by factors that give no whole numbers."""
    axes = node.integers("axes") or tuple(range(len(shape)))
    sizes = node.integers("sizes", 3)
    if sizes is not None:
        found: Sequence[int] | None = sizes
    else:
        array = node.constant(2)
        scales = [] if array is None else [float(factor) for factor in array.reshape(-1)]
        found = _exact([shape[axis] for axis in axes], scales)
    if found is None or len(found) != len(axes):
        return None
    result = dict(enumerate(shape)) | {axis % len(shape): int(extent) for axis, extent in zip(axes, found, strict=True)}
    return tuple(result.values())[2:] if (result[0], result[1]) == shape[:2] else None


def _exact(extents: Sequence[int], factors: Sequence[float]) -> Shape | None:
    """Extents times factors where these are whole numbers, as near as float32 can say them."""
    if len(extents) != len(factors):
        return None
    found = tuple(round(extent * factor) for extent, factor in zip(extents, factors, strict=True))
    pairs = zip(extents, factors, found, strict=True)
    return found if all(abs(extent * factor - whole) < 1e-5 * whole for extent, factor, whole in pairs) else None


def _factor(new: int, old: int, middle: float) -> np.float32:
    """A factor by which runtimes, in float32, come to just this extent, and to the same nearest values."""
    factor, half = np.float32(new) / np.float32(old), np.float32(middle)
    wanted = (2 * np.arange(new) + int(2 * middle)) * old // (2 * new)
    for tried in (factor, np.nextafter(factor, np.float32(np.inf)), np.nextafter(factor, np.float32(0))):
        found = np.floor((np.arange(new, dtype=np.float32) + half) / tried)
        if int(np.floor(tried * np.float32(old))) == new and np.array_equal(found, wanted):
            return tried
    return factor
