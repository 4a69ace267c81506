"""Jobs as processes: each kind ends with its result, and they can be paused, stopped, cancelled, killed and resumed."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from penjing.compression.simulation import simulate
from penjing.estimation.exact import figures_of
from penjing.estimation.finished import state_of
from penjing.estimation.measured import measure
from penjing.loading.penjingnet import read_penjingnet
from penjing.pipeline.job import Job, compress_job
from penjing.pipeline.run import run_plan
from penjing.plan import Plan
from penjing.planning.fit import Budgets
from penjing.worker.client import Worker
from penjing.worker.exchange import Exchange
from penjing.worker.jobs import read_run
from penjing.worker.messages import (
    Cancel,
    JobCancelled,
    JobDone,
    JobEpoch,
    JobFailed,
    JobPaused,
    JobProgress,
    Pause,
    Resume,
    RunJob,
    StopAndKeepBest,
)
from penjing.worker.snapshot import read_snapshot, write_snapshot
from tests.support.teaching import convolutional, quarters
from tests.support.workers import PATIENCE, heard_until, until, wait_for_end, wait_for_process

LONG = 100_000
"""Epochs of a training that does not end by itself."""


def plan(epochs: int) -> Plan:
    base = Plan().with_defaults(filters=0.25, weight_bits=4, activation_bits=8)
    return msgspec.structs.replace(
        base, distillation=msgspec.structs.replace(base.distillation, epochs=epochs, lr=0.01)
    )


@pytest.fixture(scope="module")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exchange]:
    with Exchange(tmp_path_factory.mktemp("exchange")) as exchange:
        yield exchange


@pytest.fixture(scope="module")
def snapshot(exchange: Exchange) -> str:
    folder = exchange.new_path("snapshot")
    write_snapshot(folder, convolutional(), quarters(), model_source="net.onnx", data_source=None)
    return str(folder)


def network_of(run: Path) -> bytes:
    return (run / "model.penjingnet").read_bytes()


def test_that_a_killed_training_goes_on_to_bit_for_bit_the_same_network(
    exchange: Exchange, snapshot: str, tmp_path: Path
) -> None:
    whole = RunJob(kind="train", snapshot=snapshot, plan=plan(3), output=str(tmp_path / "whole"), device="rp2040")
    with Worker.start("job", exchange) as job:
        job.send(whole)
        found, done = heard_until(job, JobDone)
    trained = done.trained
    assert trained is not None
    assert [message.epoch.number for message in found if isinstance(message, JobEpoch)] == [0, 1, 2, 3]
    assert {message.step for message in found if isinstance(message, JobEpoch)} == {"distill"}
    assert [epoch.number for epoch in trained.history] == [0, 1, 2, 3]
    assert read_run(tmp_path / "whole") == trained
    data = quarters()
    model = read_penjingnet(tmp_path / "whole" / "model.penjingnet")
    assert trained.compressed.accuracy == measure(simulate(model), data, "val")
    assert trained.compressed.accuracy is not None
    assert trained.compressed.accuracy.value == max(epoch.val_accuracy or 0 for epoch in trained.history)

    folder = tmp_path / "runs"
    resumable = msgspec.structs.replace(whole, output=str(folder / "run"), checkpoint=str(tmp_path / "checkpoint"))
    with Worker.start("job", exchange) as job:
        job.send(resumable)
        # A batch of the third epoch: the state after the second is on the disk.
        until(job, JobProgress, when=lambda message: message.progress.values.get("epoch") == 3)
        os.kill(job.pid, signal.SIGKILL)
        wait_for_end(job)
    assert list(folder.iterdir()) == []
    with Worker.start("job", exchange) as job:
        job.send(resumable)
        found, done = heard_until(job, JobDone)
    assert [message.epoch.number for message in found if isinstance(message, JobEpoch)] == [0, 1, 2, 3]
    # Two epochs are told as they were, only the third is computed: its batches alone have a learning rate.
    rates = [message.progress.values for message in found if isinstance(message, JobProgress)]
    assert {values["epoch"] for values in rates if "lr" in values} <= {3.0}
    assert network_of(folder / "run") == network_of(tmp_path / "whole")
    assert not (tmp_path / "checkpoint").exists()


def test_that_a_training_can_be_paused_and_cancelled_and_leaves_nothing(
    exchange: Exchange, snapshot: str, tmp_path: Path
) -> None:
    with Worker.start("job", exchange) as job:
        job.send(RunJob(kind="train", snapshot=snapshot, plan=plan(LONG), output=str(tmp_path / "run")))
        until(job, JobEpoch, when=lambda message: message.epoch.number == 1)
        job.send(Pause())
        assert until(job, JobPaused).paused
        assert job.receive(timeout=0.5) == []
        job.send(Resume())
        assert not until(job, JobPaused).paused
        until(job, JobProgress)
        job.send(Pause())
        assert until(job, JobPaused).paused
        job.send(Cancel())
        until(job, JobCancelled)
        wait_for_end(job)
    assert list(tmp_path.iterdir()) == []


def test_that_a_stopped_training_gives_its_best_and_can_be_exported(
    exchange: Exchange, snapshot: str, tmp_path: Path
) -> None:
    run = str(tmp_path / "run")
    with Worker.start("job", exchange) as job:
        job.send(RunJob(kind="train", snapshot=snapshot, plan=plan(LONG), output=run, device="stm32l4r5"))
        until(job, JobEpoch, when=lambda message: message.epoch.number == 2)
        job.send(StopAndKeepBest())
        trained = until(job, JobDone).trained
    assert trained is not None
    best = max(epoch.val_accuracy or 0 for epoch in trained.history)
    assert trained.compressed.accuracy is not None
    assert trained.compressed.accuracy.value == best
    with Worker.start("job", exchange) as job:
        job.send(RunJob(kind="export", snapshot=snapshot, run=run, device="stm32l4r5", output=str(tmp_path / "out")))
        found, done = heard_until(job, JobDone)
    result = done.run
    assert result is not None
    assert result.verdict.passed
    assert result.plan_hash == trained.plan.hash
    stages = {message.progress.stage for message in found if isinstance(message, JobProgress)}
    assert stages.isdisjoint({"prune", "quantize", "distill"})
    assert network_of(tmp_path / "out") == network_of(tmp_path / "run")
    # What the exact tier says of a trained network is what was said of it then.
    figures = msgspec.structs.replace(result.compressed, accuracy=None)
    assert figures == msgspec.structs.replace(trained.compressed, accuracy=None)


def test_that_a_whole_compression_is_exported_and_verified(exchange: Exchange, snapshot: str, tmp_path: Path) -> None:
    checkpoint = tmp_path / "checkpoint"
    job = RunJob(
        kind="compress",
        snapshot=snapshot,
        plan=plan(1),
        formats=("onnx",),
        output=str(tmp_path / "out"),
        checkpoint=str(checkpoint),
    )
    with Worker.start("job", exchange) as worker:
        worker.send(job)
        result = until(worker, JobDone).run
    assert result is not None
    assert result.verdict.passed
    assert [step.step for step in result.steps] == ["prune", "bn_reestimate", "quantize", "distill"]
    assert {file.path for file in result.files} <= {entry.name for entry in (tmp_path / "out").iterdir()}
    assert not checkpoint.exists()


def test_that_a_run_taught_in_float_is_quantized_for_a_format_of_integers(snapshot: str, tmp_path: Path) -> None:
    taken = read_snapshot(Path(snapshot))
    float_plan = Plan().with_layer("conv1", filters=0.5).with_layer("conv2", sparsity=0.5)
    finished = run_plan(taken.model, float_plan, taken.data, training=False)
    job = Job(
        model=taken.model,
        plan=float_plan,
        data=taken.data,
        model_source="net.onnx",
        data_source=None,
        formats=("onnx-int8",),
        finished=finished,
    )
    result = compress_job(job, tmp_path / "out")
    assert result.verdict.passed
    assert [step.step for step in result.steps] == ["prune", "bn_reestimate", "quantize"]
    assert result.steps[:2] == finished.steps
    assert result.compressed.nonzero == figures_of(finished.graph, state_of(finished.model, finished.graph)).nonzero
    assert result.compressed.size_bytes < 0.3 * result.baseline.size_bytes


def test_that_a_plan_is_found_within_a_budget_and_a_wrong_one_is_told(exchange: Exchange, snapshot: str) -> None:
    with Worker.start("job", exchange) as job:
        budgets = Budgets(flash_bytes=4000)
        job.send(RunJob(kind="fit", snapshot=snapshot, device="nrf52840", budgets=budgets))
        found = until(job, JobDone).fit
    assert found is not None
    assert found.feasible
    assert found.compressed.flash_bytes is not None
    assert found.compressed.flash_bytes <= 4000
    with Worker.start("job", exchange) as job:
        job.send(RunJob(kind="fit", snapshot=snapshot, device="abacus"))
        failed = until(job, JobFailed)
        assert "abacus" in failed.values.values()


def test_that_workers_of_a_killed_window_end_and_take_everything_along(tmp_path: Path, snapshot: str) -> None:
    code = (
        "import pathlib, sys\n"
        "from penjing.plan import read_plan\n"
        "from penjing.worker.client import Worker\n"
        "from penjing.worker.exchange import Exchange\n"
        "from penjing.worker.messages import *\n"
        "home, snapshot = pathlib.Path(sys.argv[1]), sys.argv[2]\n"
        "exchange = Exchange(home)\n"
        "engine, job = Worker.start('engine', exchange), Worker.start('job', exchange)\n"
        "plan = read_plan(sys.argv[3])\n"
        "job.send(RunJob(kind='train', snapshot=snapshot, plan=plan, output=str(home / 'run')))\n"
        "while not any(isinstance(message, JobEpoch) for message in job.receive(timeout=60)):\n"
        "    pass\n"
        "print(engine.pid, job.pid, flush=True)\n"
        "sys.stdin.read()\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path), snapshot, plan(LONG).to_json()]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as window:
        assert window.stdout is not None
        pids = [int(pid) for pid in window.stdout.readline().split()]
        assert len(pids) == 2
        assert len(list(tmp_path.iterdir())) == 2  # the exchange folder and the unfinished run
        os.kill(window.pid, signal.SIGKILL)
    assert all(wait_for_process(pid) for pid in pids)
    assert list(tmp_path.iterdir()) == []


def test_that_a_killed_job_leaves_no_unfinished_folder(exchange: Exchange, tmp_path: Path) -> None:
    with Worker.start("job", exchange) as job:
        job.send(RunJob(kind="compress", snapshot="nowhere", output=str(tmp_path / "out")))
        (tmp_path / f".penjing-{job.pid}-abc").mkdir()
        (tmp_path / ".penjing-1-abc").mkdir()
        job.kill()
    assert [entry.name for entry in tmp_path.iterdir()] == [".penjing-1-abc"]


def test_that_a_job_without_its_snapshot_says_so(exchange: Exchange, tmp_path: Path) -> None:
    with Worker.start("job", exchange) as job:
        job.send(RunJob(kind="train", snapshot=str(tmp_path / "gone"), output=str(tmp_path / "run")))
        assert until(job, JobFailed).code == "worker.no_snapshot"
        assert job.receive(timeout=PATIENCE) == []
        assert job.ended
