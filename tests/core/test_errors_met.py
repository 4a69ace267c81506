"""Every error and remark of core/ERRORS.md is met by a test; those that no other test asks for by name are met here."""

import dataclasses
import errno
import json
import re
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import cast

import msgspec
import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from safetensors.torch import save_file
from torch import nn

from penjing.assets import has_text
from penjing.cli import terminal
from penjing.cli.main import main
from penjing.devices.profiles import device
from penjing.devices.units import parse_current, parse_voltage
from penjing.errors import UserError
from penjing.estimation.c99_bytes import refusal
from penjing.estimation.containers import cannot_carry
from penjing.estimation.finished import state_of
from penjing.estimation.gathering import tables_for
from penjing.estimation.savings import savings
from penjing.exporting.onnx_float import float_proto
from penjing.inspection.graph import layer_graph
from penjing.layer_graph import NetworkInput, NetworkOutput
from penjing.loading.audio_data import read_sounds
from penjing.loading.build import build
from penjing.loading.card import TableCard
from penjing.loading.csv_data import read_csv
from penjing.loading.data import open_data
from penjing.loading.open import open_model
from penjing.model.model import Model
from penjing.model.penjingnet_container import pack, unpack
from penjing.model.penjingnet_format import encode
from penjing.model.spec import NetworkSpec, NodeSpec
from penjing.pipeline.run import run_plan
from penjing.plan import MAX_LAYERS, Plan, read_plan
from penjing.planning import cluster as clusters
from penjing.planning.check import check
from penjing.planning.presets import preset
from penjing.planning.study import open_trials
from penjing.project.archive import read_archive
from penjing.worker import jobs
from penjing.worker.client import Worker
from penjing.worker.engine_messages import Failed, Measure, Opened, OpenSource, WantSamples
from penjing.worker.exchange import Exchange
from penjing.worker.messages import JobFailed, RunJob
from penjing.worker.snapshot import write_snapshot
from tests.support.networks import NETWORKS, network
from tests.support.workers import until

ROOT = Path(__file__).parents[2]
MODEL = NETWORKS["plain"](0)
GRAPH = layer_graph(MODEL)


Made = Callable[[Path], object]
"""What meets the error, given an empty folder."""


def onnx_of(
    nodes: list[onnx.NodeProto],
    *,
    weights: dict[str, np.ndarray] | None = None,
    shape: tuple[int | str, ...] = (1, 2, 4, 4),
    kind: int = TensorProto.FLOAT,
    change: Callable[[onnx.ModelProto], object] = lambda proto: None,
) -> Made:
    """Opens a network of these nodes from `x` to `y`."""

    def made(folder: Path) -> Model:
        graph = helper.make_graph(
            nodes,
            "g",
            [helper.make_tensor_value_info("x", kind, shape)],
            [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
            [numpy_helper.from_array(array, name) for name, array in (weights or {}).items()],
        )
        proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
        change(proto)
        (folder / "net.onnx").write_bytes(proto.SerializeToString())
        return open_model(folder / "net.onnx")

    return made


def file_of(name: str, content: bytes = b"something") -> Made:
    """Opens a file of this name and content."""

    def made(folder: Path) -> Model:
        (folder / name).write_bytes(content)
        return open_model(folder / name)

    return made


def weights_of(architecture: str) -> Made:
    """Opens weights that are no LeNet's."""

    def made(folder: Path) -> Model:
        save_file({"one.weight": torch.zeros(2, 2)}, folder / "net.safetensors")
        return open_model(folder / "net.safetensors", architecture=architecture)

    return made


def spec_of(
    *, kind: str = "relu", name: str = "layer", feeds: str = "x", output: str = "layer", **attributes: object
) -> Made:
    """Builds a network of one layer."""

    def made(folder: Path) -> Model:
        node = NodeSpec(name=name, source_name=name, kind=kind, inputs=(feeds,), attributes=attributes)
        entry = NetworkInput(name="x", source_name="x", shape=(1, 3))
        end = NetworkOutput(source_name="y", layer=output, shape=())
        return build(NetworkSpec(inputs=(entry,), nodes=(node,), outputs=(end,)))

    return made


def old_pt2(folder: Path) -> None:
    with zipfile.ZipFile(folder / "net.pt2", "w") as archive:
        archive.writestr("serialized_exported_program.json", "{}")
    open_model(folder / "net.pt2")


def not_text(folder: Path) -> None:
    graph = helper.make_graph([CONV], "g", [], [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)])
    content = helper.make_model(graph).SerializeToString()
    assert content.count(b"conv") == 1
    file_of("net.onnx", content.replace(b"conv", b"\xff\xfe\xfd\xfc"))(folder)


