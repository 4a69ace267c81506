"""The weights that run: with the batch norm behind a layer multiplied in, as the formula says."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from penjing.worker.exchange import Exchange
from penjing.worker.gathered import saliency_picture
from penjing.worker.messages import WantSaliency
from tests.support.networks import randomised, residual


@pytest.mark.parametrize("layer", ["a1", "b1"])
def test_that_folded_weights_are_those_of_the_formula(tmp_path: Path, layer: str) -> None:
    model = randomised(residual())
    weights = model.weight(layer).double().numpy()
    flat = weights.reshape(len(weights), -1)
    expected = flat
    if layer == "a1":  # b1 has no batch norm behind it
        norm = cast("Any", model.layer("bna1"))
        variance = norm.running_var.double().numpy()
        expected = flat * (norm.weight.detach().double().numpy() / np.sqrt(variance + norm.eps))[:, None]
        assert np.abs(expected - flat).max() > 0.01
    with Exchange(tmp_path) as exchange:
        evidence = cast("Any", SimpleNamespace(model=model))
        for folded, wanted in ((False, flat), (True, expected)):
            told = saliency_picture(evidence, exchange.folder, WantSaliency(request=1, layer=layer, folded=folded))
            found = exchange.map(told.file)(told.block)
            assert np.abs(found - wanted).max() <= 1e-6 * np.abs(wanted).max()
