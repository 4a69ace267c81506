"""The engine as a process: it opens, answers, survives what is wrong, and is replaced when it is killed."""

import os
import signal
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from penjing.assets import has_text
from penjing.compression.simulation import simulate
from penjing.estimation.exact import figures
from penjing.estimation.gathering import tables_for
from penjing.estimation.measured import measure
from penjing.inspection.graph import layer_graph
from penjing.inspection.input_saliency import input_saliency
from penjing.inspection.saliency import weight_scores
from penjing.loading.data import open_data
from penjing.loading.open import open_model
from penjing.pipeline.run import run_plan
from penjing.plan import Plan
from penjing.worker.client import Worker
from penjing.worker.exchange import Exchange
from penjing.worker.messages import (
    Baseline,
    Crashed,
    Failed,
    JobRuns,
    Logits,
    Look,
    Measure,
    Measured,
    Opened,
    OpenSource,
    Ready,
    Saliency,
    Samples,
    Snapshot,
    SnapshotWritten,
    Tables,
    WantLogits,
    WantLook,
    WantSaliency,
    WantSamples,
    WantTables,
)
from penjing.worker.received import received_tables, received_values
from penjing.worker.snapshot import read_snapshot
from tests.support.workers import heard_until, until, wait_for_end, wait_for_process

PLAN = Plan().with_defaults(sparsity=0.5, weight_bits=4, activation_bits=8)


@pytest.fixture(scope="module")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exchange]:
    with Exchange(tmp_path_factory.mktemp("exchange")) as exchange:
        yield exchange


@pytest.fixture(scope="module")
def engine(exchange: Exchange) -> Iterator[Worker]:
    """One engine with `digits` open and its baseline measured, for the tests that leave it so."""
    with Worker.start("engine", exchange) as engine:
        engine.send(OpenSource(request=1, source="sample:digits"))
        until(engine, Baseline, when=lambda message: message.final)
        yield engine


def test_that_a_process_says_that_it_is_ready_and_ends_when_asked(tmp_path: Path) -> None:
    with Exchange(tmp_path) as exchange:
        with Worker.start("engine", exchange) as engine:
            pid = until(engine, Ready).pid
            assert pid == engine.pid
            assert engine.alive()
            engine.stop()
            assert not engine.alive()
            assert engine.fileno() == -1
        assert list(exchange.folder.iterdir()) == []
    assert wait_for_process(pid)


def test_that_an_opened_sample_says_all_that_the_window_shows(engine: Worker, exchange: Exchange) -> None:
    engine.send(OpenSource(request=2, source="sample:digits"))
    found, baseline = heard_until(engine, Baseline, when=lambda message: message.final)
    (opened,) = [message for message in found if isinstance(message, Opened)]
    (message,) = [message for message in found if isinstance(message, Tables)]
    model = open_model("sample:digits")
    data = open_data("sample:digits", model=model)
    graph = layer_graph(model)
    assert opened.graph == graph
    assert opened.data is not None
    assert (opened.data.sizes["val"], opened.data.metric, opened.data.source) == (
        len(data.val),
        "top1",
        "sample:digits",
    )
    assert opened.sample is not None
    assert opened.sample.device == "stm32l4r5"
    assert baseline.accuracy == measure(model, data, "val")
    mapped = exchange.map(message.file)
    values, tables = received_values(message, mapped), received_tables(message, mapped)
    for layer in graph.compressible:
        weight = model.weight(layer.name).numpy()
        assert np.array_equal(values[layer.name], np.sort(weight, axis=None))
        assert np.array_equal(tables.sorted_scores(layer.name, "magnitude"), np.sort(np.abs(weight), axis=None))
        rows = np.abs(weight.astype(np.float64)).reshape(len(weight), -1)
        assert tables.filter_scores[layer.name, "l1"] == pytest.approx(rows.sum(axis=1), rel=1e-6)
    cut = Plan().with_defaults(filters=0.25, filter_criterion="l2", weight_bits=8)
    wanted = tables_for(model, graph, cut)
    assert figures(graph, cut, tables=tables) == figures(graph, cut, tables=wanted)


def test_that_the_measured_accuracy_ends_with_that_of_the_plain_pipeline(engine: Worker) -> None:
    engine.send(Measure(generation=1, plan=PLAN))
    found, last = heard_until(engine, Measured, when=lambda message: message.final)
    model = open_model("sample:digits")
    data = open_data("sample:digits", model=model)
    finished = run_plan(model, PLAN, data, training=False, measuring=False)
    assert last.accuracy == measure(simulate(finished.model), data, "val")
    assert len([message for message in found if isinstance(message, Measured)]) > 5


