"""The `.penjingnet` format, both ways: a zip with `network.json`, the graph as data, and `weights.bin`, its numbers.

Weights of a quantized layer are packed at exactly their bits, pruned ones are a bitmap and the kept values wherever
that is smaller, everything else is float32; all of it decodes to exactly the float32 weights that were encoded. The
parts of `weights.bin` follow each other in the order of the JSON, without gaps: for every node its quantizers, then
its tensors. `penjing.loading.penjingnet` builds a model from what `decode` returns.
"""

import io
import math
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from penjing.errors import UserError
from penjing.layer_graph import NetworkInput, NetworkOutput
from penjing.model.model import Model, Quantizer
from penjing.model.penjingnet_schema import (
    SCHEMA_VERSION,
    InputEntry,
    NetworkEntry,
    NodeEntry,
    OutputEntry,
    QuantizerEntry,
    TensorEntry,
    Version,
)
from penjing.model.spec import NetworkSpec, NodeSpec, spec_of
from penjing.model.tensor_encodings import bitmap_size, encodings, read_bitmap, write_bitmap

NETWORK, WEIGHTS = "network.json", "weights.bin"
MAX_JSON_BYTES = 64 << 20
MAX_WEIGHT_BYTES = 2 << 30
MAX_NODES = 20_000
MAX_ELEMENTS = 1 << 28
MAX_AXES = 8

Array = NDArray[Any]


@dataclass(frozen=True, kw_only=True)
class Decoded:
    """A network as data, with its compression state."""

    spec: NetworkSpec
    masks: Mapping[str, Tensor]
    weight_quantizers: Mapping[str, Quantizer]
    activation_quantizers: Mapping[str, Quantizer]


def encode(model: Model) -> bytes:
    """The bytes of a file; the same model gives the same bytes."""
    writer = _Writer()
    spec = spec_of(model)
    activations = model.activation_quantizers
    network = NetworkEntry(
        schema_version=SCHEMA_VERSION,
        inputs=tuple(
            InputEntry(
                name=entry.name,
                source_name=entry.source_name,
                shape=entry.shape,
                quantizer=writer.quantizer(activations.get(entry.name)),
            )
            for entry in spec.inputs
        ),
        nodes=tuple(writer.node(node, model) for node in spec.nodes),
        outputs=tuple(OutputEntry(source_name=entry.source_name, layer=entry.layer) for entry in spec.outputs),
        opset=spec.opset,
        warnings=spec.warnings,
    )
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(_entry(NETWORK, zipfile.ZIP_DEFLATED), msgspec.json.encode(network), compresslevel=9)
        archive.writestr(_entry(WEIGHTS, zipfile.ZIP_STORED), b"".join(writer.parts))
    return packed.getvalue()


def decode(content: bytes, *, where: str = "network") -> Decoded:
    """The network in the bytes of a file.

    Raises:
        UserError: `load.not_penjingnet`, `load.penjingnet_version`, `load.bad_penjingnet`.
    """
    text, weights = _unpacked(content, where)
    try:
        version = msgspec.json.decode(text, type=Version).schema_version
        if not 1 <= version <= SCHEMA_VERSION:
            raise UserError("load.penjingnet_version", where=where, version=version, newest=SCHEMA_VERSION)
        network = msgspec.json.decode(text, type=NetworkEntry)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise UserError("load.bad_penjingnet", where=where, detail=error) from error
    return _Reader(weights, where).network(network)


