"""`python -m penjing.worker`: the engine, or with `--job` one job; started by `penjing.worker.client` only."""

import argparse
import faulthandler
import os
import signal
import socket
import time
from pathlib import Path

from penjing.worker.channel import Channel
from penjing.worker.inbox import Inbox
from penjing.worker.job_control import JobControl
from penjing.worker.messages import Message, Shutdown, decode_to_engine, decode_to_job

NICE = 5
"""Of the engine: on few cores its threads give way to the window, which works little and is waited for."""


def main() -> None:
    """Take the inherited stream and serve it until it ends."""
    started = time.monotonic()
    parser = argparse.ArgumentParser(prog="python -m penjing.worker")
    parser.add_argument("--stream", type=int, required=True, help="descriptor of the socket to the window")
    parser.add_argument("--exchange", type=Path, required=True, help="the window's folder for arrays")
    parser.add_argument("--job", action="store_true", help="serve one job instead of the engine's requests")
    arguments = parser.parse_args()
    faulthandler.enable()
    # Ctrl-C in a terminal reaches the whole group; the window decides what becomes of its workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    channel = Channel(socket.socket(fileno=arguments.stream), arguments.exchange)
    (_job if arguments.job else _engine)(channel, started)


def _engine(channel: Channel, started: float) -> None:
    inbox = Inbox()

    def hear(message: Message) -> None:
        if isinstance(message, Shutdown):
            channel.leave()
        inbox.put(message)

    os.nice(NICE)
    channel.listen(decode_to_engine, hear=hear, ended=channel.abandon)
    # Imports torch, which takes seconds in which the window may already be gone again: it hears before.
    from penjing.worker.engine import Engine

    Engine(channel, inbox).run(started)


def _job(channel: Channel, started: float) -> None:
    control = JobControl(channel)
    channel.listen(decode_to_job, hear=control.hear, ended=control.abandon)
    from penjing.worker.jobs import run_job

    run_job(channel, control, started)
    if control.abandoned:
        channel.abandon()
    channel.leave()


if __name__ == "__main__":
    main()
