"""What an export writes where the device's own format cannot carry the network, and what it refuses at once."""

from pathlib import Path

import pytest
from torch import nn

from penjing.devices.profiles import device
from penjing.errors import UserError
from penjing.estimation.exact import figures_of
from penjing.inspection.graph import layer_graph
from penjing.model.modules import Divide, GlobalAveragePool, Subtract
from penjing.pipeline.formats import checked_early, chosen
from penjing.pipeline.job import Job, compress_job
from penjing.plan import Plan
from penjing.results import Progress
from tests.support.networks import NETWORKS, network

CHIP = device("nrf52840")
EIGHT = Plan(pipeline=("quantize",)).with_defaults(weight_bits=8, activation_bits=8)


def test_that_a_microcontroller_gets_c_beside_the_two_that_every_export_has() -> None:
    assert chosen((), CHIP).names == ("c99", "onnx", "penjingnet")
    assert chosen((), device("raspberry-pi-4")).names == ("onnx-int8", "onnx", "penjingnet")
    assert chosen((), None).names == ("onnx", "penjingnet")
    assert chosen(("c99",), None).names == ("c99",)


@pytest.mark.parametrize("outputs", ["a", "a b"])
def test_that_one_output_or_two_go_into_c(outputs: str, tmp_path: Path) -> None:
    model = network((6,), [("a", nn.Linear(6, 4), ""), ("b", nn.Linear(6, 3), "x")], outputs=outputs)
    job = Job(model=model, plan=EIGHT, data=None, model_source="two", data_source=None, device=CHIP)
    result = compress_job(job, tmp_path / "out")
    assert result.verdict.passed
    formats = {file.format for file in result.files}
    assert "c99" in formats and "onnx-int8" not in formats


def test_that_a_layer_that_keeps_float_goes_into_onnx_and_the_reason_is_told(tmp_path: Path) -> None:
    model = network((6,), [("a", nn.Linear(6, 4), ""), ("b", nn.Linear(6, 3), "x")], outputs="a b")
    plan = EIGHT.with_layer("b", weight_bits=16)
    job = Job(model=model, plan=plan, data=None, model_source="two", data_source=None, device=CHIP)
    result = compress_job(job, tmp_path / "out")
    formats = {file.format for file in result.files}
    assert "onnx-int8" in formats and "c99" not in formats
    (told,) = [text for text in result.warnings if "onnx-int8" in text]
    assert "these are not: b" in told
    assert result.compressed.file_bytes is not None


def test_that_a_format_asked_for_by_name_is_refused_before_any_work_is_done(tmp_path: Path) -> None:
    steps: list[str] = []

    def heard(progress: Progress) -> None:
        steps.append(progress.stage)

    plan = EIGHT.with_layer("conv2", weight_bits=16)
    job = Job(
        model=NETWORKS["plain"](0), plan=plan, data=None, model_source="n", data_source=None, formats=("c99", "onnx")
    )
    with pytest.raises(UserError, match=r"not: conv2.*export ONNX instead") as caught:
        compress_job(job, tmp_path / "out", on_progress=heard)
    assert caught.value.code == "export.c99_not_integer"
    assert steps == [] and list(tmp_path.iterdir()) == []


def test_that_an_operator_without_a_kernel_in_c_is_named_at_once() -> None:
    graph = layer_graph(network((8, 5, 5), [("conv", nn.Conv2d(8, 8, 3), ""), ("over", Divide(), "conv conv")]))
    with pytest.raises(UserError, match="not: over"):
        checked_early(chosen(("c99",), None), graph, EIGHT)
    replaced = checked_early(chosen((), CHIP), graph, EIGHT)
    assert replaced.names == ("onnx-int8", "onnx", "penjingnet")
    ((_, values),) = replaced.notes("en")
    assert "over" in values["reason"]


def test_that_what_only_the_export_itself_can_see_leads_to_onnx_too(tmp_path: Path) -> None:
    # A difference whose left side is repeated: nothing in its values tells that no kernel can do it.
    layers = [
        ("conv", nn.Conv2d(3, 40, 1), "x"),
        ("mean", GlobalAveragePool(keepdim=True), ""),
        ("less", Subtract(), "mean conv"),
    ]
    model = network((3, 4, 4), layers)
    job = Job(model=model, plan=EIGHT, data=None, model_source="n", data_source=None, device=CHIP)
    assert checked_early(chosen((), CHIP), layer_graph(model), EIGHT).names[0] == "c99"
    result = compress_job(job, tmp_path / "out")
    assert result.verdict.passed and {file.format for file in result.files} >= {"onnx-int8", "onnx", "penjingnet"}
    assert any("a difference whose left side is repeated" in text for text in result.warnings)
    with pytest.raises(UserError, match="a difference whose left side is repeated"):
        compress_job(
            Job(model=model, plan=EIGHT, data=None, model_source="n", data_source=None, formats=("c99",)),
            tmp_path / "again",
        )
    assert not (tmp_path / "again").exists()


def test_that_the_bytes_of_a_float_network_on_a_device_of_integers_are_those_of_onnx() -> None:
    graph = layer_graph(NETWORKS["plain"](0))
    assert figures_of(graph, device=CHIP).file_bytes == figures_of(graph, format="onnx-int8").file_bytes
