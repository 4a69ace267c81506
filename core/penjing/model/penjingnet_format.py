"""The `.penjingnet` format, both ways: the graph as JSON and, behind it, its numbers (`penjingnet_container`).

Weights of a quantized layer are packed at exactly their bits, pruned ones are a bitmap and the kept values wherever
that is smaller, shared ones a codebook and entropy-coded places wherever that is, everything else in the fewest bytes
of a number that hold it; all of it decodes to exactly the float32 weights that were encoded. The numbers follow each
other in the order of the JSON, without gaps: for every node its quantizers, then its tensors.
`penjing.loading.penjingnet` builds a model from what `decode` returns.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from penjing.errors import Note, UserError
from penjing.layer_graph import NetworkInput, NetworkOutput
from penjing.model.codebook_coding import MOST_PLACES_PER_BYTE, MOST_VALUES, read_places, values_at
from penjing.model.model import Model, Quantizer
from penjing.model.penjingnet_container import pack, unpack
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
from penjing.model.stored_tensors import CODEBOOK, dequantize, stored
from penjing.model.tensor_encodings import Encoding, bitmap_size, encodings, read_bitmap

MAX_NODES = 20_000
MAX_ELEMENTS = 1 << 28
MAX_AXES = 8

Array = NDArray[Any]


@dataclass(frozen=True, kw_only=True)
class Decoded:
    """A network as data, with its compression state."""

    spec: NetworkSpec
    masks: Mapping[str, Tensor]
    codebooks: Mapping[str, Tensor]
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
    return pack(msgspec.json.encode(network), b"".join(writer.parts))


def decode(content: bytes, *, where: str = "network") -> Decoded:
    """The network in the bytes of a file.

    Raises:
        UserError: `load.not_penjingnet`, `load.penjingnet_version`, `load.bad_penjingnet`.
    """
    text, weights = unpack(content, where)
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
            codebook = model.codebooks.get(node.name) if own else None
            tensors[key], parts = stored(
                tensor,
                quantizer=quantizer if own else None,
                mask=mask,
                codebook=codebook,
                coarse=not own and node.name in model.codebooks,
            )
            self.parts.extend(parts)
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


class _Tensor(NamedTuple):
    values: Array
    kept: Array | None
    codebook: Array | None


class _Reader:
    def __init__(self, weights: bytes, where: str) -> None:
        self.weights, self.where, self.place = weights, where, 0

    def network(self, network: NetworkEntry) -> Decoded:
        if len(network.nodes) > MAX_NODES or not network.nodes:
            raise self.bad(f"{len(network.nodes)} layers")
        activations, weights, masks, codebooks = {}, {}, {}, {}
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
                found = self.tensor(tensor, weights.get(node.name) if own else None, f"{node.name}.{key}")
                tensors[key] = torch.from_numpy(found.values)
                if found.kept is not None:
                    masks[node.name] = torch.from_numpy(found.kept)
                if found.codebook is not None:
                    codebooks[node.name] = torch.from_numpy(found.codebook)
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
            warnings=tuple(Note(code=one) if isinstance(one, str) else one for one in network.warnings),
        )
        return Decoded(
            spec=spec,
            masks=masks,
            codebooks=codebooks,
            weight_quantizers=weights,
            activation_quantizers=activations,
        )

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

    def tensor(self, entry: TensorEntry, quantizer: Quantizer | None, name: str) -> "_Tensor":
        shape = self.shape(entry.shape, name)
        if entry.encoding == CODEBOOK:
            return self.shared(entry, shape, quantizer, name)
        total = math.prod(shape)
        method, bits = self.method(entry.encoding, quantizer, name)
        kept = None
        if entry.bitmap:
            kept = read_bitmap(self.take(bitmap_size(total), name), total)
        count = total if kept is None else int(kept.sum())
        content = method.read(self.take(method.size(count, bits), name), count, bits)
        if entry.encoding == "packed":
            assert quantizer is not None
            values = self.dequantized(content, kept, shape, quantizer, name)
        else:
            values = _spread(content, kept, np.float32(0)).reshape(shape)
            if not np.isfinite(values).all():
                raise self.bad(f"{name} holds values that are not finite")
        left = values != 0 if kept is None else kept.reshape(shape)
        codebook = None
        if entry.codebook is not None:
            codebook = np.unique(values[left] if entry.mask else values)
            codebook = codebook if len(codebook) else np.zeros(1, np.float32)
            if not 1 <= len(codebook) <= MOST_VALUES:
                raise self.bad(f"{name} shares {len(codebook)} values")
        return _Tensor(values, left if entry.mask else None, codebook)

    def shared(self, entry: TensorEntry, shape: tuple[int, ...], quantizer: Quantizer | None, name: str) -> "_Tensor":
        book = entry.codebook
        if book is None or not 1 <= book.size <= MOST_VALUES or not shape or book.bytes < 0:
            raise self.bad(f"{name} has no codebook")
        method, bits = self.method(book.values, quantizer, name)
        content = method.read(self.take(method.size(book.size, bits), name), book.size, bits)
        if book.values == "packed":
            assert quantizer is not None
            content = self.dequantized(content, None, (book.size,), quantizer, name)
        if not np.isfinite(content).all() or not (np.diff(content) > 0).all():
            raise self.bad(f"{name} has a codebook that is not in order")
        coded, total = self.take(book.bytes, name), math.prod(shape)
        if total > MOST_PLACES_PER_BYTE * (method.size(book.size, bits) + len(coded)):
            raise self.bad(f"{name} is too small for the shape {list(shape)}")
        try:
            places = read_places(coded, (shape[0], total // shape[0]), book.size, pruned=entry.mask)
        except ValueError as error:
            raise self.bad(f"{name}: {error}") from error
        places = places.reshape(shape)
        return _Tensor(values_at(places, content), places > 0 if entry.mask else None, content)

    def method(self, encoding: str, quantizer: Quantizer | None, name: str) -> tuple[Encoding, int]:
        found, packed = encodings().get(encoding), encoding == "packed"
        if found is None or (packed and (quantizer is None or quantizer.float16)):
            raise self.bad(f"{name} is stored as {encoding!r}")
        return found, quantizer.bits if packed and quantizer is not None else 32

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


def _numpy(tensor: Tensor) -> Array:
    return tensor.detach().cpu().numpy()
