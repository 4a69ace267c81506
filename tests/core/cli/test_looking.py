"""Where a network looks, from the command line."""

import json
from pathlib import Path

import numpy as np
import pytest

from penjing.cli.looking import drawn
from penjing.cli.main import main
from penjing.inspection.input_saliency import input_saliency
from penjing.loading.data import open_data
from penjing.loading.open import open_model

Capture = pytest.CaptureFixture[str]


def test_that_an_example_is_looked_at_before_and_after_a_plan(capsys: Capture, tmp_path: Path) -> None:
    plan = tmp_path / "plan.json"
    plan.write_text(json.dumps({"defaults": {"sparsity": 0.5}}))
    look = ("inspect", "sample:digits", "--input-saliency", "grad_cam", "--sample", "7", "--plan", str(plan))
    assert main([*look, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["input_saliency"]
    model = open_model("sample:digits")
    data = open_data("sample:digits", model=model)
    assert (found["method"], found["sample"], found["split"]) == ("grad_cam", 7, "val")
    assert found["label"] == int(data.val.y[7])  # type: ignore[index]
    expected = input_saliency(model, data.batch(data.val, slice(7, 8)), method="grad_cam")
    np.testing.assert_allclose(found["before"]["values"], expected.values, rtol=1e-4, atol=1e-6)
    assert found["after"]["target"] == found["before"]["target"] == expected.chosen
    assert found["after"]["values"] != found["before"]["values"]
    assert main(list(look)) == 0
    shown = capsys.readouterr().out
    assert shown.count("\n" + " " * 3) > 5 and "with the plan" in shown


def test_that_an_example_that_is_not_there_is_told_and_no_data_too(capsys: Capture) -> None:
    assert main(["inspect", "sample:digits", "--input-saliency", "grad_cam", "--sample", "1000000"]) == 2
    assert "999" in capsys.readouterr().err


def test_that_shades_grow_with_the_size_and_wide_maps_fit() -> None:
    values = np.array([[0.0, 0.25, -0.5, 0.75, 1.0]], dtype=np.float32)
    assert list(drawn(values, 1.0)) == [" ░▒▓█"]
    wide = np.zeros((100, 100), dtype=np.float32)
    wide[99, 99] = 2
    lines = list(drawn(wide, 2.0))
    assert (len(lines), len(lines[0]), lines[-1][-1]) == (50, 50, "█")
