"""Chooses how a tensor is stored in a `.penjingnet` file: the smallest form that gives back exactly its values.

>>> import torch
>>> entry, parts = stored(torch.tensor([[0.1, 2.0]]))
>>> entry.encoding, sum(map(len, parts))
('float32', 8)
"""

from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from penjing.model.codebook_coding import MOST_PLACES_PER_BYTE, places_of, write_places
from penjing.model.model import Quantizer
from penjing.model.penjingnet_schema import CodebookEntry, TensorEntry, ValueEncoding
from penjing.model.tensor_encodings import bitmap_size, encodings, fixed8_exponent, write_bitmap

Array = NDArray[Any]
Stored = tuple[TensorEntry, list[bytes]]
CODEBOOK = "codebook"


def stored(
    tensor: Tensor,
    *,
    quantizer: Quantizer | None = None,
    mask: Tensor | None = None,
    codebook: Tensor | None = None,
    coarse: bool = False,
) -> Stored:
    """What says how a tensor is stored, and its bytes in parts; grid, mask and codebook count where it obeys them.

    A `coarse` tensor is looked at closely: all its values may be few bits, as those of a bias beside shared weights.
    """
    values = _numpy(tensor).astype(np.float32)
    kept = None if mask is None else _numpy(mask).astype(np.bool_)
    # What a mask leaves out must really be zero, or the file would not hold the network's weights.
    if kept is not None and values[~kept].any():
        kept = None
    dense = _dense(values, quantizer, kept, coarse)
    shared = None if codebook is None else _shared(values, _numpy(codebook).astype(np.float32), quantizer, kept)
    if shared is None:
        return dense
    size = _size(shared)
    if size < _size(dense) and values.size <= size * MOST_PLACES_PER_BYTE:
        return shared
    return msgspec.structs.replace(dense[0], codebook=CodebookEntry()), dense[1]


def dequantize(codes: Array, scale: Array, zero_point: Array) -> Array:
    """r̂ = scale · (q - zero_point), in float32."""
    result: Array = scale.astype(np.float32) * (codes - zero_point).astype(np.float32)
    return result


def _size(made: Stored) -> int:
    return sum(len(part) for part in made[1])


def _dense(values: Array, quantizer: Quantizer | None, kept: Array | None, coarse: bool) -> Stored:
    """Every value in the same number of bits, or those that are kept behind a bitmap."""
    encoding, bits, flat = _smallest(values, quantizer, coarse=coarse)
    flat, method, parts = flat.reshape(-1), encodings()[encoding], []
    bitmap = kept is not None and (
        bitmap_size(kept.size) + method.size(int(kept.sum()), bits) < method.size(flat.size, bits)
    )
    if bitmap and kept is not None:
        parts.append(write_bitmap(kept.reshape(-1)))
        flat = flat[kept.reshape(-1)]
    parts.append(method.write(flat, bits))
    return TensorEntry(shape=values.shape, encoding=encoding, mask=kept is not None, bitmap=bitmap), parts


def _shared(values: Array, codebook: Array, quantizer: Quantizer | None, kept: Array | None) -> Stored | None:
    """The codebook and the coded places; None for a weight that has other values."""
    places = places_of(values, codebook, kept)
    if places is None:
        return None
    # Its values lie along no axis: only one scale for all of them packs them.
    whole = quantizer if quantizer is not None and quantizer.axis is None else None
    encoding, bits, flat = _smallest(codebook, whole, coarse=True)
    coded = write_places(places.reshape(len(places), -1), len(codebook), pruned=kept is not None)
    book = CodebookEntry(size=len(codebook), values=encoding, bytes=len(coded))
    entry = TensorEntry(shape=values.shape, encoding=CODEBOOK, mask=kept is not None, codebook=book)
    return entry, [encodings()[encoding].write(flat, bits), coded]


def _smallest(values: Array, quantizer: Quantizer | None, *, coarse: bool) -> tuple[ValueEncoding, int, Array]:
    """(encoding, bits, what it stores) of values that may lie on a grid."""
    if quantizer is not None and (codes := _codes(values, quantizer)) is not None:
        return "packed", quantizer.bits, codes
    if coarse and values.size > 1 and fixed8_exponent(values) is not None:
        return "fixed8", 32, values
    half = (coarse or (quantizer is not None and quantizer.float16)) and _is_half(values)
    return ("float16" if half else "float32"), 32, values


def _codes(values: Array, quantizer: Quantizer) -> Array | None:
    """The codes of values that lie on the grid; None if they are not exactly those that codes give back."""
    if quantizer.float16:
        return None
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


def _numpy(tensor: Tensor) -> Array:
    return tensor.detach().cpu().numpy()
