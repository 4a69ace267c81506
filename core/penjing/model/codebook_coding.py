"""Entropy-codes which value of a codebook every weight has, pruned weights included: a range coder, numpy only.

A pruned weight costs what its place makes likely: each row tells roughly how many of its weights are kept, each column
is as likely to be kept as it was in the rows before. Of kept weights the index follows, as likely as it was so far.
The models are arithmetic of IEEE doubles (+ - × ÷), the same on every machine.

>>> import numpy as np
>>> places = np.array([[0, 3, 1], [2, 0, 3]])  # 0 is pruned, else the index of the value and 1
>>> content = write_places(places, 3, pruned=True)
>>> read_places(content, (2, 3), 3, pruned=True).tolist()
[[0, 3, 1], [2, 0, 3]]
"""

from collections.abc import Iterator
from typing import Any

import constriction
import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

MOST_VALUES = 256
MOST_PLACES_PER_BYTE = 1024
"""A few bytes could say that millions of weights are pruned: such tensors are stored otherwise, so that a hostile file
cannot keep a reader busy."""
_FIRST, _MOST = 16, 4096
"""Indices coded before the counts are looked at again: few at first, always twice as many, then this many."""
_PRIOR = 0.5
"""What every count starts from (Krichevsky & Trofimov 1981)."""
_CERTAIN = 1 / 4096


def places_of(weight: Array, codebook: Array, kept: Array | None) -> Array | None:
    """Which value of a sorted codebook every weight has (1 is the first, 0 pruned); None if it has another value."""
    places = np.minimum(np.searchsorted(codebook, weight), len(codebook) - 1)
    found = codebook[places] == weight
    if kept is not None:
        found = np.where(kept, found, weight == 0)
    if not found.all():
        return None
    result: Array = places.astype(np.int32) + 1
    return result if kept is None else np.where(kept, result, 0)


def values_at(places: Array, codebook: Array) -> Array:
    """The weights, float32; pruned ones are 0."""
    result: Array = np.concatenate([np.zeros(1, np.float32), codebook.astype(np.float32)])[places]
    return result


def write_places(places: Array, size: int, *, pruned: bool) -> bytes:
    """The bytes of places [rows, columns] in a codebook of `size` values: 0 is a pruned weight, i the value i - 1.

    Without `pruned` no place is 0.
    """
    encoder = constriction.stream.queue.RangeEncoder()
    kept = places > 0
    if pruned:
        _Mask(kept.shape).write(encoder, kept)
    indices = (places[kept] - 1).astype(np.int32)
    for part, model in _parts(len(indices), size, indices):
        encoder.encode(indices[part], model)
    return encoder.get_compressed().astype("<u4").tobytes()  # type: ignore[no-any-return]


def read_places(content: bytes, shape: tuple[int, int], size: int, *, pruned: bool) -> Array:
    """The places back.

    Raises:
        ValueError: `content` is not what `write_places` gave for this shape and size.
    """
    if len(content) % 4:
        raise ValueError("the coded weights are cut off")
    decoder = constriction.stream.queue.RangeDecoder(np.frombuffer(content, "<u4").astype(np.uint32))
    try:
        kept = _Mask(shape).read(decoder) if pruned else np.ones(shape, np.bool_)
        indices = np.zeros(int(np.count_nonzero(kept)), np.int32)
        for part, model in _parts(len(indices), size, indices):
            indices[part] = decoder.decode(model, part.stop - part.start)
    except (AssertionError, ValueError) as error:
        raise ValueError("the coded weights are damaged") from error
    if not decoder.maybe_exhausted():
        raise ValueError("the coded weights are too long")
    places = np.zeros(shape, np.int32)
    places[kept] = indices + 1
    return places


def _parts(count: int, size: int, indices: Array) -> Iterator[tuple[slice, Any]]:
    """(which indices, how likely each value is), in order; the counts are those of the parts before."""
    counts, start, length = np.full(size, _PRIOR), 0, _FIRST
    while start < count and size > 1:
        part = slice(start, min(start + length, count))
        yield part, constriction.stream.model.Categorical(counts / counts.sum(), perfect=False)
        counts += np.bincount(indices[part], minlength=size)
        start, length = part.stop, min(2 * length, _MOST)


class _Mask:
    """How likely every weight is kept, row by row, from the rows before."""

    def __init__(self, shape: tuple[int, int]) -> None:
        self._shape = shape
        self._levels = np.full(_level(shape[1]) + 1, _PRIOR)
        self._columns, self._expected = np.full(shape[1], _PRIOR), _PRIOR
        self._bits = constriction.stream.model.Bernoulli(perfect=False)

    def write(self, encoder: Any, kept: Array) -> None:
        for row in kept:
            level = _level(int(np.count_nonzero(row)))
            encoder.encode(level, self._level_model())
            if level:
                encoder.encode(row.astype(np.int32), self._bits, self._likely(level))
            self._learn(level, row)

    def read(self, decoder: Any) -> Array:
        kept = np.zeros(self._shape, np.bool_)
        for row in kept:
            level = int(decoder.decode(self._level_model()))
            if level:
                row[:] = decoder.decode(self._bits, self._likely(level))
            self._learn(level, row)
        return kept

    def _level_model(self) -> Any:
        return constriction.stream.model.Categorical(self._levels / self._levels.sum(), perfect=False)

    def _likely(self, level: int) -> Array:
        """Share of the row times how much more often than others a column is kept, as odds."""
        columns = self._shape[1]
        share = min(_AMOUNTS[level] / columns, 1 - 1 / (columns + 1))
        odds = share / (1 - share) * (self._columns / self._expected)
        return np.clip(odds / (1 + odds), _CERTAIN, 1 - _CERTAIN)

    def _learn(self, level: int, row: Array) -> None:
        self._levels[level] += 1
        self._columns += row
        self._expected += np.count_nonzero(row) / len(row)


def _amounts() -> tuple[int, ...]:
    """0, 1, 2, 3, 4, 6, 8, 12, 16, …: how many are kept, known to within a fifth."""
    found = [0, 1, 2, 3]
    while found[-1] < 1 << 30:
        found.append(2 * found[-2])
    return tuple(found)


_AMOUNTS = _amounts()


def _level(count: int) -> int:
    """The nearest of the amounts: at most 62 of them."""
    place = int(np.searchsorted(_AMOUNTS, count))
    if place and _AMOUNTS[place] - count > count - _AMOUNTS[place - 1]:
        return max(place - 1, 1)
    return place
