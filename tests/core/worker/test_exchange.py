"""Arrays pass through a folder that goes with its owner, however that ends."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from penjing.estimation import tables
from penjing.worker.exchange import Exchange, Outgoing, remove_if_abandoned
from penjing.worker.messages import Tables
from penjing.worker.received import received_tables, received_values
from tests.support.workers import wait_for_process


def test_that_arrays_arrive_as_they_were_and_their_file_is_gone_at_once(tmp_path: Path) -> None:
    sent = [np.arange(6, dtype="<f4").reshape(2, 3), np.array(7, dtype="<i8"), np.zeros((0, 4), "<f4"), np.ones(3, "?")]
    with Exchange(tmp_path) as exchange:
        outgoing = Outgoing(exchange.folder)
        places = [outgoing.add(array) for array in sent]
        file = outgoing.write()
        mapped = exchange.map(file)
        assert list(exchange.folder.iterdir()) == []
        received = [mapped(place) for place in places]
    for before, after in zip(sent, received, strict=True):
        assert (after.dtype, after.shape) == (before.dtype, before.shape)
        assert np.array_equal(after, before)


def test_that_a_transposed_array_arrives_in_its_own_order(tmp_path: Path) -> None:
    sent = np.arange(12.0).reshape(3, 4).T
    with Exchange(tmp_path) as exchange:
        outgoing = Outgoing(exchange.folder)
        place = outgoing.add(sent)
        assert np.array_equal(exchange.map(outgoing.write())(place), sent)


def test_that_nobody_can_write_into_what_was_received(tmp_path: Path) -> None:
    with Exchange(tmp_path) as exchange:
        outgoing = Outgoing(exchange.folder)
        place = outgoing.add(np.zeros(3))
        received = exchange.map(outgoing.write())(place)
        with pytest.raises(ValueError, match="read-only"):
            received[0] = 1


def test_that_the_folder_is_private_and_goes_when_it_is_closed(tmp_path: Path) -> None:
    exchange = Exchange(tmp_path)
    assert exchange.folder.stat().st_mode & 0o077 == 0
    assert exchange.new_path("a") != exchange.new_path("a")
    exchange.close()
    exchange.close()
    assert list(tmp_path.iterdir()) == []


def test_that_a_file_is_looked_for_in_the_folder_only(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"12345678")
    with Exchange(tmp_path) as exchange, pytest.raises(FileNotFoundError):
        exchange.map("../secret")
    assert (tmp_path / "secret").exists()


def test_that_a_folder_with_an_owner_is_left_alone(tmp_path: Path) -> None:
    with Exchange(tmp_path) as one, Exchange(tmp_path) as other:
        assert not remove_if_abandoned(one.folder)
        assert one.folder.is_dir()
        assert other.folder.is_dir()


def test_that_the_next_window_sweeps_what_a_killed_one_left(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib\n"
        "from penjing.worker.exchange import Exchange\n"
        "exchange = Exchange(pathlib.Path(sys.argv[1]))\n"
        "(exchange.folder / 'big').write_bytes(b'1')\n"
        "print(exchange.folder, flush=True)\n"
        "sys.stdin.read()"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        left = Path(owner.stdout.readline().strip())
        assert left.is_dir()
        os.kill(owner.pid, signal.SIGKILL)
    assert wait_for_process(owner.pid)
    with Exchange(tmp_path) as exchange:
        assert list(tmp_path.iterdir()) == [exchange.folder]


def test_that_tables_come_together_from_several_messages(tmp_path: Path) -> None:
    with Exchange(tmp_path) as exchange:
        first, second = Outgoing(exchange.folder), Outgoing(exchange.folder)
        one = Tables(
            request=1,
            file="",
            values={"a": first.add(np.array([-2.0, 1.0]))},
            filter_scores={"a": {"l1": first.add(np.array([1.0, 2.0]))}},
            sorted_scores={"a": {"magnitude": first.add(np.array([1.0, 2.0]))}},
            bit_errors={"a": {2: 0.25}},
        )
        two = Tables(request=2, file="", weight_scores={"a": {"lamp": second.add(np.array([[3.0, 1.0]]))}})
        mapped = exchange.map(first.write())
        known = received_tables(one, mapped)
        assert received_values(one, mapped)["a"].tolist() == [-2.0, 1.0]
        both = received_tables(two, exchange.map(second.write()), earlier=known)
    assert isinstance(both, tables.Tables)
    assert both.filter_scores["a", "l1"].tolist() == [1.0, 2.0]
    assert both.sorted_scores("a", "magnitude").tolist() == [1.0, 2.0]
    assert both.sorted_scores("a", "lamp").tolist() == [1.0, 3.0]
    assert both.bit_errors == {"a": {2: 0.25}}
