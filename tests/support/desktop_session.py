"""A virtual desktop for tests: a screen, a window manager, a private D-Bus and the accessibility bus, for one command.

    python tests/support/desktop_session.py [--size 1600x1000] COMMAND [ARGUMENT…]

It needs (Debian): xvfb openbox dbus at-spi2-core, and for tests from outside python3-pyatspi. Everything it starts
ends with the command, whose exit code it returns.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

PROGRAMS = ("Xvfb", "openbox", "dbus-run-session", "dbus-send")
_ACCESSIBILITY = Path("/usr/share/dbus-1/services/org.a11y.Bus.service")
_INSIDE = "PENJING_DESKTOP_SESSION"
_PATIENCE = 60.0
_PATIENT_STEP = 0.05


def missing() -> tuple[str, ...]:
    """What the machine lacks; empty: a desktop can be made."""
    lacking = [program for program in PROGRAMS if shutil.which(program) is None]
    if not _ACCESSIBILITY.is_file():
        lacking.append("at-spi2-core")
    return tuple(lacking)


def command(arguments: Sequence[str], *, size: str = "1600x1000") -> list[str]:
    """The command line that runs `arguments` inside a desktop of its own."""
    return [sys.executable, str(Path(__file__).resolve()), "--size", size, *arguments]


def main(arguments: Sequence[str]) -> int:
    """Run a command in a desktop; its exit code."""
    size = "1600x1000"
    rest = list(arguments)
    if rest[:1] == ["--size"]:
        size, rest = rest[1], rest[2:]
    if not rest or not re.fullmatch(r"\d+x\d+", size):
        print(__doc__, file=sys.stderr)
        return 2
    if lacking := missing():
        print(f"desktop_session: missing on this machine: {', '.join(lacking)}", file=sys.stderr)
        return 2
    if os.environ.get(_INSIDE):
        return _inside(rest)
    with ExitStack() as stack:
        display = _screen(stack, size)
        runtime = stack.enter_context(tempfile.TemporaryDirectory(prefix="penjing-desktop-"))
        environment = {
            **os.environ,
            _INSIDE: "1",
            "DISPLAY": display,
            "XDG_RUNTIME_DIR": runtime,
            "QT_QPA_PLATFORM": "xcb",
            "QT_ACCESSIBILITY": "1",
            "QT_LINUX_ACCESSIBILITY_ALWAYS_ON": "1",
            "NO_AT_BRIDGE": "0",
        }
        environment.pop("WAYLAND_DISPLAY", None)
        program = ["dbus-run-session", "--", sys.executable, str(Path(__file__).resolve()), *rest]
        return subprocess.run(program, env=environment, check=False).returncode


def _inside(arguments: Sequence[str]) -> int:
    """With screen and bus: the window manager and the accessibility bus, then the command."""
    environment = {key: value for key, value in os.environ.items() if key != _INSIDE}
    with ExitStack() as stack:
        _start(stack, [_launcher(), "--launch-immediately"], environment)
        # Without a window manager nothing gets the keyboard, so shortcuts would be dead.
        _start(stack, ["openbox"], environment)
        _wait_for_bus(environment)
        return subprocess.run(list(arguments), env=environment, check=False).returncode


def _screen(stack: ExitStack, size: str) -> str:
    """Start a screen with a number that the server chooses itself; its name."""
    read, write = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(write), "-screen", "0", f"{size}x24", "-nolisten", "tcp"],
        pass_fds=(write,),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    stack.callback(_end, server)
    os.close(write)
    with os.fdopen(read) as told:
        number = told.readline().strip()  # written when the screen is ready
    if not number:
        raise RuntimeError("Xvfb ended before its screen was ready")
    return f":{number}"


def _start(stack: ExitStack, program: Sequence[str], environment: dict[str, str]) -> None:
    quiet = subprocess.DEVNULL
    stack.callback(_end, subprocess.Popen(program, env=environment, stdout=quiet, stderr=quiet))


def _launcher() -> str:
    """The program that starts the accessibility bus lies elsewhere on every system; its service file says where."""
    found = re.search(r"^Exec=(\S+)", _ACCESSIBILITY.read_text(), re.MULTILINE)
    if found is None:
        raise RuntimeError(f"{_ACCESSIBILITY} names no program")
    return found[1]


def _wait_for_bus(environment: dict[str, str]) -> None:
    ask = ["dbus-send", "--session", "--print-reply", "--dest=org.a11y.Bus", "/org/a11y/bus", "org.a11y.Bus.GetAddress"]
    deadline = time.monotonic() + _PATIENCE
    while subprocess.run(ask, env=environment, capture_output=True, check=False).returncode:
        if time.monotonic() > deadline:
            raise RuntimeError("the accessibility bus did not start")
        time.sleep(_PATIENT_STEP)


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(timeout=5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
