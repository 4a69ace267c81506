"""The ranges of a layer's result: those of its ReLU on calibration examples, and what each calibrator covers."""

import dataclasses

import numpy as np
import pytest
import torch

from penjing.errors import UserError
from penjing.worker.messages import OpenSource, WantRanges
from penjing.worker.opening import Open, open_source
from penjing.worker.ranges import ranges


@pytest.fixture(scope="module")
def opened() -> Open:
    return open_source(OpenSource(request=0, source="sample:digits"), lambda progress: None)[0]


def test_that_ranges_are_those_of_the_relu_behind_the_layer(opened: Open) -> None:
    found = ranges(opened, WantRanges(request=1, layer="fc1", bits=8))
    assert opened.data is not None
    network = opened.model.module
    seen: list[torch.Tensor] = []
    hook = network.get_submodule("fc1").register_forward_hook(lambda _m, _i, out: seen.append(out.clamp(min=0)))
    indices = np.arange(len(opened.data.train))
    with torch.no_grad():
        network(opened.data.batch(opened.data.train, indices))
    hook.remove()
    everything = seen[0].numpy()
    # 256 of the examples are looked at: nothing lies beyond what all of them give.
    assert found.tensor != "fc1" and found.low == 0.0 and 0 < found.high <= everything.max() * (1 + 1e-5)
    assert found.samples == 256 and sum(found.counts) == found.values == 256 * 120
    assert found.quantiles[0.5] == pytest.approx(float(np.median(everything)), abs=0.15 * float(everything.std()))
    assert found.covered["minmax"] == (found.low, found.high) and found.outside["minmax"] == 0.0
    low, high = found.covered["percentile"]
    assert (low, high) == pytest.approx((found.quantiles[0.0001], found.quantiles[0.9999]), rel=1e-6)
    assert found.outside["percentile"] == pytest.approx(1e-4, abs=1e-4)


def test_that_fewer_bits_make_the_calibrator_of_squares_clip_more(opened: Open) -> None:
    few, many = (ranges(opened, WantRanges(request=1, layer="fc2", bits=bits)) for bits in (3, 8))
    assert few.covered["mse"][1] < many.covered["mse"][1] <= few.high


def test_that_without_data_it_says_so(opened: Open) -> None:
    with pytest.raises(UserError) as caught:
        ranges(dataclasses.replace(opened, data=None), WantRanges(request=1, layer="fc1", bits=8))
    assert caught.value.code == "worker.no_data"