def newer_penjingnet(folder: Path) -> None:
    text, weights = unpack(encode(MODEL), "plain")
    said = json.loads(text) | {"schema_version": 99}
    file_of("net.penjingnet", pack(json.dumps(said).encode(), weights))(folder)


def too_many_layers(folder: Path) -> None:
    read_plan(json.dumps({"layers": {f"layer{i}": {"sparsity": 0.5} for i in range(MAX_LAYERS + 1)}}))


def table_without_it(folder: Path) -> None:
    (folder / "table.csv").write_text("a,b\n1,2\n")
    read_csv(folder / "table.csv", card=TableCard(ignore=("price",)))


def splits_that_differ(folder: Path) -> None:
    arrays = {f"x_{name}": np.ones((8, width), np.float32) for name, width in (("train", 3), ("val", 3), ("test", 2))}
    np.savez(folder / "data.npz", allow_pickle=False, **arrays)
    open_data(folder / "data.npz", model=network((3,), [("fc", nn.Linear(3, 2), "")]))


def one_table_for_two_inputs(folder: Path) -> None:
    (folder / "table.csv").write_text("a,b\n1,2\n")
    first, second = MODEL.inputs[0], NetworkInput(name="z", source_name="z", shape=(1, 3))
    open_data(folder / "table.csv", model=dataclasses.replace(MODEL, inputs=(first, second)))


def volume_in_c(folder: Path) -> None:
    model = network((2, 2, 2, 2), [("flat", nn.Flatten(), ""), ("fc", nn.Linear(16, 3), "")])
    graph = layer_graph(model)
    refused = refusal(graph, state_of(model, graph))
    assert refused is not None
    raise refused


def opaque_in_pt2(folder: Path) -> None:
    einsum = helper.make_node("Einsum", ["x", "x"], ["y"], equation="nchw,nchw->nchw")
    graph = layer_graph(cast("Model", onnx_of([einsum])(folder)))
    refused = cannot_carry("pt2", graph, state_of(MODEL, GRAPH))
    assert refused is not None
    raise refused


def opaque_in_an_older_opset(folder: Path) -> None:
    def newer(proto: onnx.ModelProto) -> None:
        proto.opset_import[0].version = 20

    # "linear" is a mode of opset 20; onnx has no way back from it.
    sampled = helper.make_node("GridSample", ["x", "w"], ["y"], mode="linear")
    weights = {"w": np.zeros((1, 4, 4, 2), np.float32)}
    model = cast("Model", onnx_of([sampled], weights=weights, change=newer)(folder))
    float_proto(model, opset=17)


CONV = helper.make_node("Conv", ["x", "w"], ["y"], name="conv")
ONES = np.ones((3, 2, 3, 3), np.float32)
STATISTICS = {"s": np.ones(2, np.float32), "v": np.full(2, -1, np.float32)}
NORM = helper.make_node("BatchNormalization", ["x", "s", "s", "s", "v"], ["y"], name="norm")
BRANCH = helper.make_graph([], "branch", [], [])

