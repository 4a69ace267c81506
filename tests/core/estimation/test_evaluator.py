"""The fast evaluator chooses as plain torch does, runs only what changed, and stays within its memory."""

import dataclasses
from collections.abc import Mapping

import numpy as np
import pytest
import torch

from penjing.compression.integer_graph import IntegerGraph
from penjing.compression.lowering import lower
from penjing.compression.prune import prune
from penjing.compression.quantize import quantize
from penjing.compression.simulation import simulate, trace
from penjing.errors import Cancelled
from penjing.estimation import evaluator as evaluator_module
from penjing.estimation.checkpoints import Checkpoints
from penjing.estimation.digests import digests
from penjing.estimation.evaluator import Evaluator, Indices, Values, as_it_is
from penjing.estimation.onnx_runner import Runner, onnx_runner
from penjing.inspection.graph import layer_graph
from penjing.layer_graph import NetworkOutput
from penjing.loading.data import open_data
from penjing.loading.dataset import Dataset
from penjing.loading.open import open_model
from penjing.model.model import Model
from penjing.plan import Plan
from tests.support.few_data import few_data
from tests.support.networks import NETWORKS

BATCHES = (np.arange(0, 24), np.arange(24, 40))
SINGLE = [name for name in NETWORKS if len(NETWORKS[name](0).inputs) == 1]


def data_for(model: Model) -> Dataset:
    return few_data(model.inputs[0].shape[1:], 40)


def everything(evaluator: Evaluator, model: Model) -> torch.Tensor:
    outputs = evaluator.outputs(model)
    return torch.cat([outputs(batch) for batch in BATCHES])


def plain(model: Model, data: Dataset) -> torch.Tensor:
    found = simulate(model)(data.batch(data.val, slice(None)))
    return (found if isinstance(found, torch.Tensor) else found[0]).reshape(40, -1)


