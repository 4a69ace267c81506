"""Waits for what the processes of the engine and of the jobs say, and for their ends; never by sleeping."""

import os
import select
from collections.abc import Callable
from typing import TypeVar

from penjing.worker.client import Worker
from penjing.worker.messages import Crashed, FromWorker, Message

PATIENCE = 60.0
"""Seconds: how long a test waits before it says that nothing came."""

Kind = TypeVar("Kind", bound=Message)


def heard_until(
    worker: Worker, kind: type[Kind], *, when: Callable[[Kind], bool] = lambda message: True
) -> tuple[list[FromWorker], Kind]:
    """Everything up to the first message of a kind, and that one; a crash or an end before it fails the test.

    What comes after it in the same read is kept for the next call.
    """
    kept = _KEPT.setdefault(id(worker), [])
    found: list[FromWorker] = []
    while True:
        while kept:
            message = kept.pop(0)
            found.append(message)
            if isinstance(message, kind) and when(message):
                return found, message
            if isinstance(message, Crashed):
                raise AssertionError(message.text)
        if worker.ended:
            raise AssertionError(f"the {worker.kind} ended: {worker.last_words()}; before it said {found[-3:]}")
        kept += worker.receive(timeout=PATIENCE)
        assert kept or worker.ended, f"nothing came; before it said {found[-3:]}"


def until(worker: Worker, kind: type[Kind], *, when: Callable[[Kind], bool] = lambda message: True) -> Kind:
    """The first message of a kind."""
    return heard_until(worker, kind, when=when)[1]


def wait_for_end(worker: Worker) -> list[FromWorker]:
    """What it says until its stream ends."""
    found = _KEPT.pop(id(worker), [])
    while not worker.ended:
        received = worker.receive(timeout=PATIENCE)
        assert received or worker.ended, "the worker goes on"
        found += received
    return found


def wait_for_process(pid: int) -> bool:
    """Whether a process, not even a child, has ended in time."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        return bool(poll.poll(PATIENCE * 1000))
    finally:
        os.close(descriptor)


_KEPT: dict[int, list[FromWorker]] = {}
