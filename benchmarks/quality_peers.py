"""What others make of the same networks from the same data: torch's pruning, torch-pruning, onnxruntime's quantizer.

torch-pruning (extra `dev`) and onnxruntime are used as their documentation says, and at their best: of every variant
the one that is right most often on the validation split is taken.
"""

import contextlib
import copy
import io
import logging
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import onnx
import torch
import torch.nn.functional as F
import torch.nn.utils.prune as torch_prune
import torch_pruning
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process
from torch import Tensor, nn

from benchmarks.quality_subjects import Answers, Run, Subject, answers, most_right
from penjing.exporting.export import export_model
from penjing.inspection.few_samples import FewSamples, few_samples
from penjing.verification.runtimes import onnx_session

SAMPLES = 256
BATCH = 32
INT4_OPSET = 21

CRITERIA: Mapping[str, Callable[[], Any]] = {
    "l1": lambda: torch_pruning.importance.MagnitudeImportance(p=1),
    "l2": lambda: torch_pruning.importance.MagnitudeImportance(p=2),
    "geometric_median": torch_pruning.importance.FPGMImportance,
    "lamp": torch_pruning.importance.LAMPImportance,
    "taylor": torch_pruning.importance.TaylorImportance,
}
"""torch-pruning's criteria by the id of ours."""


def few(subject: Subject) -> FewSamples:
    """The training samples that every method may look at."""
    return few_samples(subject.data, SAMPLES)


def global_magnitude(subject: Subject, sparsity: float) -> Answers:
    """The smallest weights of all layers together set to zero, by torch's own pruning."""
    started = time.process_time()
    module = copy.deepcopy(subject.model.module)
    weighted = [(part, "weight") for part in module.modules() if isinstance(part, nn.Conv1d | nn.Conv2d | nn.Linear)]
    torch_prune.global_unstructured(weighted, pruning_method=torch_prune.L1Unstructured, amount=sparsity)
    seconds = time.process_time() - started
    return answers(subject, _first(module), recipe="global magnitude (torch)", seconds=seconds)


def channels_removed(
    subject: Subject, criterion: str, ratio: float, *, ignored: Sequence[str]
) -> tuple[Answers, dict[str, int]]:
    """What torch-pruning leaves, as it is or with new batch norm statistics, and every layer's number of filters."""
    samples = few(subject)
    started = time.process_time()
    module = copy.deepcopy(subject.model.module)
    for parameter in module.parameters():
        parameter.requires_grad_(True)
    pruner = torch_pruning.pruner.BasePruner(
        module,
        samples.values[:1],
        importance=CRITERIA[criterion](),
        pruning_ratio=ratio,
        ignored_layers=[module.get_submodule(name) for name in ignored],
    )
    if criterion == "taylor":
        assert samples.labels is not None
        torch.autograd.backward(F.cross_entropy(module(samples.values), samples.labels))
    pruner.step()
    seconds = time.process_time() - started
    module.eval()
    name = f"torch-pruning {criterion}"
    candidates = [answers(subject, _first(module), recipe=name, seconds=seconds)]
    if any(isinstance(part, nn.BatchNorm1d | nn.BatchNorm2d) for part in module.modules()):
        started = time.process_time()
        renewed = _renewed(copy.deepcopy(module), samples.values)
        seconds += time.process_time() - started
        candidates.append(answers(subject, _first(renewed), recipe=f"{name}, new batch norm", seconds=seconds))
    left = {
        layer: len(part.get_parameter("weight"))
        for layer, part in module.named_modules()
        if isinstance(part, nn.Conv1d | nn.Conv2d | nn.Linear)
    }
    return most_right(subject, candidates), left


def quantized(subject: Subject, bits: int) -> Answers:
    """The static quantization of onnxruntime, S8S8 or with 4-bit weights: its best of six variants."""
    return most_right(subject, list(_variants(subject, bits)))


def _variants(subject: Subject, bits: int) -> Iterator[Answers]:
    weights = {8: QuantType.QInt8, 4: QuantType.QInt4}[bits]
    values = few(subject).values
    with tempfile.TemporaryDirectory() as name, _quiet():
        folder = Path(name)
        export_model(subject.model, folder, format="onnx")
        network = onnx.version_converter.convert_version(onnx.load(folder / "model.onnx"), INT4_OPSET)
        onnx.save(network, folder / "model.onnx")
        quant_pre_process(str(folder / "model.onnx"), str(folder / "ready.onnx"))
        for per_channel in (False, True):
            for method in (CalibrationMethod.MinMax, CalibrationMethod.Entropy, CalibrationMethod.Percentile):
                started = time.process_time()
                quantize_static(
                    str(folder / "ready.onnx"),
                    str(folder / "small.onnx"),
                    _Reader(network.graph.input[0].name, values),
                    quant_format=QuantFormat.QDQ,
                    per_channel=per_channel,
                    activation_type=QuantType.QInt8,
                    weight_type=weights,
                    calibrate_method=method,
                )
                seconds = time.process_time() - started
                content = (folder / "small.onnx").read_bytes()
                recipe = f"onnxruntime {method.name}, {'per channel' if per_channel else 'per tensor'}"
                run = in_onnxruntime(content)
                yield answers(subject, run, recipe=recipe, seconds=seconds, size=len(content))


def in_onnxruntime(content: bytes) -> Run:
    """A network file as onnxruntime runs it by default, with all its graph optimisations."""
    session = onnx_session(content, optimised=True)
    return lambda values: session((values,))[0]


class _Reader(CalibrationDataReader):  # type: ignore[misc]
    def __init__(self, entry: str, values: Tensor) -> None:
        self._batches = iter([{entry: part.numpy()} for part in torch.split(values, BATCH)])

    def get_next(self) -> dict[str, Any] | None:
        return next(self._batches, None)


def _renewed(module: nn.Module, values: Tensor) -> nn.Module:
    """Batch norms with the statistics of `values`, as torch itself accumulates them."""
    for part in module.modules():
        if isinstance(part, nn.BatchNorm1d | nn.BatchNorm2d):
            part.reset_running_stats()
            part.momentum = None  # every batch counts the same
    module.train()
    with torch.no_grad():
        module(values)
    return module.eval()


def _first(module: nn.Module) -> Run:
    def run(values: Tensor) -> Tensor:
        result = module(values)
        return result if isinstance(result, Tensor) else result[0]

    return run


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """The quantizer prints and logs on every call."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