class _Writer:
    def __init__(self) -> None:
        self.parts: list[bytes] = []

    def node(self, node: NodeSpec, model: Model) -> NodeEntry:
        quantizer = model.weight_quantizers.get(node.name)
        weight = self.quantizer(quantizer)
        activation = self.quantizer(model.activation_quantizers.get(node.name))
        tensors = {}
        for key, tensor in node.tensors.items():
            own = key == "weight"
            mask = model.masks.get(node.name) if own else None
            tensors[key] = self.tensor(tensor, quantizer if own else None, mask)
        return NodeEntry(
            name=node.name,
            kind=node.kind,
            inputs=node.inputs,
            source_name=None if node.source_name == node.name else node.source_name,
            attributes={key: _as_json(value) for key, value in node.attributes.items()},
            weight=weight,
            activation=activation,
            tensors=tensors,
        )

    def quantizer(self, quantizer: Quantizer | None) -> QuantizerEntry | None:
        if quantizer is None:
            return None
        if quantizer.float16:
            return QuantizerEntry(bits=quantizer.bits, float16=True)
        scale = _numpy(quantizer.scale).astype(np.float32)
        zeros = _numpy(quantizer.zero_point).astype(np.int32)
        self.parts.append(scale.astype("<f4").tobytes())
        kind: Literal["i1", "i2", "i4"] | None = None
        if zeros.any():
            kind = "i1" if quantizer.bits <= 8 else "i2" if quantizer.bits <= 16 else "i4"
            if not np.array_equal(zeros.astype(f"<{kind}"), zeros):
                kind = "i4"
            self.parts.append(np.broadcast_to(zeros, scale.shape).astype(f"<{kind}").tobytes())
        return QuantizerEntry(
            bits=quantizer.bits,
            channels=scale.size if scale.ndim else None,
            axis=quantizer.axis,
            symmetric=quantizer.symmetric,
            zeros=kind,
        )

    def tensor(self, tensor: Tensor, quantizer: Quantizer | None, mask: Tensor | None) -> TensorEntry:
        values = _numpy(tensor).astype(np.float32)
        flat, encoding, bits = values.reshape(-1), "float32", 32
        if quantizer is not None and (codes := _codes(tensor, quantizer)) is not None:
            flat, encoding, bits = codes.reshape(-1), "packed", quantizer.bits
        elif quantizer is not None and quantizer.float16 and _is_half(flat):
            encoding = "float16"
        method = encodings()[encoding]
        kept = None if mask is None else _numpy(mask).reshape(-1).astype(np.bool_)
        # What a mask leaves out must really be zero, or the file would not hold the network's weights.
        if kept is not None and values.reshape(-1)[~kept].any():
            kept = None
        bitmap = kept is not None and (
            bitmap_size(kept.size) + method.size(int(kept.sum()), bits) < method.size(flat.size, bits)
        )
        if bitmap and kept is not None:
            self.parts.append(write_bitmap(kept))
            flat = flat[kept]
        self.parts.append(method.write(flat, bits))
        return TensorEntry(shape=values.shape, encoding=encoding, mask=kept is not None, bitmap=bitmap)


