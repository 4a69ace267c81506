"""The rungs of exported C: bit-exact where right, failed where one byte is wrong, named where a tool is missing."""

import shutil
from pathlib import Path

import pytest

from penjing.exporting.export import export_model
from penjing.model.model import Model
from penjing.results import ExportedFile, Rung, Verdict
from penjing.verification.verify import verify_files
from tests.support.calibration import quantized
from tests.support.networks import NETWORKS


def exported(folder: Path) -> tuple[Model, tuple[ExportedFile, ...]]:
    model = quantized(NETWORKS["residual"](0))
    return model, export_model(model, folder, format="c99")


def rung(verdict: Verdict, name: str) -> Rung:
    (found,) = [one for one in verdict.rungs if one.name == name]
    return found


def test_that_the_ladder_is_climbed_bit_for_bit(tmp_path: Path) -> None:
    model, files = exported(tmp_path)
    verdict = verify_files(model, files, tmp_path, None)
    assert verdict.passed and verdict.max_abs_diff == 0 and verdict.agreement == 1
    assert rung(verdict, "c99: integer reference").passed is True
    assert rung(verdict, "c99: host compiler").passed is True
    board = rung(verdict, "c99: Cortex-M4")
    assert board.passed is not False
    if board.passed:
        assert "instructions per inference" in board.detail


def test_that_one_wrong_constant_fails_the_rung_of_the_compiler_alone(tmp_path: Path) -> None:
    model, files = exported(tmp_path)
    source = tmp_path / "model_c99" / "model.c"
    text = source.read_text()
    assert ".out_zero    " in text
    start = text.rindex("_bias[5] = {\n") + len("_bias[5] = {\n")
    source.write_text(text[: start + 4] + f"{123456:11d}" + text[start + 15 :])
    verdict = verify_files(model, files, tmp_path, None)
    assert not verdict.passed
    assert rung(verdict, "c99: integer reference").passed is True
    assert rung(verdict, "c99: host compiler").passed is False


def test_that_code_that_does_not_compile_fails_with_the_reason(tmp_path: Path) -> None:
    model, files = exported(tmp_path)
    (tmp_path / "model_c99" / "model.c").write_text("no C at all\n")
    found = rung(verify_files(model, files, tmp_path, None), "c99: host compiler")
    assert found.passed is False and "error" in found.detail


def test_that_a_missing_tool_is_named_with_how_to_install_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model, files = exported(tmp_path)
    monkeypatch.setattr(shutil, "which", lambda name: None)
    verdict = verify_files(model, files, tmp_path, None)
    assert verdict.passed  # the integer reference needs no tool
    host, board = rung(verdict, "c99: host compiler"), rung(verdict, "c99: Cortex-M4")
    assert host.passed is None and "gcc libc6-dev" in host.detail
    assert board.passed is None and "gcc-arm-none-eabi" in board.detail
