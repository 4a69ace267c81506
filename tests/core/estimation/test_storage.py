"""Bytes of weights: dense packing, and the densities below which sparse storage pays (METHODS §5)."""

import pytest
import torch

from penjing.compression.sharing import share
from penjing.devices.profiles import SparseStorage
from penjing.estimation.storage import coded_bytes, stored_bytes
from penjing.model.stored_tensors import stored
from penjing.plan import Settings


@pytest.mark.parametrize(("bits", "expected"), [(32, 4000), (16, 2000), (8, 1000), (4, 500), (3, 375), (2, 250)])
def test_that_dense_weights_are_packed_at_their_bits(bits: int, expected: int) -> None:
    assert stored_bytes(1000, kept=1000, bits=bits) == expected


def test_that_a_last_byte_that_is_not_full_counts() -> None:
    assert stored_bytes(9, kept=9, bits=4) == 5


@pytest.mark.parametrize(
    ("bits", "format", "density"),
    [
        (32, "bitmask", 0.96875),
        (32, "index8", 0.8),
        (8, "bitmask", 0.875),
        (8, "index8", 0.5),
        (4, "bitmask", 0.75),
    ],
)
def test_that_sparse_storage_pays_only_below_the_golden_density(
    bits: int, format: SparseStorage, density: float
) -> None:
    count = 16_000
    edge = round(density * count)
    dense = count * bits // 8
    assert stored_bytes(count, kept=edge, bits=bits, formats=(format,)) == dense
    assert stored_bytes(count, kept=edge - 16, bits=bits, formats=(format,)) < dense
    assert stored_bytes(count, kept=count, bits=bits, formats=(format,)) == dense


def test_that_the_smallest_of_several_formats_counts() -> None:
    # 1 % of 8-bit weights: bitmask 2000 + 160, index 2 · 160.
    assert stored_bytes(16_000, kept=160, bits=8, formats=("bitmask", "index8")) == 320


def test_that_zeros_save_nothing_without_sparse_storage() -> None:
    assert stored_bytes(1000, kept=1, bits=8) == 1000


def test_that_index_storage_needs_an_entry_for_every_256_values() -> None:
    assert stored_bytes(1 << 16, kept=0, bits=8, formats=("index8",)) == 2 * 256


@pytest.mark.parametrize("sparsity", [0.0, 0.5, 0.9])
@pytest.mark.parametrize("size", [2, 4, 16, 64])
def test_that_coded_places_of_normally_distributed_weights_take_what_is_estimated(size: int, sparsity: float) -> None:
    weight = torch.randn(300, 400, generator=torch.Generator().manual_seed(0))
    ordered = weight.abs().flatten().sort().values
    mask = weight.abs() >= ordered[round(sparsity * weight.numel())] if sparsity else None
    shared = share(weight, Settings(codebook=size), mask=mask, importance=None)
    _, parts = stored(shared.weight, quantizer=None, mask=mask, codebook=shared.codebook)
    kept = weight.numel() if mask is None else int(mask.sum())
    estimated = coded_bytes(weight.numel(), kept=kept, size=size, bits=16)
    assert estimated == pytest.approx(sum(map(len, parts)), rel=0.035)
