"""Orders of values in exported C: where transpositions, reshapes and joins leave them, and what no kernel can read."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from penjing.errors import UserError
from penjing.exporting.c99.program import program_of
from penjing.exporting.export import export_model
from penjing.model.model import Model
from penjing.model.modules import Concat, GlobalAveragePool, Mean, Pad, Reshape, Slice, Subtract, Transpose
from penjing.verification.verify import verify_files
from tests.support.c99 import build, outputs, run
from tests.support.calibration import quantized
from tests.support.networks import network, sample_input


def shuffled(seed: int = 0) -> Model:
    """Channels dealt out like cards (Zhang 2018), then a mean over all positions."""
    return network(
        (3, 6, 5),
        [
            ("conv", nn.Conv2d(3, 8, 3), "x"),
            ("decks", Reshape((2, 4, 4, 3)), ""),
            ("dealt", Transpose((0, 2, 1, 3, 4)), ""),
            ("joined", Reshape((8, 4, 3)), ""),
            ("means", GlobalAveragePool(keepdim=False), ""),
            ("last", nn.Linear(8, 4), ""),
        ],
        seed=seed,
    )


def from_keras(seed: int = 0) -> Model:
    """A signal with its channels last, padded on the left as it comes, an axis of one put in front of it."""
    return network(
        (9, 4),
        [
            ("causal", Pad((2, 0), (0, 0), mode="constant", value=0.0), "x"),
            ("image", Reshape((1, 11, 4)), ""),
            ("turned", Transpose((0, 3, 1, 2)), ""),
            ("conv", nn.Conv2d(4, 6, (1, 3)), ""),
            ("signal", Reshape((6, 9)), ""),
            ("back", Transpose((0, 2, 1)), ""),
            ("flat", nn.Flatten(), ""),
            ("last", nn.Linear(54, 3), ""),
        ],
        seed=seed,
    )


def steps(seed: int = 0) -> Model:
    """Features of every step together: layers along the last axis, parts of steps, joins, shares, a mean over time."""
    return network(
        (6, 5),
        [
            ("first", nn.Linear(5, 8), "x"),
            ("left", Slice(2, 0, 3), "first"),
            ("right", Slice(2, 3, 8), "first"),
            ("wide", nn.Linear(5, 4), "right"),
            ("both", Concat(2), "left wide"),
            ("shares", nn.Softmax(2), ""),
            ("second", nn.Linear(7, 6), "both"),
            ("joined", Concat(2), "shares second"),
            ("mean", Mean((1,), keepdim=False), ""),
            ("last", nn.Linear(13, 3), ""),
        ],
        seed=seed,
    )


NETWORKS = {"shuffled": shuffled, "from keras": from_keras, "steps": steps}


@pytest.mark.parametrize("name", NETWORKS)
def test_that_values_are_found_wherever_they_were_left(name: str, tmp_path: Path) -> None:
    for bits, scheme in ((8, "symmetric"), (4, "affine")):
        folder = tmp_path / f"{bits}"
        assert run(build(folder, quantized(NETWORKS[name](0), weight_bits=bits, scheme=scheme))) == (
            "16 samples, 0 differ\n"
        )
        assert len(np.unique(outputs(folder), axis=0)) > 8


@pytest.mark.parametrize(
    ("name", "axes", "order"),
    [("shuffled", "0231", (1, 2, 0)), ("from keras", "012", (0, 1)), ("steps", "012", (0, 1))],
)
def test_that_the_header_tells_how_the_input_lies(name: str, axes: str, order: tuple[int, ...], tmp_path: Path) -> None:
    model = quantized(NETWORKS[name](0))
    inputs = sample_input(model, count=16, seed=3)
    build(tmp_path, model, inputs=(inputs,))
    (found,) = re.findall(r'_INPUT_AXES "(\d+)"', (tmp_path / "net.h").read_text())
    assert found == axes
    source = model.activation_quantizers["x"]
    by_hand = torch.clamp(torch.round(inputs[5] / source.scale) + source.zero_point, -128, 127)
    given = np.fromfile(tmp_path / "samples" / "input_5.bin", np.int8)
    assert np.array_equal(given, by_hand.permute(order).reshape(-1).numpy())


def test_that_the_ladder_gives_inputs_as_the_header_tells(tmp_path: Path) -> None:
    model = quantized(from_keras())
    files = export_model(model, tmp_path, format="c99")
    verdict = verify_files(model, files, tmp_path, None)
    assert verdict.passed and verdict.max_abs_diff == 0


def test_that_values_whose_channels_come_last_are_not_moved_to_be_convolved() -> None:
    nodes = {placed.node.layers[0]: placed.steps for placed in program_of(quantized(from_keras())).nodes}
    (turned,) = nodes["turned"]
    extents = [n for n in turned.fields["extent"] if n > 1]  # type: ignore[union-attr]
    assert extents == [44]  # one run: nothing changes places


def test_that_what_no_kernel_can_do_is_refused_with_the_layer_and_the_reason(tmp_path: Path) -> None:
    model = quantized(
        network(
            (3, 4, 4),
            [
                ("conv", nn.Conv2d(3, 6, 1), "x"),
                ("means", GlobalAveragePool(keepdim=True), "conv"),
                ("less", Subtract(), "means conv"),
            ],
        )
    )
    with pytest.raises(UserError) as caught:
        export_model(model, tmp_path, format="c99")
    assert caught.value.code == "export.c99_unsupported"
    assert "less (a difference whose left side is repeated)" in caught.value.message()
    assert list(tmp_path.iterdir()) == []
