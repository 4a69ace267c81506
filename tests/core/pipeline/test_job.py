"""What the whole job does to a plan before it runs it, and to an earlier export when something goes wrong."""

import errno
import os
from pathlib import Path

import pytest
from torch import nn

from penjing.errors import Cancelled, UserError
from penjing.inspection.graph import layer_graph
from penjing.pipeline.job import Job, compress_job, effective_plan
from penjing.plan import Plan, plan_from_json
from penjing.results import Progress
from tests.support.networks import NETWORKS, network

GRAPH = layer_graph(NETWORKS["plain"](0))


@pytest.mark.parametrize(
    ("pipeline", "said"),
    [
        (["prune", "quantize"], ()),
        (["prune", "qat"], ()),
        ([{"step": "qat", "method": "lsq"}], ()),
        (["prune", "distill"], ("warning.quantize_not_in_pipeline",)),
    ],
)
def test_that_bits_without_a_step_that_quantizes_are_said(pipeline: list[object], said: tuple[str, ...]) -> None:
    plan = plan_from_json({"defaults": {"weight_bits": 8}, "pipeline": pipeline})
    assert effective_plan(plan, ("onnx",), GRAPH) == (plan, said)


@pytest.mark.parametrize(
    ("pipeline", "steps"),
    [(["prune"], ["prune", "quantize"]), (["prune", "qat"], ["prune", "qat"]), (["quantize"], ["quantize"])],
)
def test_that_a_float_plan_in_a_format_of_integers_is_quantized_once(pipeline: list[str], steps: list[str]) -> None:
    plan, said = effective_plan(plan_from_json({"pipeline": pipeline}), ("onnx-int8",), GRAPH)
    assert said == ("warning.set_to_int8",)
    assert [step.step for step in plan.steps] == steps
    assert (plan.defaults.weight_bits, plan.defaults.activation_bits) == (8, 8)


@pytest.mark.parametrize("stage", ["quantize", "export", "verify"])
def test_that_cancelling_at_any_stage_leaves_the_earlier_export_as_it_was(stage: str, tmp_path: Path) -> None:
    job, before = exported_once(tmp_path / "out")

    def cancel(progress: Progress) -> None:
        if progress.stage == stage:
            raise Cancelled

    with pytest.raises(Cancelled):
        compress_job(job, tmp_path / "out", on_progress=cancel)
    assert contents(tmp_path) == before


def test_that_a_disk_that_fills_up_amid_the_files_leaves_the_earlier_export_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job, before = exported_once(tmp_path / "out")
    write = Path.write_bytes

    def full(self: Path, data: bytes) -> int:
        if self.name == "output_3.bin":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(self, data)

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(UserError, match="No space left") as caught:
        compress_job(job, tmp_path / "out")
    assert caught.value.code == "export.cannot_write"
    assert contents(tmp_path) == before


def exported_once(folder: Path) -> tuple[Job, dict[str, bytes]]:
    """A job whose result lies in a folder already, and everything that lies beside and in it."""
    model = network((6,), [("fc", nn.Linear(6, 4), "")])
    plan = Plan(pipeline=("quantize",)).with_defaults(weight_bits=8, activation_bits=8)
    job = Job(model=model, plan=plan, data=None, model_source="n", data_source=None, formats=("c99",))
    assert compress_job(job, folder).verdict.passed
    return job, contents(folder.parent)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
