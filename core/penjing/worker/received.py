"""Makes `estimation.tables.Tables` of the messages that bring them, in the window.

>>> tables = received_tables(message, exchange.map(message.file))          # doctest: +SKIP
>>> figures(opened.graph, plan, tables=tables, device=device)              # doctest: +SKIP
"""

from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

from penjing.estimation import tables as estimation
from penjing.worker.exchange import Mapped
from penjing.worker.messages import Array, Tables


def received_tables(message: Tables, mapped: Mapped, *, earlier: estimation.Tables | None = None) -> estimation.Tables:
    """The scores of a message, added to `earlier` ones of the same network."""
    known = estimation.Tables() if earlier is None else earlier
    return estimation.Tables(
        filter_scores={**known.filter_scores, **_pairs(message.filter_scores, mapped)},
        weight_scores={**known.weight_scores, **_pairs(message.weight_scores, mapped)},
        bit_errors={**known.bit_errors, **message.bit_errors},
        _sorted={**known._sorted, **_pairs(message.sorted_scores, mapped)},
    )


def received_values(message: Tables, mapped: Mapped) -> dict[str, NDArray[Any]]:
    """By layer, all weights in ascending order: what histograms look up."""
    return {layer: mapped(place) for layer, place in message.values.items()}


def _pairs(places: Mapping[str, Mapping[str, Array]], mapped: Mapped) -> dict[tuple[str, str], NDArray[Any]]:
    return {
        (layer, criterion): mapped(place) for layer, criteria in places.items() for criterion, place in criteria.items()
    }