def test_that_of_many_plans_the_newest_wins(engine: Worker) -> None:
    for generation in range(10, 30):
        engine.send(Measure(generation=generation, plan=PLAN.with_defaults(sparsity=generation / 40), split="train"))
    found, last = heard_until(engine, Measured, when=lambda message: message.final)
    measured = [message for message in found if isinstance(message, Measured)]
    assert last.generation == 29
    assert all(message.final == (message is last) for message in measured)
    assert [message.generation for message in measured] == sorted(message.generation for message in measured)


def test_that_scores_come_when_they_are_asked_for(engine: Worker, exchange: Exchange) -> None:
    engine.send(WantTables(request=3, filters=(("conv2", "activation"),), weights=(("conv1", "lamp"), ("fc1", "lamp"))))
    message = until(engine, Tables)
    tables = received_tables(message, exchange.map(message.file))
    assert message.request == 3
    assert set(tables.filter_scores) == {("conv2", "activation")}
    expected = weight_scores(open_model("sample:digits"), "conv1", "lamp").numpy()
    assert np.array_equal(tables.weight_scores["conv1", "lamp"], expected)
    assert np.array_equal(tables.sorted_scores("conv1", "lamp"), np.sort(expected, axis=None))


def test_that_a_picture_has_a_row_for_each_filter(engine: Worker, exchange: Exchange) -> None:
    engine.send(WantSaliency(request=4, layer="conv2"))
    message = until(engine, Saliency)
    weight = open_model("sample:digits").weight("conv2").numpy()
    picture = exchange.map(message.file)(message.block)
    assert np.array_equal(picture, weight.reshape(len(weight), -1))


def test_that_samples_come_as_the_network_takes_them(engine: Worker, exchange: Exchange) -> None:
    engine.send(WantSamples(request=5, indices=(7, 0)))
    message = until(engine, Samples)
    model = open_model("sample:digits")
    data = open_data("sample:digits", model=model)
    values = data.batch(data.val, np.array([7, 0])).numpy()
    assert np.array_equal(exchange.map(message.file)(message.values), values)
    assert data.val.y is not None
    assert message.labels == tuple(data.val.y[[7, 0]].tolist())


def test_that_logits_are_those_of_the_network_as_loaded_and_of_the_plan_measured_last(engine: Worker) -> None:
    engine.send(Measure(generation=31, plan=PLAN))
    until(engine, Measured, when=lambda message: message.final)
    engine.send(WantLogits(request=8, indices=(7, 0)))
    message = until(engine, Logits)
    model = open_model("sample:digits")
    data = open_data("sample:digits", model=model)
    values = data.batch(data.val, np.array([7, 0]))
    finished = run_plan(model, PLAN, data, training=False, measuring=False)
    assert message.generation == 31
    assert message.plan is not None
    # The network ends without softmax, so that its outputs are its logits; integers may round one step beside.
    step = float(finished.model.activation_quantizers["fc3"].scale)
    for told, network, close in ((message.original, model, 1e-5), (message.plan, finished.model, 1.01 * step)):
        assert np.array(told) == pytest.approx(simulate(network)(values).numpy(), rel=1e-5, abs=close)
    assert data.val.y is not None
    assert message.labels == tuple(data.val.y[[7, 0]].tolist())


def test_that_looks_are_those_of_the_network_as_loaded_and_of_the_plan_measured_last(
    engine: Worker, exchange: Exchange
) -> None:
    engine.send(Measure(generation=32, plan=PLAN))
    until(engine, Measured, when=lambda message: message.final)
    engine.send(WantLook(request=9, index=7, method="grad_cam"))
    message = until(engine, Look)
    mapped = exchange.map(message.file)
    model = open_model("sample:digits")
    data = open_data("sample:digits", model=model)
    example = data.batch(data.val, np.array([7]))
    finished = run_plan(model, PLAN, data, training=False, measuring=False)
    before = input_saliency(model, example, method="grad_cam")
    after = input_saliency(finished.model, example, method="grad_cam", target=before.chosen)
    assert data.val.y is not None and message.example is not None
    assert np.array_equal(mapped(message.example), example[0].numpy())
    assert (message.generation, message.label) == (32, int(data.val.y[7]))
    for told, expected in ((message.before, before), (message.after, after)):
        assert told is not None
        assert (told.target, told.chosen, told.layer) == (before.chosen, expected.chosen, "relu2")
        assert mapped(told.values) == pytest.approx(expected.values, rel=1e-4, abs=1e-5)


