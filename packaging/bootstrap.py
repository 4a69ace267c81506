"""Sets Penjing up on a new machine and starts it: the standard library only, nothing outside the checkout but apt.

Example:
    python3 packaging/bootstrap.py run          # set up, then the default sample
    python3 packaging/bootstrap.py test [...]   # set up with the test tools, then pytest with these arguments
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).resolve().parents[1]
ENVIRONMENT = ROOT / ".venv"
PYTHON = ENVIRONMENT / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
STAMP = ENVIRONMENT / "penjing-set-up"
CONSTRAINTS = ROOT / "packaging" / "constraints.txt"
PROJECT = ROOT / "pyproject.toml"
FIRST_RUN = ROOT / "penjing-first-run"

OLDEST_PYTHON = (3, 11)
CUDA_GIGABYTES = 2.7
"""Download of the pinned torch from PyPI for Linux with the CUDA packages it needs (measured: 2.74e9 bytes)."""

QT_LIBRARIES = (
    "libegl1",
    "libgl1",
    "libxkbcommon0",
    "libxkbcommon-x11-0",
    "libdbus-1-3",
    "libfontconfig1",
    "libglib2.0-0",
    "libxcb-cursor0",
    "libxcb-icccm4",
    "libxcb-image0",
    "libxcb-keysyms1",
    "libxcb-randr0",
    "libxcb-render-util0",
    "libxcb-shape0",
    "libxcb-sync1",
    "libxcb-xfixes0",
    "libxcb-xinerama0",
    "libxcb-xkb1",
    "libx11-xcb1",
    "libopengl0",
    "fonts-noto-cjk",
)
TEST_TOOLS = (
    "xvfb",
    "xauth",
    "xdotool",
    "openbox",
    "at-spi2-core",
    "dbus",
    "dbus-x11",
    "imagemagick",
    "python3-pyatspi",
    "gir1.2-atspi-2.0",
    "python3-gi",
    "gcc",
    "libc6-dev",
    "gcc-arm-none-eabi",
    "libnewlib-arm-none-eabi",
    "qemu-system-arm",
    "git",
    "python3-venv",
    "python3-tk",
    "desktop-file-utils",
    "appstream",
    "shared-mime-info",
    "libglib2.0-bin",
)


class SetUpError(Exception):
    """What went wrong and what to do, in one line."""


def main(arguments: list[str]) -> int:
    """Runs one of the two commands; returns the exit code of what it started, 1 if the set-up failed, 2 on misuse."""
    command, rest = (arguments[0], arguments[1:]) if arguments else ("", [])
    if command not in ("run", "test") or (command == "run" and rest):
        print(f"usage: {Path(sys.argv[0]).name} run | test [PYTEST ARGUMENT ...]", file=sys.stderr)
        return 2
    if sys.version_info < OLDEST_PYTHON:
        print(f"bootstrap: Penjing needs Python 3.11 or newer, this is {sys.version.split()[0]}", file=sys.stderr)
        return 1
    try:
        return run() if command == "run" else test(rest)
    except SetUpError as problem:
        print(f"bootstrap: {problem}", file=sys.stderr)
        return 1
    except OSError as problem:
        print(f"bootstrap: {problem}; {ROOT} must be a checkout that you can write to", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("bootstrap: interrupted; the same command goes on from here", file=sys.stderr)
        return 130


def run() -> int:
    """Sets up what a user needs, then opens the window on the default sample; without a screen, does the whole job."""
    started = time.monotonic()
    # The job needs no window, so only a machine that can show one gets Qt's libraries, and none is refused for them.
    if has_display():
        install_system_packages(QT_LIBRARIES, required=False)
    set_up(extras=("search",))  # what Sweep… needs
    ready = f"Ready after {time.monotonic() - started:.0f} s"
    home = os.environ.get("PENJING_HOME", str(ENVIRONMENT / "penjing-home"))
    if has_display() and opens_windows():
        say(f"{ready}. Opening the window on the default sample")
        return start("penjing_gui", "gui", "sample:watch", PENJING_HOME=home)
    if has_display():
        say("No window can be opened on this screen (are Qt's libraries missing?), so the job runs without one")
    say(f"{ready}. Running the default sample; the files go to {FIRST_RUN}")
    return start("penjing", "first-run", "-o", str(FIRST_RUN), PENJING_HOME=home)


def test(arguments: list[str]) -> int:
    """Sets up the test tools too, then runs the whole suite (or what pytest's arguments choose of it)."""
    started = time.monotonic()
    install_system_packages([*QT_LIBRARIES, *TEST_TOOLS], required=True)
    set_up(extras=("dev", "search", "cluster"))
    say(f"Ready after {time.monotonic() - started:.0f} s. Running the tests")
    return start("pytest", *arguments)


def set_up(*, extras: tuple[str, ...]) -> None:
    """Makes the environment hold Penjing, its pinned dependencies and these extras; does nothing if it already does."""
    make_environment()
    wanted = fingerprint()
    stamp = STAMP.read_text("utf-8").split() if STAMP.exists() else []
    if stamp[:1] == [wanted] and set(extras) <= set(stamp[1:]):
        say("The Python packages are up to date")
        return
    STAMP.unlink(missing_ok=True)
    install_python_packages(extras)
    STAMP.write_text(" ".join([wanted, *extras]), "utf-8")


def make_environment() -> None:
    """Creates `.venv`, or again if its Python no longer runs."""
    if succeeds(PYTHON, "-c", "import pip"):
        return
    say(f"Creating the Python environment {ENVIRONMENT}")
    ENVIRONMENT.mkdir(exist_ok=True)
    # Debian keeps ensurepip in python3-venv. Where pip is at hand it can fill an environment from outside instead.
    outside_pip = not has("ensurepip") and has("pip")
    if not has("ensurepip") and not outside_pip:
        install_system_packages(["python3-venv"], required=True)
        importlib.invalidate_caches()
        if not has("ensurepip"):
            raise SetUpError(f"{sys.executable} has neither ensurepip nor pip; install one of them for it")
    without = ["--without-pip"] if outside_pip else []
    call([sys.executable, "-m", "venv", "--clear", *without, ENVIRONMENT], "creating the environment")
    if outside_pip:
        pip = pip_install(sys.executable, "-m", "pip", "--python", PYTHON)
        call([*pip, "pip"], "putting pip into the environment")


def install_python_packages(extras: tuple[str, ...]) -> None:
    """Installs the pinned packages with this machine's own pip settings, and Penjing from the checkout."""
    say("Installing the build tools")
    pip = pip_install()
    # An isolated build would fetch build tools of its own, which the constraints do not reach.
    call([*pip, "pip", "setuptools", "hatchling"], "installing the build tools")
    announce_torch(pip)
    say("Installing the Python packages (some minutes the first time)")
    target = f"{ROOT}[{','.join(extras)}]" if extras else str(ROOT)
    call([*pip, "--no-build-isolation", "--editable", target], "installing the Python packages")


def announce_torch(pip: list[str | Path]) -> None:
    """Says the size of the CUDA build of torch before it is taken where no CPU build is offered."""
    pin = re.search(r"^torch==(\S+)$", CONSTRAINTS.read_text("utf-8"), re.MULTILINE)
    if pin is None:
        raise SetUpError(f"{CONSTRAINTS} does not pin torch")
    installed = any(ENVIRONMENT.glob(f"lib/python*/site-packages/torch-{pin[1]}*.dist-info"))
    if installed or not sys.platform.startswith("linux"):
        return
    # Only a CPU build carries this label, so nothing big is downloaded to find out.
    if not succeeds(*pip, "--dry-run", "--no-deps", f"torch=={pin[1]}+cpu"):
        say(
            f"pip is offered no CPU build of torch {pin[1]}: its CUDA build is taken, {CUDA_GIGABYTES} GB to download"
            " (to avoid it, stop now and give pip's find-links a CPU wheel)"
        )


def pip_install(*through: str | Path) -> list[str | Path]:
    """The pip command that installs what follows into the environment, by its own pip or through another."""
    command = [*(through or (PYTHON, "-m", "pip")), "install", "--no-input", "--disable-pip-version-check"]
    if not sys.stdout.isatty():
        command += ["--quiet", "--quiet"]
    if "PIP_CACHE_DIR" not in os.environ:
        # Nothing outside the checkout is touched, and so neither is the cache in the home folder.
        command += ["--no-cache-dir"]
    return [*command, "--constraint", CONSTRAINTS]


def install_system_packages(names: Sequence[str], *, required: bool) -> None:
    """Installs the missing Debian packages as root; otherwise says what is missing, as an error if required."""
    missing = missing_system_packages(names)
    if not missing:
        return
    install = ["apt-get", "install", "--yes", "--no-install-recommends", *missing]
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        advice = f"system packages are missing; install them as root: {shlex.join(install)}"
        if required:
            raise SetUpError(advice)
        say(advice)
        return
    say(f"Installing {len(missing)} system packages: {' '.join(missing)}")
    # Without the network the lists that are there may still do, so only the installation must succeed.
    apt_get("update")
    if apt_get(*install[1:]) != 0:
        raise SetUpError(f"apt-get could not install them (its reason is above): {' '.join(missing)}")


def apt_get(*arguments: str) -> int:
    """Runs apt-get without questions; only its errors are shown."""
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}
    silent = subprocess.DEVNULL
    return subprocess.run(["apt-get", "-qq", *arguments], env=environment, stdin=silent, stdout=silent).returncode


