"""`penjing sweep` as people call it: its document and files, bad input, Ctrl+C, a Dask cluster on this machine."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from penjing.cli.main import main
from penjing.compression.simulation import simulate
from penjing.model.penjingnet_format import encode
from penjing.plan import read_plan
from tests.support.clusters import cluster, environment
from tests.support.networks import network

Capture = pytest.CaptureFixture[str]
PROGRAM = (sys.executable, "-m", "penjing", "sweep")


@pytest.fixture
def sources(tmp_path: Path) -> tuple[str, ...]:
    """A small network and data on which it is right nearly always: its own answers, where it is sure."""
    model = network((12,), [("fc1", nn.Linear(12, 24), ""), ("relu", nn.ReLU(), ""), ("fc2", nn.Linear(24, 3), "")])
    x = np.random.default_rng(0).standard_normal((400, 12), dtype=np.float32)
    with torch.no_grad():
        y = simulate(model)(torch.from_numpy(x)).argmax(1).numpy()
    (tmp_path / "net.penjingnet").write_bytes(encode(model))
    np.savez(tmp_path / "data.npz", x=x, y=y)
    return str(tmp_path / "net.penjingnet"), "--data", str(tmp_path / "data.npz")


def run(capsys: Capture, *arguments: object) -> tuple[int, Any, str]:
    code = main(["sweep", *(str(argument) for argument in arguments), "--json"])
    said = capsys.readouterr()
    return code, json.loads(said.out), said.err


def test_that_a_sweep_prints_and_keeps_its_runs_and_the_plans_of_the_front(
    capsys: Capture, sources: tuple[str, ...], tmp_path: Path
) -> None:
    folder = tmp_path / "sweep"
    code, shown, told = run(capsys, *sources, "--device", "nrf52840", "--trials", 6, "-o", folder)
    assert code == 0
    assert "Trying plans" in told
    assert len(shown["runs"]) == 6
    for one in shown["runs"]:
        assert set(one) == {"plan_hash", "plan", "compressed", "pareto"}
        assert read_plan(json.dumps(one["plan"]).encode()).hash == one["plan_hash"]
        assert one["compressed"]["accuracy"]["kind"] == "measured"
        assert one["compressed"]["accuracy"]["split"] == "val"
        assert one["compressed"]["latency_ms"] > 0
    assert json.loads((folder / "runs.json").read_text()) == shown
    front = {one["plan_hash"][:12] for one in shown["runs"] if one["pareto"]}
    assert front and {path.stem for path in (folder / "plans").iterdir()} == front
    code, again, _ = run(capsys, *sources, "--device", "nrf52840", "--trials", 2, "-o", folder)
    assert code == 0
    assert [one["plan_hash"] for one in again["runs"]][:6] == [one["plan_hash"] for one in shown["runs"]]
    assert len(again["runs"]) == 8
    # Plans that left the front are taken away.
    front = {one["plan_hash"][:12] for one in again["runs"] if one["pareto"]}
    assert {path.stem for path in (folder / "plans").iterdir()} == front


def test_that_a_sweep_without_json_shows_the_front_in_the_language_asked_for(
    capsys: Capture, sources: tuple[str, ...], tmp_path: Path
) -> None:
    assert main(["sweep", *sources, "--trials", "3", "-o", str(tmp_path / "s"), "--language", "zh_CN"]) == 0
    said = capsys.readouterr()
    assert "3 次运行" in said.out and "准确率" in said.out
    assert "正在尝试方案" in said.err


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("--trials", "0"), "sweep.trials"),
        (("--trials", "-1"), "sweep.trials"),
        (("--trials", "many"), "cli.usage"),
        (("--device", "toaster"), "device.unknown"),
        (("--scheduler", "nowhere"), "sweep.wrong_address"),
        (("--scheduler", "tcp://127.0.0.1:9"), "sweep.no_scheduler"),
    ],
)
def test_that_bad_input_costs_one_clear_line_and_leaves_no_run(
    capsys: Capture, sources: tuple[str, ...], tmp_path: Path, arguments: tuple[str, ...], error: str
) -> None:
    code, shown, told = run(capsys, *sources, *arguments, "-o", tmp_path / "out")
    assert code == 2
    assert shown["error"]["code"] == error
    assert shown["error"]["hint"]
    assert shown["error"]["message"] in told and "Traceback" not in told
    assert not (tmp_path / "out" / "runs.json").exists()


def test_that_a_folder_of_another_network_is_refused(capsys: Capture, sources: tuple[str, ...], tmp_path: Path) -> None:
    assert run(capsys, *sources, "--trials", 1, "-o", tmp_path / "s")[0] == 0
    code, shown, _ = run(capsys, *sources, "--device", "nrf52840", "--trials", 1, "-o", tmp_path / "s")
    assert (code, shown["error"]["code"]) == (2, "sweep.other_network")


def test_that_a_network_without_data_is_refused(capsys: Capture, sources: tuple[str, ...], tmp_path: Path) -> None:
    code, shown, _ = run(capsys, sources[0], "-o", tmp_path / "s")
    assert (code, shown["error"]["code"]) == (2, "sweep.needs_data")


def test_that_ctrl_c_keeps_what_is_done_and_the_same_command_goes_on(sources: tuple[str, ...], tmp_path: Path) -> None:
    folder = tmp_path / "sweep"
    command = [*PROGRAM, *sources, "--trials", "500", "-o", str(folder)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment()) as process:
        assert process.stderr is not None
        while _runs(folder) < 2:
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        said = process.stderr.read()
        assert process.wait(timeout=30) == 130
    assert "kept in" in said and "Traceback" not in said
    known = _runs(folder)
    command[command.index("500")] = "1"
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment()) as process:
        while _runs(folder) < known + 1:  # on the way to the 500 of before
            assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 130


def _runs(folder: Path) -> int:
    import sqlite3

    if not (folder / "sweep.db").exists():
        return 0
    connection = sqlite3.connect(f"file:{folder / 'sweep.db'}?mode=ro", uri=True)
    try:
        return int(connection.execute("select count(*) from trials where state = 'COMPLETE'").fetchone()[0])
    except sqlite3.OperationalError:  # its tables are being made
        return 0
    finally:
        connection.close()


@pytest.fixture
def scheduler(tmp_path: Path) -> Iterator[str]:
    """The address of a real scheduler with two workers."""
    pytest.importorskip("distributed", reason="the extra `cluster` is not installed")
    with cluster(tmp_path) as address:
        yield address


def test_that_the_workers_of_a_dask_cluster_find_what_this_machine_would(
    capsys: Capture, sources: tuple[str, ...], scheduler: str, tmp_path: Path
) -> None:
    folder = tmp_path / "sweep"
    command = [*PROGRAM, *sources, "--trials", "4", "--scheduler", scheduler, "-o", str(folder), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment(), timeout=120)
    assert done.returncode == 0, done.stderr
    shown = json.loads(done.stdout)["runs"]
    assert len(shown) == 4 and any(one["pareto"] for one in shown)
    plan = tmp_path / "plan.json"
    plan.write_text(json.dumps(shown[1]["plan"]))
    assert main(["estimate", *sources, "--plan", str(plan), "--json"]) == 0
    here = json.loads(capsys.readouterr().out)["compressed"]
    assert here["accuracy"] == shown[1]["compressed"]["accuracy"]