MEETINGS: dict[str, Made] = {
    "data.no_column": table_without_it,
    "data.no_sounds": lambda folder: read_sounds(folder, shape=(1, 40, 50)),
    "data.several_inputs": one_table_for_two_inputs,
    "data.split_shapes": splits_that_differ,
    "export.c99_axes": volume_in_c,
    "export.opaque_opset": opaque_in_an_older_opset,
    "export.pt2_opaque": opaque_in_pt2,
    "load.bad_node": onnx_of(
        [helper.make_node("Reshape", ["c", "t"], ["r"]), helper.make_node("Add", ["x", "r"], ["y"])],
        weights={"c": np.ones(6, np.float32), "t": np.array([4, 4])},
    ),
    "load.batch_mixed": onnx_of([helper.make_node("Softmax", ["x"], ["y"], axis=0)], shape=("n", 2, 4, 4)),
    "load.bad_variance": onnx_of([NORM], weights=STATISTICS),
    "load.input_shape": onnx_of([helper.make_node("Relu", ["x"], ["y"])], shape=(1,)),
    "load.input_type": onnx_of([CONV], weights={"w": ONES}, kind=TensorProto.STRING),
    "load.keras": file_of("net.h5"),
    "load.no_layers": onnx_of([CONV], weights={"w": ONES}, change=lambda proto: proto.graph.ClearField("output")),
    "load.not_finite": onnx_of([CONV], weights={"w": ONES * np.float32("nan")}),
    "load.not_onnx": file_of("net.onnx", b"this is a text"),
    "load.not_text": not_text,
    "load.penjingnet_version": newer_penjingnet,
    "load.pickle": file_of("net.pkl"),
    "load.pt2_old": old_pt2,
    "load.sparse_tensors": onnx_of(
        [CONV], weights={"w": ONES}, change=lambda proto: proto.graph.sparse_initializer.add().dims.append(3)
    ),
    "load.graph_not_kept": onnx_of(
        [helper.make_node("Conv", ["x", "w"], ["y"], name="conv", hidden=BRANCH)], weights={"w": ONES}
    ),
    "load.subgraph": onnx_of(
        [helper.make_node("Conv", ["x", "w"], ["y"], name="conv", hidden=onnx.TypeProto())], weights={"w": ONES}
    ),
    "load.tflite": file_of("net.tflite"),
    "load.unknown_architecture": weights_of("perceptron"),
    "load.unknown_format": file_of("net.doc"),
    "load.weights_differ": weights_of("lenet5"),
    "model.bad_node": spec_of(kind="conv"),
    "model.bad_shape": onnx_of([CONV], weights={"w": np.ones((3, 5, 3, 3), np.float32)}),
    "model.no_layers": spec_of(output="another"),
    "model.unknown_input": spec_of(feeds="nobody"),
    "model.unknown_operator": spec_of(kind="magic"),
    "model.unsafe_name": spec_of(name="__class__"),
    "plan.too_many_layers": too_many_layers,
    "planning.unknown_preset": lambda folder: preset("gigantic", GRAPH),
    "project.cannot_read": lambda folder: read_archive(folder, folder / "runs"),  # a folder is no file
    "units.current": lambda folder: parse_current("2 apples"),
    "units.voltage": lambda folder: parse_voltage("-3V"),
    "worker.no_run": lambda folder: jobs.read_run(folder / "nowhere"),
}


@pytest.mark.parametrize("code", MEETINGS)
def test_that_it_is_said_in_both_languages_with_what_to_do(code: str, tmp_path: Path) -> None:
    with pytest.raises(UserError) as refused:
        MEETINGS[code](tmp_path)
    assert refused.value.code == code
    for language in ("en", "zh_CN"):
        assert not re.search(r"\{\w+\}", refused.value.message(language))
        assert refused.value.hint(language)


def test_that_what_is_read_otherwise_than_it_stands_is_noted(tmp_path: Path) -> None:
    twice = [helper.make_node("Gemm", [feed, "w"], [result], name=result) for feed, result in (("x", "a"), ("a", "y"))]
    model = onnx_of(twice, weights={"w": np.eye(4)}, shape=(1, 4), kind=TensorProto.DOUBLE)(tmp_path)
    assert isinstance(model, Model)
    assert {"load.dtype_changed", "load.shared_weight"} <= {note.code for note in model.warnings}


def test_that_a_plan_that_is_no_file_is_told_by_the_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["estimate", "sample:digits", "--plan", str(tmp_path), "--json"]) == 2
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "plan.unreadable"


def test_that_a_codebook_that_the_device_cannot_decode_is_remarked() -> None:
    plan = Plan().with_defaults(codebook=16)
    assert "check.codebook_decoded" in {problem.code for problem in check(plan, GRAPH, device=device("nrf52840"))}
    assert "check.codebook_decoded" not in {problem.code for problem in check(plan, GRAPH)}


