"""Extents that a network leaves open: they are those of the examples that it is given."""

from collections.abc import Sequence


def filled(shape: Sequence[int], shapes: Sequence[Sequence[int]] | None, place: int) -> list[int]:
    """An input's shape, the batch first, its open extents (below 1) those of the example for it.

    Args:
        shape: As the file tells it; empty where it tells nothing.
        shapes: Of examples, without the batch: one an input, or one for all.
        place: Of the input among all inputs.
    """
    if not shapes or (len(shapes) > 1 and place >= len(shapes)):
        return list(shape)
    given = shapes[place if len(shapes) > 1 else 0]
    if len(shape) not in (0, len(given) + 1):
        return list(shape)
    batch, *rest = shape or [-1] * (len(given) + 1)
    return [batch, *(own if extent < 1 else extent for extent, own in zip(rest, given, strict=True))]
