"""Presets are plans without problems, each smaller than the one before."""

import msgspec
import pytest

from penjing.devices.profiles import device
from penjing.errors import UserError
from penjing.estimation.exact import figures
from penjing.estimation.gathering import tables_for
from penjing.inspection.graph import layer_graph
from penjing.planning.check import check
from penjing.planning.presets import PRESETS, preset
from tests.support import tiny_networks

NRF = device("nrf52840")


def test_that_each_preset_is_smaller_than_the_one_before_and_without_problems() -> None:
    model = tiny_networks.resnet8()
    graph = layer_graph(model)
    flash = [figures(graph, device=NRF).flash_bytes]
    for name in PRESETS:
        plan = preset(name, graph, device=NRF)
        assert [one for one in check(plan, graph, device=NRF) if one.level != "note"] == []
        flash.append(figures(graph, plan, tables=tables_for(model, graph, plan), device=NRF).flash_bytes)
    sizes = [size for size in flash if size is not None]
    assert len(sizes) == 4 and sizes == sorted(set(sizes), reverse=True)


def test_that_presets_prune_weights_and_use_low_bits_only_where_the_device_gains() -> None:
    graph = layer_graph(tiny_networks.resnet8())
    assert preset("tiny", graph, device=NRF).defaults.sparsity == 0
    assert preset("tiny", graph, device=NRF).settings("block1a").weight_bits == 4
    sparse = msgspec.structs.replace(NRF, sparse_storage=("bitmask",), weight_bits=(8, 32), kernel_bytes=0)
    assert preset("balanced", graph, device=sparse).defaults.sparsity > 0
    assert preset("tiny", graph, device=sparse).settings("block1a").weight_bits == 8


def test_that_an_unknown_preset_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UserError, match="gentle, balanced, tiny"):
        preset("brutal", layer_graph(tiny_networks.resnet8()))