@pytest.mark.parametrize(("missing", "code"), [("distributed", "sweep.needs_dask"), ("optuna", "sweep.needs_optuna")])
def test_that_a_sweep_tells_which_package_to_install(
    missing: str, code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(UserError) as refused:
        if missing == "distributed":
            with clusters.cluster("tcp://127.0.0.1:1", lambda plan, floor: None):
                pass
        else:
            with open_trials(tmp_path, None, ""):  # type: ignore[arg-type]  # nothing is looked at before
                pass
    assert refused.value.code == code
    assert "pip install" in (refused.value.hint() or "")


def test_that_a_scheduler_without_workers_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    distributed = pytest.importorskip("distributed")
    monkeypatch.setattr(clusters, "_PATIENCE", 0.5)
    with (
        distributed.LocalCluster(
            n_workers=0, processes=False, dashboard_address=None, protocol="tcp://", host="127.0.0.1"
        ) as alone,
        pytest.raises(UserError) as refused,
        clusters.cluster(alone.scheduler_address, lambda plan, floor: None),
    ):
        pass
    assert refused.value.code == "sweep.no_workers"
    assert alone.scheduler_address in refused.value.message()


@pytest.mark.parametrize(
    ("message", "code"),
    [
        (RunJob(kind="fit", snapshot="", plan=Plan()), "worker.needs_device"),
        (RunJob(kind="train", snapshot="", plan=Plan()), "worker.needs_output"),
    ],
)
def test_that_a_job_that_lacks_something_says_what(message: RunJob, code: str, tmp_path: Path) -> None:
    write_snapshot(tmp_path / "snapshot", MODEL, None, model_source="plain", data_source=None)

    class Control:
        """What asks for the job and hears of it, without a process."""

        def job(self) -> RunJob:
            return msgspec.structs.replace(message, snapshot=str(tmp_path / "snapshot"))

        def look_up(self) -> None:
            pass

    told = jobs._end(Control())  # type: ignore[arg-type]
    assert isinstance(told, JobFailed) and told.code == code
    assert has_text(code) and has_text(f"{code}.hint")


def test_that_training_without_data_is_a_warning_and_changes_nothing() -> None:
    plan = Plan(pipeline=("prune", "distill")).with_defaults(sparsity=0.5)
    finished = run_plan(MODEL, plan, None)
    assert "warning.no_data_to_train" in {note.code for note in finished.warnings}
    assert finished.history == ()


def test_that_zeros_and_codebooks_are_told_to_save_what_they_save() -> None:
    plan = Plan().with_defaults(sparsity=0.5, weight_bits=4, activation_bits=8, codebook=16)
    for where, zeros in ((device("stm32l4r5"), "saving.zeros_skipped"), (device("raspberry-pi-4"), None)):
        tables = tables_for(MODEL, GRAPH, plan)
        told = {note.code for one in savings(GRAPH, plan, tables, where) for note in one.notes}
        assert "saving.codebook" in told
        assert zeros is None or {zeros, "saving.bits_slower"} <= told


def test_that_what_the_device_cannot_run_is_exported_otherwise_and_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = tmp_path / "plan.json"
    plan.write_text(json.dumps({"defaults": {"weight_bits": 8, "activation_bits": 16}}))
    out = str(tmp_path / "out")
    assert main(["compress", "sample:digits", "--plan", str(plan), "--device", "nrf52840", "-o", out, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert any("onnx-int8" in text for text in told["warnings"])  # warning.format_replaced


def test_that_an_engine_without_a_network_or_data_says_so(tmp_path: Path) -> None:
    save = onnx_of([CONV], weights={"w": ONES})
    save(tmp_path)
    with Exchange(tmp_path) as exchange, Worker.start("engine", exchange) as engine:
        engine.send(Measure(generation=1, plan=Plan()))
        assert until(engine, Failed).code == "worker.nothing_open"
        engine.send(OpenSource(request=2, source=str(tmp_path / "net.onnx")))
        until(engine, Opened)
        engine.send(WantSamples(request=3, indices=(0,)))
        assert until(engine, Failed).code == "worker.no_data"


def test_that_a_full_disk_behind_the_command_line_has_a_code() -> None:
    with pytest.raises(UserError) as refused, terminal._writing():
        raise OSError(errno.ENOSPC, "No space left on device")
    assert refused.value.code == "cli.cannot_write"
    assert "No space left on device" in refused.value.message()


def test_that_every_code_is_met_by_a_test() -> None:
    """By its whole name, or by its reason between quotes in a test of its area."""
    codes = re.findall(r"^\| `([\w.]+)`", (ROOT / "core" / "ERRORS.md").read_text("utf-8"), re.MULTILINE)
    tests = "\n".join(path.read_text("utf-8") for path in (ROOT / "tests").rglob("*.py"))
    unmet = [code for code in codes if code not in tests and f'"{code.split(".", 1)[1]}"' not in tests]
    assert unmet == []
