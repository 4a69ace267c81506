"""Memory that was freed goes back to the system, and not at every turn."""

import subprocess
import sys

from penjing.worker.heap import LOOSE, Heap


class Process:
    """Uses memory; giving back leaves what is really in use."""

    def __init__(self) -> None:
        self.used, self.needed, self.given = 100, 100, 0

    def trim(self) -> None:
        self.given += 1
        self.used = self.needed


def test_that_memory_is_given_back_when_much_has_gathered() -> None:
    process = Process()
    heap = Heap(used=lambda: process.used, trim=process.trim)
    heap.tidy()
    process.used += LOOSE
    heap.tidy()
    assert process.given == 0
    process.used += 1
    heap.tidy()
    assert (process.given, process.used) == (1, 100)
    # What is really needed is not tried again and again.
    process.needed = process.used = 10 * LOOSE
    heap.tidy()
    for _ in range(5):
        heap.tidy()
    assert process.given == 2


def test_that_holes_between_what_is_in_use_do_go_back() -> None:
    code = (
        "from penjing.model.guarded import resident\nfrom penjing.worker.heap import Heap\n"
        "heap = Heap()\n"
        "heap.tidy()\n"
        "before = resident()\n"
        "parts = [bytearray(b'x' * 100_000) for _ in range(4000)]\n"  # below glibc's threshold for maps of their own
        "kept = parts[::50]\n"
        "del parts\n"
        "full = resident() - before\n"
        "heap.tidy()\n"
        "print(full >> 20, (resident() - before) >> 20)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    full, left = map(int, done.stdout.split())
    assert full > LOOSE >> 20
    assert left < 0.5 * full