class _Reader:
    def __init__(self, weights: bytes, where: str) -> None:
        self.weights, self.where, self.place = weights, where, 0

    def network(self, network: NetworkEntry) -> Decoded:
        if len(network.nodes) > MAX_NODES or not network.nodes:
            raise self.bad(f"{len(network.nodes)} layers")
        activations, weights, masks = {}, {}, {}
        inputs = []
        for entry in network.inputs:
            shape = self.shape(entry.shape, entry.name)
            inputs.append(NetworkInput(name=entry.name, source_name=entry.source_name, shape=shape))
            if entry.quantizer is not None:
                activations[entry.name] = self.quantizer(entry.quantizer, entry.name)
        nodes = []
        for node in network.nodes:
            if node.weight is not None:
                weights[node.name] = self.quantizer(node.weight, node.name)
            if node.activation is not None:
                activations[node.name] = self.quantizer(node.activation, node.name)
            tensors = {}
            for key, tensor in node.tensors.items():
                own = key == "weight"
                values, mask = self.tensor(tensor, weights.get(node.name) if own else None, f"{node.name}.{key}")
                tensors[key] = values
                if mask is not None:
                    masks[node.name] = mask
            nodes.append(_spec(node, tensors))
        if self.place != len(self.weights):
            raise self.bad(f"{len(self.weights) - self.place} bytes too many")
        spec = NetworkSpec(
            inputs=tuple(inputs),
            nodes=tuple(nodes),
            outputs=tuple(
                NetworkOutput(source_name=entry.source_name, layer=entry.layer, shape=()) for entry in network.outputs
            ),
            opset=network.opset,
            warnings=network.warnings,
        )
        return Decoded(spec=spec, masks=masks, weight_quantizers=weights, activation_quantizers=activations)

    def quantizer(self, entry: QuantizerEntry, name: str) -> Quantizer:
        if entry.float16:
            return Quantizer(
                bits=16, scale=torch.tensor(1.0), zero_point=torch.tensor(0, dtype=torch.int32), float16=True
            )
        shape = () if entry.channels is None else self.shape((entry.channels,), name)
        count = math.prod(shape)
        if entry.bits not in (2, 3, 4, 5, 6, 7, 8, 16):
            raise self.bad(f"{name} has a quantizer of {entry.bits} bits")
        if (entry.axis is None) != (entry.channels is None) or not 0 <= (entry.axis or 0) < MAX_AXES:
            raise self.bad(f"{name} has a quantizer along axis {entry.axis}")
        scale = np.frombuffer(self.take(4 * count, name), "<f4", count).astype(np.float32)
        if not np.isfinite(scale).all() or not (scale > 0).all():
            raise self.bad(f"{name} has a scale that is no positive number")
        zeros = np.zeros(count, np.int32)
        if entry.zeros is not None:
            size = int(entry.zeros[1])
            zeros = np.frombuffer(self.take(size * count, name), f"<{entry.zeros}", count).astype(np.int32)
        return Quantizer(
            bits=entry.bits,
            scale=torch.from_numpy(scale.reshape(shape)),
            zero_point=torch.from_numpy(zeros.reshape(shape)),
            axis=entry.axis,
            symmetric=entry.symmetric,
        )

    def tensor(self, entry: TensorEntry, quantizer: Quantizer | None, name: str) -> tuple[Tensor, Tensor | None]:
        shape = self.shape(entry.shape, name)
        total = math.prod(shape)
        method = encodings().get(entry.encoding)
        if method is None or (entry.encoding == "packed" and (quantizer is None or quantizer.float16)):
            raise self.bad(f"{name} is stored as {entry.encoding!r}")
        bits = quantizer.bits if quantizer is not None and entry.encoding == "packed" else 32
        kept = None
        if entry.bitmap:
            kept = read_bitmap(self.take(bitmap_size(total), name), total)
        count = total if kept is None else int(kept.sum())
        stored = method.read(self.take(method.size(count, bits), name), count, bits)
        if entry.encoding == "packed":
            assert quantizer is not None
            values = self.dequantized(stored, kept, shape, quantizer, name)
        else:
            values = _spread(stored, kept, np.float32(0)).reshape(shape)
            if not np.isfinite(values).all():
                raise self.bad(f"{name} holds values that are not finite")
        mask = None
        if entry.mask:
            mask = torch.from_numpy((values != 0) if kept is None else kept.reshape(shape))
        return torch.from_numpy(values), mask

    def dequantized(
        self, codes: Array, kept: Array | None, shape: tuple[int, ...], quantizer: Quantizer, name: str
    ) -> Array:
        scale, zeros = _numpy(quantizer.scale), _numpy(quantizer.zero_point)
        if quantizer.axis is not None:
            if quantizer.axis >= len(shape) or shape[quantizer.axis] != scale.size:
                raise self.bad(f"{name} has {scale.size} scales for the shape {list(shape)}")
            aligned = tuple(scale.size if axis == quantizer.axis else 1 for axis in range(len(shape)))
            scale, zeros = scale.reshape(aligned), zeros.reshape(aligned)
        if kept is None:
            return dequantize(codes.reshape(shape), scale, zeros)
        # A value that a mask leaves out is exactly zero, whatever the zero point.
        spread = np.broadcast_to(zeros, shape).astype(np.int32).reshape(-1).copy()
        spread[kept] = codes
        return dequantize(spread.reshape(shape), scale, zeros)

    def take(self, count: int, name: str) -> bytes:
        if count > len(self.weights) - self.place:
            raise self.bad(f"{name} ends after the file")
        self.place += count
        return self.weights[self.place - count : self.place]

    def shape(self, shape: tuple[int, ...], name: str) -> tuple[int, ...]:
        if len(shape) > MAX_AXES or min(shape, default=1) < 1 or math.prod(shape) > MAX_ELEMENTS:
            raise self.bad(f"{name} has the shape {list(shape[: MAX_AXES + 1])}")
        return shape

    def bad(self, detail: str) -> UserError:
        return UserError("load.bad_penjingnet", where=self.where, detail=detail)


