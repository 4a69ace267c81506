"""What `penjing` of the Debian package runs: the standard library only, so that it works before anything is installed.

Penjing's libraries are too large for the package (torch alone is more than half a gigabyte), so the first start makes
an environment in the user's own folder, by the user's own pip settings, and says what it does. A package that was
built with `--bundle` carries the environment, and starts at once.
"""

import os
import shutil
import sys

import environment
import told
from environment import Place, SetUpError


def main(arguments: list[str]) -> int:
    """Start Penjing, setting it up before if that is needed; an exit code only if it was not started."""
    place = Place.here()
    if arguments[:1] == ["--set-up-again"]:
        # For an environment that was damaged; `arguments` go on behind it.
        shutil.rmtree(place.environment, ignore_errors=True)
        arguments = arguments[1:]
    if not place.ready():
        code = set_up(place, for_window=not arguments or arguments[0] in ("gui", "--new-window"))
        if code:
            return code
    # -P: a file in the current folder must not take the place of a module.
    command = [str(place.python), "-P", "-m", "penjing_gui", *arguments]
    os.execv(command[0], command)


def set_up(place: Place, *, for_window: bool) -> int:
    """In a small window if a window is wanted and nobody reads the terminal, else in lines; 0: done."""
    on_screen = bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
    if for_window and on_screen and not sys.stderr.isatty():
        try:
            import progress_window
        except ImportError:  # python3-tk was taken away
            pass
        else:
            return progress_window.set_up(place)
    try:
        print(told.text("first").format(folder=place.environment), file=sys.stderr)
        environment.set_up(place, lambda step: print(f"penjing: {step}", file=sys.stderr, flush=True))
    except SetUpError as problem:
        print(f"penjing: {problem}\n{problem.hint}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"penjing: {told.text('interrupted')}", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
