"""Work on samples can be stopped between two modules of a network, and only while somebody watches."""

import time

import pytest
import torch
from torch import nn

from penjing.errors import Cancelled
from penjing.worker.watched import watched_modules, watched_steps


def test_that_a_run_stops_between_two_modules_and_later_runs_are_left_alone() -> None:
    ran: list[str] = []
    network = nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 2))
    for name, module in network.named_children():
        module.register_forward_hook(lambda *_, name=name: ran.append(name))
    looks = 0

    def look() -> None:
        nonlocal looks
        looks += 1
        if looks == 3:  # the sequence itself, its first part, its second
            raise Cancelled

    with pytest.raises(Cancelled), watched_modules(look):
        network(torch.zeros(1, 2))
    assert ran == ["0"]
    network(torch.zeros(1, 2))
    assert looks == 3
    assert ran == ["0", "0", "1", "2"]


def test_that_work_on_the_weights_of_a_large_network_stops_between_two_operations() -> None:
    looks, done = 0, 0

    def look() -> None:
        nonlocal looks
        looks += 1
        if looks == 2:
            raise Cancelled

    weight = torch.zeros(1000)
    with pytest.raises(Cancelled), watched_modules(look, weights=25_000_000):
        for _ in range(100):
            weight.sort()
            done += 1
            time.sleep(0.006)
    assert done == 1
    with watched_modules(look, weights=1000):
        weight.sort()
    assert looks == 2


def test_that_steps_are_watched_while_they_are_made_and_not_between_them() -> None:
    looks, network, values = 0, nn.Linear(2, 2), torch.zeros(1, 2)

    def look() -> None:
        nonlocal looks
        looks += 1

    given = []
    for step in watched_steps(iter(network(values) for _ in range(3)), look):
        network(values)  # what whoever asked does with it
        given.append(step)
    assert (len(given), looks) == (3, 3)