def dequantize(codes: Array, scale: Array, zero_point: Array) -> Array:
    """r̂ = scale · (q - zero_point), in float32."""
    result: Array = scale.astype(np.float32) * (codes - zero_point).astype(np.float32)
    return result


def _codes(weight: Tensor, quantizer: Quantizer) -> Array | None:
    """The codes of a weight that lies on the grid; None if its values are not exactly those that codes give back."""
    if quantizer.float16:
        return None
    values = _numpy(weight).astype(np.float32)
    scale, zeros = _numpy(quantizer.scale).astype(np.float32), _numpy(quantizer.zero_point).astype(np.int32)
    if quantizer.axis is not None:
        aligned = tuple(scale.size if axis == quantizer.axis else 1 for axis in range(values.ndim))
        scale, zeros = scale.reshape(aligned), zeros.reshape(aligned)
    with np.errstate(invalid="ignore"):  # a scale that is no number gives codes that do not give the weights back
        codes = np.rint(values.astype(np.float64) / scale).astype(np.int64) + zeros
    low, high = -(1 << (quantizer.bits - 1)), (1 << (quantizer.bits - 1)) - 1
    exact = codes.min() >= low and codes.max() <= high and np.array_equal(dequantize(codes, scale, zeros), values)
    return codes.astype(np.int32) if exact else None


def _is_half(values: Array) -> bool:
    with np.errstate(over="ignore"):
        return np.array_equal(values.astype(np.float16).astype(np.float32), values)


def _spread(stored: Array, kept: Array | None, fill: np.float32) -> Array:
    if kept is None:
        return stored
    values = np.full(kept.size, fill, np.float32)
    values[kept] = stored
    return values


def _spec(node: NodeEntry, tensors: Mapping[str, Tensor]) -> NodeSpec:
    return NodeSpec(
        name=node.name,
        source_name=node.source_name if node.source_name is not None else node.name,
        kind=node.kind,
        inputs=node.inputs,
        attributes={key: _from_json(value) for key, value in node.attributes.items()},
        tensors=tensors,
    )


def _as_json(value: Any) -> Any:
    """JSON has no infinities: they are written as words."""
    if isinstance(value, float) and math.isinf(value):
        return "inf" if value > 0 else "-inf"
    return [_as_json(entry) for entry in value] if isinstance(value, tuple | list) else value


def _from_json(value: Any) -> Any:
    if value in ("inf", "-inf"):
        return float(value)
    return tuple(_from_json(entry) for entry in value) if isinstance(value, list) else value


def _unpacked(content: bytes, where: str) -> tuple[bytes, bytes]:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = {info.filename: info for info in archive.infolist()}
            if len(archive.infolist()) != 2 or set(entries) != {NETWORK, WEIGHTS}:
                raise UserError("load.not_penjingnet", path=where)
            text = _read(archive, entries[NETWORK], MAX_JSON_BYTES, where)
            if entries[WEIGHTS].compress_type != zipfile.ZIP_STORED:
                raise UserError("load.bad_penjingnet", where=where, detail=f"{WEIGHTS} is compressed")
            return text, _read(archive, entries[WEIGHTS], MAX_WEIGHT_BYTES, where)
    except (zipfile.BadZipFile, EOFError, OSError, ValueError, NotImplementedError, RuntimeError, zlib.error) as error:
        raise UserError("load.not_penjingnet", path=where) from error


def _read(archive: zipfile.ZipFile, info: zipfile.ZipInfo, most: int, where: str) -> bytes:
    """One entry, never more than `most` bytes of it, whatever its header says."""
    with archive.open(info) as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise UserError("load.bad_penjingnet", where=where, detail=f"{info.filename} is too big")
    return content


def _entry(name: str, method: int) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
    info.compress_type = method
    return info


def _numpy(tensor: Tensor) -> Array:
    return tensor.detach().cpu().numpy()
