"""The card of a data set and metrics other than accuracy on the command line."""

import json
from pathlib import Path

import numpy as np
import pytest
from torch import nn

from penjing.cli.main import main
from penjing.model.penjingnet_format import encode
from tests.support.networks import network

RANDOM = np.random.default_rng(6)


@pytest.fixture
def houses(tmp_path: Path) -> tuple[str, str]:
    """A regression network and its table."""
    model = network((3,), [("fc1", nn.Linear(3, 8), ""), ("relu", nn.ReLU(), ""), ("fc2", nn.Linear(8, 1), "")])
    path = tmp_path / "net.penjingnet"
    path.write_bytes(encode(model))
    cells = [[f"{value:.3f}" for value in row] + [f"{row[0] - row[1]:.4f}"] for row in RANDOM.random((60, 3))]
    cells[3][2] = "NA"
    rows = [";".join(row) for row in cells]
    (tmp_path / "t.csv").write_text("\n".join(["a;b;c;price", *rows]))
    return str(path), str(tmp_path / "t.csv")


def document(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, object]:
    assert main([*arguments, "--json"]) == 0
    found: dict[str, object] = json.loads(capsys.readouterr().out)
    return found


def test_that_inspect_tells_the_card(houses: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    model, data = houses
    card = document(capsys, "inspect", model, "--data", data)["data"]
    assert isinstance(card, dict)
    assert (card["task"], card["metric"], card["better"]) == ("regression", "mse", "lower")
    assert card["sizes"] == {"train": 36, "val": 12, "test": 12}
    assert any("1 missing value" in line for line in card["preparation"])
    assert "at random" in card["split_rule"]
    assert main(["inspect", model, "--data", data, "--language", "zh_CN"]) == 0
    told = capsys.readouterr().out
    assert "均方误差" in told and "缺失值" in told
    assert document(capsys, "inspect", model)["data"] is None


def test_that_accuracy_stays_a_share_and_quality_tells_any_metric(
    houses: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model, data = houses
    plan = tmp_path / "plan.json"
    plan.write_text('{"schema_version": 1, "defaults": {"weight_bits": 8}}')
    for name, better in ((None, "lower"), ("mae", "lower"), ("r2", "higher")):
        chosen = [] if name is None else ["--metric", name]
        found = document(capsys, "estimate", model, "--data", data, "--plan", str(plan), *chosen)
        baseline = found["baseline"]
        assert isinstance(baseline, dict)
        assert baseline["accuracy"] is None
        assert baseline["quality"]["metric"] == (name or "mse") and baseline["quality"]["better"] == better
        assert baseline["quality"]["low"] <= baseline["quality"]["value"] <= baseline["quality"]["high"]
    assert main(["estimate", model, "--data", data, "--plan", str(plan), "--metric", "top1"]) == 2
    assert "top1" in capsys.readouterr().err
