"""What an export says about its inputs: the README tells it, and a compiled header makes values the codes they are."""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from torch import nn

from penjing.exporting.export import export_model
from penjing.exporting.intake import intake_of
from penjing.loading.data import open_data
from penjing.loading.dataset import Dataset, Split
from penjing.model.model import Model
from penjing.pipeline.run import run_plan
from penjing.plan import Plan
from penjing.results import Note
from tests.support.networks import network

EIGHT_BITS = Plan(pipeline=("quantize",)).with_defaults(weight_bits=8, activation_bits=8)


def exported(model: Model, source: Path, folder: Path) -> Model:
    data = open_data(source, model=model)
    quantized = run_plan(model, EIGHT_BITS, data).model
    folder.mkdir()
    files = export_model(quantized, folder, format="c99", intake=intake_of(data))
    assert [file.format for file in files if file.path.endswith(".h")] == ["c99", "c99-input"]
    return quantized


@pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler")
def test_that_the_header_makes_bytes_of_pictures_the_codes_of_the_reference(tmp_path: Path) -> None:
    model = network((3, 4, 4), [("flat", nn.Flatten(), ""), ("fc", nn.Linear(48, 2), "")])
    x = np.random.default_rng(1).integers(0, 256, (30, 3, 4, 4)).astype(np.uint8)
    np.savez(tmp_path / "data.npz", allow_pickle=False, x=x, y=np.arange(30) % 2)
    mean, std = [120.5, 100.25, 99.0], [60.0, 33.3, 71.7]
    (tmp_path / "dataset.toml").write_text(f"mean = {mean}\nstd = {std}\nclasses = ['``` no', '是']\n")
    quantized = exported(model, tmp_path / "data.npz", tmp_path / "out")
    (tmp_path / "try.c").write_text(
        '#include "model_input.h"\n#include <math.h>\n#include <stdio.h>\n'
        "int main(void) { for (int c = 0; c < MODEL_INPUT_CHANNELS; c++) for (int v = 0; v < 256; v++)"
        ' printf("%d ", model_input_code((float)v, c)); printf("%d", model_input_code(NAN, 0)); return 0; }\n'
    )
    flags = ["-std=c99", "-O2", "-Wall", "-Wextra", "-Werror", "-ffp-contract=off", f"-I{tmp_path}/out/model_c99"]
    flags += ["-fsanitize=float-cast-overflow", "-fno-sanitize-recover=all"]  # a float that no integer can hold
    subprocess.run(["cc", *flags, "-o", tmp_path / "try", tmp_path / "try.c"], check=True)
    told = subprocess.run([tmp_path / "try"], check=True, capture_output=True, text=True).stdout
    entry = quantized.activation_quantizers[model.inputs[0].name]
    values = np.arange(256, dtype=np.float32)
    real = [(values - np.float32(one)) / np.float32(other) for one, other in zip(mean, std, strict=True)]
    scale, zero = np.float32(entry.scale), int(entry.zero_point)
    wanted = [np.clip(np.rint(channel / scale) + zero, -128, 127) for channel in real]
    assert list(map(int, told.split())) == [*np.concatenate(wanted).astype(int).tolist(), 127]
    readme = (tmp_path / "out" / "model_c99" / "README.md").read_text("utf-8")
    assert "output 0: ''' no\noutput 1: 是\n" in readme
    assert readme.count("```") % 2 == 0


def test_that_columns_and_what_stands_for_missing_values_are_told(tmp_path: Path) -> None:
    rows = [f"{k};{'' if k % 10 == 3 else 2 * k};{k}" for k in range(60)]
    (tmp_path / "t.csv").write_text("温度;flow;label\n" + "\n".join(rows) + "\n", encoding="utf-8")
    model = network((2,), [("fc", nn.Linear(2, 1), "")])
    data = open_data(tmp_path / "t.csv", model=model)
    exported(model, tmp_path / "t.csv", tmp_path / "out")
    known = data.train.targets[:, 0]  # type: ignore[index]
    mean = 2 * known[known % 10 != 3].mean()  # flow is twice the label wherever it is there
    readme = (tmp_path / "out" / "model_c99" / "README.md").read_text("utf-8")
    assert "Into the network go 2 columns in this order: 温度, flow." in readme
    assert f"2: {mean:.6g}" in readme
    assert (tmp_path / "out" / "model_c99" / "model_input.h").read_bytes().isascii()


def test_that_settings_of_sound_are_macros() -> None:
    settings: dict[str, int | float | str] = {
        **{"mels": 8, "frames": 5, "window": 64, "hop": 32, "fft": 64},
        **{"low": 20.0, "high": 500.0, "floor": 1e-6},
    }
    split = Split(x=np.zeros((3, 2), np.float32))
    notes = (
        Note(code="data.fact.sound", values={"rate": 1000, "found": "1 × 1000 Hz"}),
        Note(code="data.fact.sound_mels", values=settings),
    )
    intake = intake_of(Dataset(train=split, val=split, test=split, metric="agreement", facts=notes))
    assert intake is not None
    assert intake.settings == {
        **{"SAMPLE_RATE": 1000, "MELS": 8, "FRAMES": 5, "WINDOW": 64, "HOP": 32, "FFT": 64},
        **{"LOW_HZ": 20.0, "HIGH_HZ": 500.0, "LOG_FLOOR": 1e-6},
    }
    assert any("ln(energy + 1e-06)" in sentence for sentence in intake.told)


@pytest.mark.parametrize(("ending", "border"), [([], "0"), ([("out", nn.Sigmoid(), "")], "0.5")])
def test_that_one_output_is_told_with_its_border(
    ending: list[tuple[str, nn.Module, str]], border: str, tmp_path: Path
) -> None:
    x = np.random.default_rng(2).normal(size=(30, 2)).astype(np.float32)
    np.savez(tmp_path / "data.npz", x=x, y=np.arange(30) % 2)
    (tmp_path / "dataset.toml").write_text('classes = ["ham", "spam"]\nmetric = "top1"\n')
    exported(network((2,), [("fc", nn.Linear(2, 1), ""), *ending]), tmp_path / "data.npz", tmp_path / "out")
    readme = (tmp_path / "out" / "model_c99" / "README.md").read_text("utf-8")
    assert f"up to {border}: ham\nabove {border}: spam\n" in readme
