"""What the person prefers reaches the engine: threads, and how much it may keep."""

import os
from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch

from penjing.worker import cache
from penjing.worker.engine import Engine
from penjing.worker.messages import JobRuns, Tune


def test_that_the_engine_takes_the_threads_that_are_preferred_and_one_beside_a_job(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    before = torch.get_num_threads()
    engine = Engine(cast("Any", SimpleNamespace(exchange=None)), cast("Any", None))
    try:
        engine._answer(Tune(threads=3, cache_bytes=1 << 20))
        assert torch.get_num_threads() == 3
        engine._answer(JobRuns(running=True))
        engine._answer(Tune(threads=4, cache_bytes=1 << 20))
        assert torch.get_num_threads() == 1
        engine._answer(JobRuns(running=False))
        assert torch.get_num_threads() == 4
        cache.keep("large", b"x" * (1 << 21))
        assert cache.used() == 0
    finally:
        torch.set_num_threads(before)
        cache.limit(cache.MOST_BYTES)
