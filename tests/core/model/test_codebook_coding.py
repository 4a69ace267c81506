"""Coded places come back exactly, near their entropy, and damage is refused."""

import numpy as np
import pytest

from penjing.model.codebook_coding import places_of, read_places, values_at, write_places


def places(rows: int, columns: int, size: int, kept: float, seed: int = 0) -> np.ndarray:
    random = np.random.default_rng(seed)
    return np.where(random.random((rows, columns)) < kept, random.integers(1, size + 1, (rows, columns)), 0)


def entropy(counts: np.ndarray) -> float:
    """Bits that symbols with these counts take together (Shannon 1948)."""
    shares = counts[counts > 0] / counts.sum()
    return float(-counts.sum() * (shares * np.log2(shares)).sum())


@pytest.mark.parametrize("size", [1, 2, 3, 16, 255, 256])
@pytest.mark.parametrize("shape", [(1, 1), (1, 5000), (5000, 1), (7, 13), (40, 300)])
@pytest.mark.parametrize("kept", [0.0, 0.03, 0.6, 1.0])
def test_that_places_come_back(size: int, shape: tuple[int, int], kept: float) -> None:
    given = places(*shape, size, kept, seed=size)
    assert np.array_equal(read_places(write_places(given, size, pruned=True), shape, size, pruned=True), given)
    full = np.maximum(given, 1)
    content = write_places(full, size, pruned=False)
    assert np.array_equal(read_places(content, shape, size, pruned=False), full)


def test_that_the_bytes_are_near_the_entropy_where_nothing_can_be_known() -> None:
    given = places(300, 784, 16, 0.08)
    bits = entropy(np.bincount((given > 0).ravel())) + entropy(np.bincount(given[given > 0]))
    assert 8 * len(write_places(given, 16, pruned=True)) <= 1.02 * bits


def test_that_inputs_and_filters_that_nothing_reads_cost_nearly_nothing() -> None:
    given = places(300, 784, 16, 0.2)
    given[:, 200:] = 0
    given[100:] = 0
    inner = write_places(given[:100, :200].copy(), 16, pruned=True)
    assert len(write_places(given, 16, pruned=True)) <= 1.07 * len(inner)
    bits = entropy(np.bincount((given > 0).ravel())) + entropy(np.bincount(given[given > 0]))
    assert 8 * len(write_places(given, 16, pruned=True)) <= 0.9 * bits


def test_that_damage_never_crashes_and_cuts_and_additions_are_refused() -> None:
    given = places(40, 60, 8, 0.3)
    content = write_places(given, 8, pruned=True)
    with pytest.raises(ValueError, match="cut off"):
        read_places(content[:-1], (40, 60), 8, pruned=True)
    with pytest.raises(ValueError, match=r"damaged|long"):
        read_places(content + bytes(400), (40, 60), 8, pruned=True)
    random = np.random.default_rng(1)
    for _ in range(200):
        damaged = bytearray(content)
        damaged[int(random.integers(len(damaged)))] = int(random.integers(256))
        try:
            found = read_places(bytes(damaged), (40, 60), 8, pruned=True)
        except ValueError:
            continue
        assert found.shape == (40, 60) and found.min() >= 0 and found.max() <= 8


def test_that_a_weight_is_found_in_its_codebook_and_a_foreign_value_is_noticed() -> None:
    codebook = np.array([-1.0, 0.0, 2.0], np.float32)
    weight = np.array([[2.0, -1.0], [0.0, 0.0]], np.float32)
    kept = np.array([[True, True], [True, False]])
    found = places_of(weight, codebook, kept)
    assert found is not None
    assert found.tolist() == [[3, 1], [2, 0]]
    assert np.array_equal(values_at(found, codebook), weight)
    assert places_of(weight + np.float32(0.5), codebook, kept) is None
    assert places_of(np.full((1, 1), 3.0, np.float32), codebook, None) is None