def test_that_a_snapshot_holds_what_is_open(engine: Worker, exchange: Exchange) -> None:
    folder = exchange.new_path("snapshot")
    engine.send(Snapshot(request=6, folder=str(folder)))
    assert until(engine, SnapshotWritten).folder == str(folder)
    taken = read_snapshot(folder)
    assert taken.facts.model_source == taken.facts.data_source == "sample:digits"
    assert taken.data is not None
    assert len(taken.data.test) == 1000


@pytest.mark.parametrize(
    ("message", "code"),
    [
        (OpenSource(request=7, source="nowhere.onnx"), "load.not_found"),
        (OpenSource(request=7, source="sample:digits", data="nowhere.npz"), "load.not_found"),
        (WantSamples(request=7, indices=(10**6,)), "worker.no_such_sample"),
        (WantLook(request=7, index=-1, method="grad_cam"), "worker.no_such_sample"),
        (Snapshot(request=7, folder="/proc/nowhere"), "worker.cannot_write"),
        (Measure(generation=50, plan=Plan().with_layer("conv9", sparsity=0.5)), "plan.unknown_layer"),
    ],
)
def test_that_what_a_person_can_mend_is_told_and_the_engine_goes_on(
    engine: Worker, message: OpenSource, code: str
) -> None:
    engine.send(message)
    failed = until(engine, Failed)
    assert (failed.code, failed.request) == (code, getattr(message, "request", None))
    assert failed.generation == getattr(message, "generation", None)
    assert has_text(code)
    engine.send(Measure(generation=50, plan=PLAN, full=False))
    assert until(engine, Measured, when=lambda message: message.final).generation == 50


def test_that_a_bug_is_told_with_its_place_and_the_engine_goes_on(engine: Worker) -> None:
    engine.send(WantTables(request=8, filters=(("no such layer", "l1"),)))
    crashed = until(engine, Crashed)
    assert crashed.request == 8
    assert "Traceback" in crashed.text
    engine.send(JobRuns(running=True))
    engine.send(JobRuns(running=False))
    engine.send(WantSaliency(request=9, layer="conv1"))
    assert until(engine, Saliency).request == 9


def test_that_a_file_that_needs_too_much_memory_costs_a_message(engine: Worker, tmp_path: Path) -> None:
    path = tmp_path / "big.npz"
    header = b"\x93NUMPY\x01\x00\x76\x00" + b"{'descr': '|u1', 'fortran_order': False, 'shape': (600000, 784)}".ljust(
        117
    )
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open("x.npy", "w") as file,
    ):
        file.write(header + b"\n")
        for _ in range(60):
            file.write(bytes(10_000 * 784))
    engine.send(OpenSource(request=10, source="sample:digits", data=str(path), most_bytes=128 << 20))
    failed = until(engine, Failed)
    assert (failed.code, failed.values) == ("worker.out_of_memory", {"where": "big.npz", "mib": 128})
    engine.send(Measure(generation=60, plan=PLAN, full=False))
    assert until(engine, Measured, when=lambda message: message.generation == 60)


def test_that_a_killed_engine_is_noticed_and_a_new_one_measures(tmp_path: Path) -> None:
    with Exchange(tmp_path) as exchange:
        with Worker.start("engine", exchange) as engine:
            engine.send(OpenSource(request=1, source="sample:digits"))
            until(engine, Baseline)
            os.kill(engine.pid, signal.SIGKILL)
            wait_for_end(engine)
            assert not engine.alive()
            engine.send(Measure(generation=1, plan=PLAN))  # lost, and no error
            assert engine.receive() == []
        with Worker.start("engine", exchange) as engine:
            engine.send(OpenSource(request=2, source="sample:digits"))
            until(engine, Opened)
            engine.send(Measure(generation=2, plan=PLAN))
            assert until(engine, Measured).generation == 2
    assert list(tmp_path.iterdir()) == []


def test_that_a_worker_that_speaks_another_language_is_killed(tmp_path: Path) -> None:
    with Exchange(tmp_path) as exchange, Worker.start("engine", exchange) as engine:
        until(engine, Ready)
        engine._buffer.feed(b"\xff\xff\xff")
        engine.send(OpenSource(request=1, source="nowhere"))
        while not engine.ended:
            engine.receive(timeout=60)
        assert wait_for_process(engine.pid)
