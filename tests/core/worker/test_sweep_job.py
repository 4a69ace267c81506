"""A sweep as a job: it tells each run at once, can be cancelled, and another job goes on with what is known."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from penjing.worker.client import Worker
from penjing.worker.exchange import Exchange
from penjing.worker.messages import Cancel, JobCancelled, JobDone, JobFailed, JobFound, JobProgress, RunJob
from penjing.worker.snapshot import write_snapshot
from tests.support.teaching import convolutional, quarters
from tests.support.workers import heard_until, until


@pytest.fixture
def exchange(tmp_path: Path) -> Iterator[Exchange]:
    with Exchange(tmp_path) as made:
        yield made


def test_that_a_cancelled_sweep_goes_on_in_the_next_job(exchange: Exchange, tmp_path: Path) -> None:
    snapshot = exchange.new_path("snapshot-1")
    write_snapshot(snapshot, convolutional(), quarters(200), model_source="net", data_source=None)
    job_of = {"kind": "sweep", "snapshot": str(snapshot), "output": str(tmp_path / "sweeps"), "trials": 200}
    with Worker.start("job", exchange) as job:
        job.send(RunJob(**job_of))
        found = [until(job, JobFound).run for _ in range(3)]
        job.send(Cancel())
        until(job, JobCancelled)
    assert all(one.compressed.accuracy is not None and one.compressed.accuracy.split == "val" for one in found)
    with Worker.start("job", exchange) as job:
        job.send(RunJob(**job_of))
        heard, message = heard_until(job, JobProgress, when=lambda message: message.progress.stage == "sweep")
        assert message.progress.total == 200 and message.progress.done >= 3
        # What is known is told before the first progress, in the order of before.
        assert [one.run for one in heard if isinstance(one, JobFound)][:3] == found
        job.send(Cancel())
        until(job, JobCancelled)
    assert len(list((tmp_path / "sweeps").iterdir())) == 1


def test_that_a_short_sweep_ends_by_itself_and_one_without_data_says_why(exchange: Exchange, tmp_path: Path) -> None:
    with_data, without = exchange.new_path("snapshot-1"), exchange.new_path("snapshot-2")
    write_snapshot(with_data, convolutional(), quarters(200), model_source="net", data_source=None)
    write_snapshot(without, convolutional(), None, model_source="net", data_source=None)
    output = str(tmp_path / "sweeps")
    for known in (0, 2):
        with Worker.start("job", exchange) as job:
            job.send(RunJob(kind="sweep", snapshot=str(with_data), output=output, trials=2))
            heard, done = heard_until(job, JobDone)
        assert done.kind == "sweep"
        runs = [message.run.plan_hash for message in heard if isinstance(message, JobFound)]
        assert len(runs) == len(set(runs)) == known + 2
    with Worker.start("job", exchange) as job:
        job.send(RunJob(kind="sweep", snapshot=str(without), output=output, trials=2))
        assert until(job, JobFailed).code == "sweep.needs_data"
