"""What a fit and an estimate tell is what an export for that device will do."""

from pathlib import Path

import torch
from torch import nn

from penjing.devices.profiles import device
from penjing.inspection.graph import layer_graph
from penjing.loading.data import open_data
from penjing.loading.open import open_model
from penjing.pipeline.estimate import estimate_plan
from penjing.pipeline.fit import fit_plan
from penjing.pipeline.job import Job, compress_job
from penjing.pipeline.run import run_plan
from penjing.plan import Plan
from penjing.planning.fit import Budgets
from tests.support.few_data import few_data
from tests.support.networks import network, sample_input


def test_that_a_fit_is_measured_and_in_integers_where_the_device_runs_integers() -> None:
    model = open_model("sample:digits")
    data = open_data("sample:digits", model=model)
    found = fit_plan(model, data, device=device("stm32l4r5"), budgets=Budgets(flash_bytes=1 << 20))
    assert found.feasible
    assert (found.plan.defaults.weight_bits, found.plan.defaults.activation_bits) == (8, 8)
    assert found.compressed.accuracy is not None and found.compressed.accuracy.n == len(data.val)
    # LeNet-5: 61,470 weights of a byte and 236 biases of four.
    assert found.compressed.size_bytes == 61_470 + 4 * 236


def test_that_an_estimate_says_that_an_export_will_set_eight_bits() -> None:
    model = open_model("sample:digits")
    said = [code for code, _ in estimate_plan(model, Plan(), None, device=device("stm32l4r5")).warnings]
    assert "warning.set_to_int8" in said
    plan = Plan().with_defaults(weight_bits=8, activation_bits=8)
    said = [code for code, _ in estimate_plan(model, plan, None, device=device("stm32l4r5")).warnings]
    assert "warning.set_to_int8" not in said


def test_that_an_estimate_and_a_run_say_what_the_plan_does_in_vain(tmp_path: Path) -> None:
    model = open_model("sample:digits")
    first, *others = (layer.name for layer in layer_graph(model).compressible)
    plan = Plan().with_defaults(sparsity=0.5).with_layer(first, threshold=1e-12)
    told = [(code, values["layer"]) for code, values in estimate_plan(model, plan, None).warnings if "layer" in values]
    assert told == [("check.nothing_below", first)]
    job = Job(model=model, plan=plan, data=None, model_source="sample:digits", data_source=None, formats=("onnx",))
    result = compress_job(job, tmp_path / "out")
    assert [text for text in result.warnings if f"“{first}”" in text and "below the threshold" in text]
    assert not any(f"“{name}”" in text for text in result.warnings for name in others)


def test_that_filters_that_do_nothing_are_told_and_the_advice_removes_them_at_no_cost() -> None:
    model = network(
        (2, 6, 6),
        [
            ("conv1", nn.Conv2d(2, 6, 3), ""),
            ("relu1", nn.ReLU(), ""),
            ("conv2", nn.Conv2d(6, 5, 3), ""),
            ("relu2", nn.ReLU(), ""),
            ("flat", nn.Flatten(), ""),
            ("fc", nn.Linear(20, 3), ""),
        ],
    )
    model.layer("conv1").bias.data[2:4] = -1000.0  # type: ignore[operator, index]
    model.layer("conv2").weight.data[1] = 0.0  # type: ignore[operator, index]
    model.layer("conv2").bias.data[:] = 2.0  # type: ignore[operator, index]
    model.layer("conv2").bias.data[1] = -1.0  # type: ignore[operator, index]
    data = few_data((2, 6, 6), 20)
    told = dict(estimate_plan(model, Plan().with_defaults(weight_bits=8), data).warnings)
    assert told["check.dead_filters"] == {"layer": "conv1", "dead": 2, "filters": 6, "examples": 20}
    assert told["check.empty_filters"] == {"layer": "conv2", "empty": 1, "filters": 5}
    advice = Plan(pipeline=("prune",)).with_defaults(filter_criterion="apoz", filter_threshold=0.001)
    smaller = run_plan(model, advice, data, measuring=False)
    assert [len(smaller.model.weight(name)) for name in ("conv1", "conv2")] == [4, 4]
    values = sample_input(model)
    torch.testing.assert_close(smaller.model(values), model(values), rtol=1e-4, atol=1e-6)
