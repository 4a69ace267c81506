"""Where a network looks, from the command line."""

import json
from pathlib import Path

import numpy as np
import pytest

from penjing.cli.looking import drawn
from penjing.cli.looking import look as looked
from penjing.cli.main import main
from penjing.cli.sources import Opened
from penjing.errors import UserError
from penjing.inspection.input_saliency import input_saliency
from penjing.loading.data import open_data
from penjing.loading.open import open_model
from penjing.model.penjingnet_format import encode
from tests.support.several_inputs import two_inputs

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


def test_that_each_input_is_looked_into_by_its_name(capsys: Capture, tmp_path: Path) -> None:
    random = np.random.default_rng(2)
    model = two_inputs()
    (tmp_path / "net.penjingnet").write_bytes(encode(model))
    pictures, facts = random.normal(size=(40, 1, 4, 4)), random.normal(size=(40, 3))
    np.savez(tmp_path / "data.npz", picture=pictures, facts=facts, y=random.normal(size=(40, 2)))
    look = ["inspect", str(tmp_path / "net.penjingnet"), "--data", str(tmp_path / "data.npz")]
    look += ["--input-saliency", "gradient_input", "--input", "facts", "--number", "2", "--json"]
    assert main(look) == 0
    found = json.loads(capsys.readouterr().out)["input_saliency"]
    assert (found["input"], found["aim"], found["before"]["target"]) == ("facts", "number", 1)
    data = open_data(tmp_path / "data.npz", model=model)
    values = data.inputs(data.val, slice(0, 1))
    expected = input_saliency(model, values, method="gradient_input", entry=1, target=1, aim="number")
    np.testing.assert_allclose(found["before"]["values"], expected.values, rtol=1e-5)
    assert main([*look[:-1]]) == 0
    assert f"#2 = {expected.score:.4g}" in capsys.readouterr().out
    look[look.index("facts")] = "sound"
    assert main(look) == 2
    assert "picture, facts" in capsys.readouterr().err
    with pytest.raises(UserError) as refused:
        looked(Opened(model, data, None), method="gradient_input", sample=0, plan=None, entry="sound")
    assert refused.value.code == "saliency.no_such_input" and refused.value.hint()
