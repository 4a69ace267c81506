"""Runs one network after another on the same samples; what did not change since the last is not computed again.

>>> from penjing.estimation.evaluator import Evaluator
>>> outputs = Evaluator(data, "val").outputs(model)        # doctest: +SKIP
>>> outputs(np.arange(64)).shape                           # doctest: +SKIP
torch.Size([64, 10])
"""

import functools
import sys
import time
from collections.abc import Callable, Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from penjing.catalogue.metrics import metric
from penjing.compression.integer_graph import FloatNode, IntegerGraph
from penjing.compression.lowering import lower
from penjing.compression.simulation import Predict, simulate, simulate_graph
from penjing.errors import lacks_memory
from penjing.estimation.checkpoints import Checkpoints, cost
from penjing.estimation.digests import digests
from penjing.estimation.onnx_runner import Runner, onnx_runner
from penjing.layer_graph import NetworkInput, NetworkOutput
from penjing.loading.build import layer_shapes
from penjing.loading.dataset import Dataset, SplitName
from penjing.model.model import Model
from penjing.model.spec import spec_of

Indices = NDArray[np.int64]
Values = NDArray[np.float32]
Outputs = Callable[[Indices], Tensor]
"""Places of samples in a split → the network's first output on them, [n, outputs]."""
OnPart = Callable[[], None]
Shape = tuple[int, ...]

MEMORY = 256 << 20
TRIAL, TRIALS, LONG_TRIAL = 32, 3, 0.05
"""Samples and runs that decide which runtime is the faster one; no more runs after so many seconds."""
PART = 0.03
"""Seconds that one part of a batch is to take, between two looks whether anybody still waits.

All times are those of this thread alone: beside other work the wall's clock would make parts too small.
"""
FIRST_PART = 3e8
"""Multiplications of a part as long as the speed of this machine is not known."""
TIE = 1e-4
"""Where the two largest outputs are nearer (relative to the largest), plain torch decides which one is larger."""


def plainly(predict: Predict, data: Dataset, split_name: SplitName) -> Outputs:
    """The outputs of any network, without more ado."""
    split = data.split(split_name)
    return lambda indices: _flat(predict(*data.inputs(split, indices)))


class Evaluator:
    """Of one split; the fastest way that this machine has, and every choice of a class is that of plain torch.

    Runs keep what flows at a few places for each sample, at most `memory` bytes (with `compact` in 8 bits, which is
    approximate). A run begins at the last of these places before anything differs from the network that ran before.
    """

    def __init__(
        self, data: Dataset, split_name: SplitName, *, memory: int = MEMORY, compact: bool = False, fast: bool = True
    ) -> None:
        self.data, self.split_name = data, split_name
        self.checkpoints = Checkpoints(len(data.split(split_name)), memory=memory, compact=compact)
        self.onnx: bool | None = None if fast else False
        """Whether onnxruntime is the faster one; None: not known yet."""
        self._known_shapes: dict[tuple[object, ...], Mapping[str, Shape]] = {}

    def outputs(self, model: Model, *, on_part: OnPart = lambda: None) -> Outputs:
        """The outputs of a network, batch after batch in any order.

        Args:
            model: The network.
            on_part: Called before every part of a batch, some `PART` seconds each; may raise `errors.Cancelled`.
        """
        if len(model.inputs) != 1:
            return _in_parts(plainly(simulate(model), self.data, self.split_name), on_part, first=1)
        run = _Run(self, model, on_part)
        return _in_parts(run.outputs, on_part, first=run.first_part)

    def shapes(self, model: Model) -> Mapping[str, Shape]:
        """Of every tensor at batch 1; networks that differ in numbers only share them."""
        key = tuple(
            (node.name, node.inputs, repr(node.attributes), *(tuple(part.shape) for part in node.tensors.values()))
            for node in spec_of(model).nodes
        )
        if key not in self._known_shapes:
            self._known_shapes = {key: layer_shapes(model)}
        return self._known_shapes[key]