def missing_system_packages(names: Sequence[str]) -> list[str]:
    """Those of the Debian packages that are neither installed nor provided by an installed one; [] without apt."""
    if not (sys.platform.startswith("linux") and shutil.which("dpkg-query") and shutil.which("apt-get")):
        return []
    query = ["dpkg-query", "--show", "--showformat", "${db:Status-Abbrev}|${Package}|${Provides}\\n"]
    lines = subprocess.run(query, capture_output=True, text=True).stdout.splitlines()
    installed = " ".join(line[3:] for line in lines if line.startswith("ii"))
    return [name for name in names if name not in set(re.split(r"[|,\s]+", installed))]


def fingerprint() -> str:
    """Changes with the pins, the project's own description, the place of the checkout and the Python."""
    parts = [
        CONSTRAINTS.read_bytes(),
        PROJECT.read_bytes(),
        os.fsencode(ROOT),
        (ENVIRONMENT / "pyvenv.cfg").read_bytes(),
    ]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def has_display() -> bool:
    """Whether a window could be shown."""
    return not sys.platform.startswith("linux") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def opens_windows() -> bool:
    """Whether Qt can: it ends the process where the screen does not answer or a library is missing."""
    return succeeds(PYTHON, "-c", "from PySide6.QtWidgets import QApplication; QApplication([])")


