"""A double click on a project where the Debian package was unpacked; run by the system's Python, inside a desktop.

    /usr/bin/python3 tests/support/packaged.py PROJECT OTHER-PROJECT

The desktop finds the program by the project's MIME type, as a file manager does. The first start asks before it sets
anything up: Return says yes. The second double click goes to the window that is there.
"""

import os
import subprocess
import sys
import time

import bus

TITLE = "^(Setting up Penjing|Penjing could not be set up)$"


def main(project: str, other: str) -> None:
    """Tell the titles of the windows, and how long the set-up took."""
    began = time.monotonic()
    subprocess.run(["gio", "open", project], check=True)
    asked = bus.until("the question of the first start", lambda: _windows(TITLE))[0]
    _picture(asked)
    subprocess.run(["xdotool", "windowfocus", "--sync", asked, "key", "Return"], check=True)
    bus.until("the end of the set-up", lambda: not _windows("^Setting up Penjing$"))
    assert not _windows(TITLE), "the set-up failed"
    took = time.monotonic() - began
    bus.until("the application", bus.application)
    first = _title(project)
    subprocess.run(["gio", "open", other], check=True)
    second = _title(other)
    version = subprocess.run(["penjing", "--version"], capture_output=True, text=True, check=True).stdout
    (pid,) = _processes()
    os.kill(pid, 15)
    bus.tell({"first": first, "second": second, "set_up": took, "version": version.strip()})


def _title(project: str) -> str:
    name = os.path.basename(project)
    window = bus.until(name, lambda: _windows(name.replace(".", "[.]")))[0]
    return subprocess.run(
        ["xdotool", "getwindowname", window], capture_output=True, text=True, check=True
    ).stdout.strip()


def _windows(title: str) -> list[str]:
    found = subprocess.run(["xdotool", "search", "--name", title], capture_output=True, text=True, check=False)
    return found.stdout.split()


def _picture(window: str) -> None:
    """For people to look at."""
    folder = os.environ.get("PENJING_SCREENSHOTS")
    if folder:
        time.sleep(1)
        subprocess.run(["import", "-window", window, f"{folder}/first-start.png"], check=False)


def _processes() -> list[int]:
    """The window of this test's own home, which it has to end itself: the desktop started it."""
    home = os.environ["PENJING_HOME"].encode()
    found = []
    for entry in os.scandir("/proc"):
        if not entry.name.isdigit():
            continue
        try:
            with open(f"/proc/{entry.name}/cmdline", "rb") as file:
                command = file.read()
        except OSError:
            continue
        if home in command.split(b"\0")[0] and b"penjing_gui" in command:
            found.append(int(entry.name))
    return found


if __name__ == "__main__":
    main(*sys.argv[1:])
