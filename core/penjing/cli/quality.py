"""Beside every `accuracy` of a JSON document its `quality`: the same with the metric's name and which way is better.

`accuracy` is a share, 0..1, and null where the metric is none; `quality` is there whatever the metric.
"""

from typing import Any

import msgspec

from penjing.catalogue.metrics import known, metric


def with_quality(document: object) -> Any:
    """The document as plain values."""
    return _told(msgspec.to_builtins(document))


def _told(value: Any) -> Any:
    if isinstance(value, list):
        return [_told(one) for one in value]
    if not isinstance(value, dict):
        return value
    found = {}
    for key, one in value.items():
        found[key] = _told(one)
        if key == "accuracy" and (one is None or (isinstance(one, dict) and "metric" in one)):
            found["quality"] = None if one is None else _quality(one)
            if one is not None and known(one["metric"]) and not metric(one["metric"]).is_share:
                found[key] = None
    return found


def _quality(accuracy: dict[str, Any]) -> dict[str, Any]:
    if not known(accuracy["metric"]):
        return accuracy
    how = metric(accuracy["metric"])
    return {**accuracy, "name": how.title.replace("{k}", str(how.k)), "better": "higher" if how.higher else "lower"}