def has(module: str) -> bool:
    """Whether the Python that runs this has a module."""
    return importlib.util.find_spec(module) is not None


def say(step: str) -> None:
    """Prints one step at once, also into a pipe."""
    print(f"bootstrap: {step}", flush=True)


def start(module: str, *arguments: str, **environment: str) -> int:
    """Runs a module of the environment in the checkout with this terminal and returns its exit code."""
    command: list[str | Path] = [PYTHON, "-m", module, *arguments]
    with subprocess.Popen(command, cwd=ROOT, env={**clean(), **environment}) as process:
        while True:
            # Ctrl+C reaches the module too: it ends by itself, and only when it has cleaned up.
            with contextlib.suppress(KeyboardInterrupt):
                return process.wait()


def call(command: list[str | Path], doing: str) -> None:
    """Runs one step of the set-up, which says on stderr itself why it fails."""
    if subprocess.run(command, cwd=ROOT, env=clean(), stdin=subprocess.DEVNULL).returncode != 0:
        raise SetUpError(f"{doing} failed; its reason is above, and the same command goes on from here")


def succeeds(*command: str | Path) -> bool:
    """Whether a silent command works."""
    try:
        silent = subprocess.DEVNULL
        return (
            subprocess.run(command, cwd=ROOT, env=clean(), stdin=silent, stdout=silent, stderr=silent).returncode == 0
        )
    except OSError:
        return False


def clean() -> dict[str, str]:
    """This process's environment without what would lead Python or pip out of `.venv`."""
    astray = {"PYTHONHOME", "PYTHONPATH", "PIP_USER", "PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_REQUIRE_VIRTUALENV"}
    return {name: value for name, value in os.environ.items() if name not in astray}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
