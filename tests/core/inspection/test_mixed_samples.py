"""Mixtures of a few samples: convex ones, of all inputs alike, and none between whole numbers."""

import torch

from penjing.inspection.mixed_samples import MOST_MIXED, mixed


def test_that_every_mixture_is_nearer_to_its_own_example_and_in_line_with_one_other() -> None:
    # Corners e_i of a simplex: a mixture (1 - a) e_i + a e_j shows its own shares.
    (found,) = mixed((torch.eye(40),))
    assert torch.equal(found[:40], torch.eye(40))
    mixtures = found[40:]
    torch.testing.assert_close(mixtures.sum(dim=1), torch.ones(40))
    assert int((mixtures > 0).sum(dim=1).max()) == 2
    assert bool((mixtures.diagonal() >= 1 - MOST_MIXED).all())
    others = (mixtures - torch.diag(mixtures.diagonal())).sum(dim=1)
    assert float(others.max()) > 0.9 * MOST_MIXED  # all of the range is used
    assert bool((mixtures.sum(dim=0) >= 0.5).all())  # every example is in one as the larger part


def test_that_the_inputs_of_an_example_are_mixed_alike_and_always_the_same() -> None:
    first = torch.randn(12, 3, generator=torch.Generator().manual_seed(1))
    second = torch.cat([2 * first, 1 - first], dim=1).reshape(12, 2, 3)  # affine in the first
    one, other = mixed((first, second))
    torch.testing.assert_close(other, torch.cat([2 * one, 1 - one], dim=1).reshape(24, 2, 3))
    assert torch.equal(mixed((first, second))[0], one)


def test_that_whole_numbers_and_a_single_example_stay_what_they_are() -> None:
    inputs = (torch.rand(5, 2), torch.arange(5).reshape(5, 1))
    assert mixed(inputs) is inputs
    (found,) = mixed((torch.tensor([[3.0, -1.0]]),))
    torch.testing.assert_close(found, torch.tensor([[3.0, -1.0], [3.0, -1.0]]))