class _Run:
    """One network."""

    def __init__(self, evaluator: Evaluator, model: Model, on_part: OnPart) -> None:
        self._evaluator = evaluator
        self._chooses = metric(evaluator.data.metric).is_share
        self._split = evaluator.data.split(evaluator.split_name)
        self._model = model
        self._graph = lower(model) if model.activation_quantizers else as_it_is(model)
        self._shapes = evaluator.shapes(model)
        self._digests = digests(self._graph, on_part)
        self._wanted = evaluator.checkpoints.wanted(self._graph, self._shapes)
        self._parts: dict[tuple[frozenset[str], frozenset[str]], _Part] = {}

    @functools.cached_property
    def _plain(self) -> Predict:
        """Plain torch's way, which most plans are never asked to go."""
        return simulate(self._model)

    @property
    def first_part(self) -> int:
        """Samples that surely take no longer than a part should."""
        return max(1, min(TRIAL, int(FIRST_PART / cost(self._graph, self._shapes))))

    def outputs(self, indices: Indices) -> Tensor:
        """[n, outputs] on these samples."""
        store = self._evaluator.checkpoints
        known = frozenset(name for name in self._wanted if store.has(name, self._digests[name], indices))
        part = self._part(known)
        given = {entry.name: self._values(entry.name, known, indices) for entry in part.graph.inputs}
        run = part.runner(self._evaluator, given)
        first, *others = run(given)
        for output, values in zip(part.graph.outputs[1:], others, strict=True):
            store.put(output.layer, self._digests[output.layer], indices, values)
        result = torch.from_numpy(first).reshape(len(indices), -1)
        return self._settled(result, indices) if part.onnx and self._chooses else result

    def _values(self, name: str, known: frozenset[str], indices: Indices) -> Values:
        if name in known:
            return self._evaluator.checkpoints.get(name, indices)
        batch: Values = self._evaluator.data.batch(self._split, indices).numpy()
        return batch

    def _part(self, known: frozenset[str]) -> "_Part":
        """What has to run where these tensors are known; it also tells the tensors that are to be kept."""
        result = self._graph.outputs[0].layer
        needed, nodes = {result}, []
        for node in reversed(self._graph.nodes):
            if node.name in needed and node.name not in known:
                nodes.append(node)
                needed.update(node.inputs)
        made = {node.name for node in nodes}
        begin = frozenset(needed - made)
        keep = frozenset(self._wanted & made)
        if (begin, keep) not in self._parts:
            names = {*begin, *made}
            graph = IntegerGraph(
                inputs=tuple(NetworkInput(name=one, source_name=one, shape=self._shapes[one]) for one in sorted(begin)),
                outputs=tuple(
                    NetworkOutput(source_name=one, layer=one, shape=self._shapes[one])
                    for one in (result, *sorted(keep - {result}))
                ),
                nodes=tuple(reversed(nodes)),
                codes={name: codes for name, codes in self._graph.codes.items() if name in names},
            )
            self._parts[begin, keep] = _Part(graph, self._shapes)
        return self._parts[begin, keep]

    def _settled(self, result: Tensor, indices: Indices) -> Tensor:
        """Plain torch's outputs where another order of additions might choose another class."""
        sizes = result.abs().amax(dim=1)
        if result.shape[1] == 1:
            gaps = (result[:, 0] - self._evaluator.data.border).abs()
        else:
            best = torch.topk(result, 2, dim=1).values
            gaps = best[:, 0] - best[:, 1]
        near = torch.nonzero(~(gaps > TIE * sizes.clamp(min=TIE))).flatten().numpy()
        if len(near):
            found = _flat(self._plain(self._evaluator.data.batch(self._split, indices[near])))
            result = result.clone()
            result[near] = found
        return result


class _Part:
    """The end of a network, and what runs it."""

    def __init__(self, graph: IntegerGraph, shapes: Mapping[str, Shape]) -> None:
        self.graph = graph
        self._shapes = shapes
        self._chosen: Runner | None = None
        self.onnx = False
        """Whether onnxruntime runs it, which may add in another order than torch."""

    def runner(self, evaluator: Evaluator, given: Mapping[str, Values]) -> Runner:
        """The fastest one; the evaluator learns once which that is, by trying both."""
        if self._chosen is None:
            other = None
            if evaluator.onnx is not False:
                other = onnx_runner(self.graph, self._shapes, threads=torch.get_num_threads())
            if other is not None and evaluator.onnx is None:
                evaluator.onnx = _seconds(other, given) <= _seconds(self.torch, given)
            self.onnx = other is not None and bool(evaluator.onnx)
            self._chosen = other if other is not None and self.onnx else self.torch
        return self._chosen

    @functools.cached_property
    def torch(self) -> Runner:
        """The runner that every machine has."""
        predict, names = simulate_graph(self.graph), [entry.name for entry in self.graph.inputs]

        def run(values: Mapping[str, Values]) -> list[Values]:
            found = predict(*(torch.from_numpy(values[name]) for name in names))
            return [part.numpy() for part in ((found,) if isinstance(found, Tensor) else found)]

        return run


def as_it_is(model: Model) -> IntegerGraph:
    """A network without quantized activations, which `lower` would look at for longer than it takes to run."""
    spec = spec_of(model)
    nodes = tuple(
        FloatNode(
            name=node.name,
            kind=node.kind,
            inputs=node.inputs,
            attributes=node.attributes,
            tensors={name: tensor.numpy() for name, tensor in node.tensors.items()},
        )
        for node in spec.nodes
    )
    return IntegerGraph(inputs=model.inputs, outputs=spec.outputs, nodes=nodes, codes={})


def _seconds(run: Runner, given: Mapping[str, Values]) -> float:
    few = {name: values[:TRIAL] for name, values in given.items()}
    run(few)  # the first call pays for memory
    found: list[float] = []
    while len(found) < TRIALS and sum(found) < LONG_TRIAL:
        started = time.thread_time()
        run(few)
        found.append(time.thread_time() - started)
    return min(found)


def _in_parts(outputs: Outputs, on_part: OnPart, *, first: int) -> Outputs:
    """The same outputs, in parts as large as the speed of the last one allows."""
    size, most = first, sys.maxsize

    def run(indices: Indices) -> Tensor:
        nonlocal size, most
        found: list[Tensor] = []
        start = 0
        while start < len(indices) or not found:
            on_part()
            part = indices[start : start + size]
            began = time.thread_time()
            try:
                found.append(outputs(part))
            except Exception as error:  # onnxruntime's errors have no common public base class
                if not lacks_memory(error) or len(part) <= 1:
                    raise
                size = most = len(part) // 2  # fewer at a time need less
                continue
            seconds = time.thread_time() - began
            # Growing slowly: the first of a size also pays for memory, and a cached beginning may end.
            size = max(1, min(2 * size, most, int(PART / max(seconds, 1e-6) * max(len(part), 1))))
            start += len(part) if len(part) else 1
        return found[0] if len(found) == 1 else torch.cat(found)

    return run


def _flat(result: Tensor | tuple[Tensor, ...]) -> Tensor:
    first = result if isinstance(result, Tensor) else result[0]
    return first.detach().reshape(first.shape[0], -1)
