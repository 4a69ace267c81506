"""Seeds and figures of a sweep are those of real runs, and what tries plans can be sent elsewhere."""

import dataclasses
from pathlib import Path

import msgspec
import numpy as np
import pytest

from penjing.devices.profiles import device
from penjing.errors import UserError
from penjing.inspection.graph import layer_graph
from penjing.loading.data import open_data
from penjing.loading.dataset import Dataset
from penjing.loading.open import open_model
from penjing.model.model import Model
from penjing.pipeline.estimate import estimate_plan
from penjing.pipeline.sweep import TryHere, fingerprint, sweep_model
from penjing.plan import Plan

Opened = tuple[Model, Dataset]
STM = device("stm32l4r5")


@pytest.fixture(scope="module")
def digits() -> Opened:
    model = open_model("sample:digits")
    return model, open_data("sample:digits", model=model)


def test_that_the_first_runs_already_tell_what_can_be_saved(digits: Opened, tmp_path: Path) -> None:
    model, data = digits
    runs = sweep_model(model, data, device=STM, trials=8, folder=tmp_path)
    found = [(one.compressed.size_bytes, one.compressed.accuracy) for one in runs]
    whole = found[0][0]
    # LeNet-5 in 8 bits: 61,470 weights of a byte and 236 biases of four.
    assert whole == 61_470 + 4 * 236
    best = max(accuracy.value for _, accuracy in found if accuracy is not None)
    # A point of accuracy buys two thirds of the bytes.
    assert any(a is not None and a.value >= best - 0.01 and count <= whole / 3 for count, a in found)
    assert all(accuracy is not None and accuracy.n == len(data.val) for _, accuracy in found)
    # What an estimate of the same plan says, which is made in its own way.
    one = next(one for one in runs if any("filters" in settings for settings in one.plan.as_json()["layers"].values()))
    told = estimate_plan(model, one.plan, data, device=STM).estimate.compressed
    for name in ("params", "nonzero", "macs", "size_bytes", "flash_bytes", "ram_bytes", "latency_ms", "accuracy"):
        assert getattr(one.compressed, name) == getattr(told, name), name


def test_that_a_hopeless_plan_is_measured_on_a_part_and_a_hopeful_one_on_all(digits: Opened) -> None:
    model, data = digits
    names = [layer.name for layer in layer_graph(model).compressible]
    ruined = Plan(pipeline=("prune",)).with_defaults(sparsity=0.99)
    tried = TryHere(model, data, STM)(ruined, 0.9)
    assert tried.hopeless and tried.figures.accuracy is not None and tried.figures.accuracy.n == 256
    whole = TryHere(model, data, STM)(ruined, 0.0)
    assert not whole.hopeless and whole.figures.accuracy is not None and whole.figures.accuracy.n == len(data.val)
    gentle = TryHere(model, data, STM)(Plan(pipeline=("prune",)).with_layer(names[0], sparsity=0.1), 0.9)
    assert not gentle.hopeless


def test_that_what_tries_plans_arrives_elsewhere_as_it_was(digits: Opened) -> None:
    model, data = digits
    sent = TryHere(model, dataclasses.replace(data, title="sent"), STM)
    make, fields = sent.__reduce__()
    arrived = make(*fields)
    assert (arrived.data.title, arrived.device) == ("sent", STM)
    assert all(isinstance(value, bytes | dict | type(STM)) for value in fields)
    np.testing.assert_array_equal(arrived.data.val.x, data.val.x)
    plan = Plan().with_defaults(weight_bits=8, activation_bits=8)
    assert arrived(plan, 0.0) == sent(plan, 0.0)


def test_that_another_network_data_or_device_has_another_fingerprint(digits: Opened) -> None:
    model, data = digits
    mine = fingerprint(model, data, STM)
    assert mine == fingerprint(model.copy(), data, STM)
    changed = model.copy()
    changed.weight("fc3")[0, 0] += 1
    less = dataclasses.replace(data, val=data.test)
    others = [(changed, data, STM), (model, less, STM), (model, data, None)]
    others += [(model, data, msgspec.structs.replace(STM, weight_bits=(8, 32)))]
    assert len({mine, *(fingerprint(*one) for one in others)}) == 5


def test_that_a_network_without_data_is_refused(digits: Opened, tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        sweep_model(digits[0], None, device=None, trials=1, folder=tmp_path / "none")
    assert caught.value.code == "sweep.needs_data"
    assert not (tmp_path / "none").exists()