@pytest.mark.parametrize("fast", [True, False], ids=["fastest", "torch"])
@pytest.mark.parametrize("name", SINGLE)
def test_that_networks_one_after_the_other_give_what_plain_torch_gives(name: str, fast: bool) -> None:
    model = NETWORKS[name](0)
    data, graph = data_for(model), layer_graph(model)
    evaluator = Evaluator(data, "val", fast=fast)
    if fast:
        evaluator.onnx = True  # else the faster one runs
    middle = graph.compressible[len(graph.compressible) // 2].name
    integers = Plan().with_defaults(weight_bits=8, activation_bits=8)
    for one in (
        model,
        prune(model, graph, Plan().with_layer(middle, sparsity=0.5)).model,
        prune(model, graph, Plan().with_layer(middle, sparsity=0.8)).model,
        prune(model, graph, Plan().with_defaults(filters=0.4)).model,
        quantize(model, integers, data),
        quantize(model, integers.with_layer(middle, weight_bits=3), data),
        model,
    ):
        wanted, found = plain(one, data), everything(evaluator, one)
        assert torch.allclose(found, wanted, rtol=1e-4, atol=1e-4 * float(wanted.abs().max()))
        assert torch.equal(found.argmax(dim=1), wanted.argmax(dim=1))


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class CountedDataset(Dataset):
    looks: list[int]

    def batch(self, split, indices):  # type: ignore[no-untyped-def]
        self.looks.append(1)
        return super().batch(split, indices)


def test_that_a_change_late_in_the_network_does_not_read_the_samples_again() -> None:
    model = NETWORKS["plain"](0)
    graph, few = layer_graph(model), data_for(model)
    fields = {field.name: getattr(few, field.name) for field in dataclasses.fields(Dataset)}
    data = CountedDataset(**fields, looks=[])
    evaluator = Evaluator(data, "val", fast=False)
    everything(evaluator, model)
    data.looks.clear()
    late = prune(model, graph, Plan().with_layer("fc2", sparsity=0.5)).model
    everything(evaluator, late)
    assert data.looks == []
    first = prune(model, graph, Plan().with_layer("conv1", sparsity=0.5)).model
    everything(evaluator, first)
    assert len(data.looks) == len(BATCHES)


@pytest.mark.parametrize("memory", [0, 20_000, 1 << 20])
def test_that_what_is_kept_stays_within_the_memory(memory: int) -> None:
    model = NETWORKS["residual"](0)
    data = data_for(model)
    evaluator = Evaluator(data, "val", memory=memory)
    everything(evaluator, model)
    assert evaluator.checkpoints.bytes <= memory
    assert (evaluator.checkpoints.bytes > 0) == (memory > 0)


def test_that_eight_bits_take_a_quarter_and_err_by_half_a_step() -> None:
    values = np.random.default_rng(0).standard_normal((10, 4, 5)).astype(np.float32)
    indices: Indices = np.arange(10)
    whole, compact = (Checkpoints(10, memory=1 << 20, compact=compact) for compact in (False, True))
    for store in (whole, compact):
        store.put("x", b"1", indices, values)
    assert compact.bytes * 4 == whole.bytes
    assert np.array_equal(whole.get("x", indices), values)
    steps = np.ptp(values.reshape(10, -1), axis=1).reshape(10, 1, 1) / 255
    assert np.all(np.abs(compact.get("x", indices) - values) <= steps / 2 * 1.001)


def test_that_what_is_kept_of_one_network_is_not_taken_for_that_of_another() -> None:
    store = Checkpoints(4, memory=1 << 20)
    values = np.ones((2, 3), np.float32)
    store.put("x", b"1", np.array([0, 2]), values)
    assert store.has("x", b"1", np.array([0, 2])) and not store.has("x", b"1", np.array([1]))
    store.put("x", b"2", np.array([1, 3]), 2 * values)
    assert not store.has("x", b"1", np.array([0])) and not store.has("x", b"2", np.array([0]))
    assert np.array_equal(store.get("x", np.array([3])), 2 * values[:1])


def test_that_two_equal_outputs_are_left_to_plain_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    """A runtime that adds in another order is off by a rounding error, which must not choose between equal outputs."""
    model = NETWORKS["plain"](2)
    data = data_for(model)
    others = plain(model, data)[:, [0, 3]].amax(dim=1)
    last = model.layer("fc2")
    with torch.no_grad():
        # Outputs 1 and 2 are this constant, whatever the order of additions; of the others half are larger.
        last.get_parameter("weight")[[1, 2]] = 0
        last.get_parameter("bias")[[1, 2]] = others.quantile(0.5)
    wanted = plain(model, data)
    asked: list[int] = []

    def off(graph: IntegerGraph, shapes: object, *, threads: int) -> Runner:
        def run(values: Mapping[str, Values]) -> list[Values]:
            asked.append(len(values["x"]))
            result = plain(model, data).numpy()[len(asked) % 2 :: 2].copy()
            result[:, 2] += 1e-6 * np.abs(result).max(axis=1)
            return [result]

        return run

    monkeypatch.setattr(evaluator_module, "onnx_runner", off)
    evaluator = Evaluator(data, "val", memory=0)
    evaluator.onnx = True
    outputs = evaluator.outputs(model)
    found = torch.empty_like(wanted)
    for start in (1, 0):
        found[start::2] = outputs(np.arange(start, 40, 2))
    assert asked == [20, 20]
    assert 0 < int((wanted.argmax(dim=1) == 1).sum()) < 40
    assert torch.equal(found.argmax(dim=1), wanted.argmax(dim=1))
    # Where the choice is clear the runtime's own numbers stay.
    best = wanted.topk(2, dim=1).values
    clear = (best[:, 0] - best[:, 1]) > 1e-3 * wanted.abs().amax(dim=1)
    assert torch.equal(found[~clear][:, 2], found[~clear][:, 1])
    assert bool((found[clear][:, 2] > wanted[clear][:, 2]).any())


def test_that_onnxruntime_runs_networks_whose_kept_tensors_are_read_again() -> None:
    """Its fusion of convolution, sum and activation once lost such an output and refused the network."""
    model = open_model("sample:watch")
    data = open_data("sample:watch", model=model)
    evaluator = Evaluator(data, "val")
    graph = layer_graph(model)
    names = evaluator.checkpoints.wanted(as_it_is(model), evaluator.shapes(model))
    assert any(name in layer.inputs for layer in graph.layers for name in names)
    odd = Plan().with_layer("conv", filters=0.09).with_layer("block2.conv1", filters=0.02)
    for changed in (model, prune(model, graph, odd).model):
        lowered = as_it_is(changed)
        shapes = evaluator.shapes(changed)
        kept = [NetworkOutput(source_name=one, layer=one, shape=shapes[one]) for one in sorted(names)]
        whole = dataclasses.replace(lowered, outputs=(*lowered.outputs, *kept))
        runner = onnx_runner(whole, shapes, threads=1)
        assert runner is not None
        values = data.batch(data.val, slice(0, 8))
        found = runner({model.inputs[0].name: values.numpy()})
        assert len(found) == len(whole.outputs)
        traced = trace(changed, values)
        for output, part in zip(whole.outputs, found, strict=True):
            wanted = traced[output.layer]
            assert np.allclose(part, wanted.numpy(), rtol=1e-4, atol=1e-4 * float(wanted.abs().max()))


def test_that_somebody_can_stop_a_batch_between_its_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluator_module, "FIRST_PART", 1.0)  # a machine that seems slow: one sample at first
    model = NETWORKS["plain"](0)
    data, looks = data_for(model), []

    def stop() -> None:
        looks.append(1)
        if len(looks) == most:
            raise Cancelled

    most = 2  # while the weights are hashed
    with pytest.raises(Cancelled):
        Evaluator(data, "val").outputs(model, on_part=stop)
    most = 1000
    outputs = Evaluator(data, "val").outputs(model, on_part=stop)
    most = len(looks) + 3
    with pytest.raises(Cancelled):
        outputs(np.arange(40))
    looks.clear()
    free = Evaluator(data, "val").outputs(model, on_part=lambda: looks.append(1))
    assert torch.allclose(free(np.arange(40)), plain(model, data), rtol=1e-4, atol=1e-5)
    assert len(looks) > 1


def test_that_a_digest_tells_weights_and_everything_before_but_not_names() -> None:
    model = NETWORKS["plain"](0)
    graph = lower(model)
    changed = lower(prune(model, layer_graph(model), Plan().with_layer("conv2", sparsity=0.5)).model)
    before, after = digests(graph), digests(changed)
    same = {name for name in before if before[name] == after[name]}
    assert {"conv1", "pool1"} <= same
    assert same.isdisjoint({"conv2", "bn2", "flat", "fc1", "fc2"})
