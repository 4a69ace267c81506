"""Starts Penjing: opens the window, or hands a subcommand to the command line before any of Qt is loaded."""

import sys


def main() -> int:
    """Runs what the command line asks for and returns the exit code (DESIGN.md §4)."""
    arguments = sys.argv[1:]
    if not arguments or arguments[0] in ("gui", "--new-window"):
        from penjing_gui.app import main as window

        return window(arguments[1:] if arguments[:1] == ["gui"] else arguments)
    # Not imported above: the window must not load the engine's libraries.
    from penjing.cli.main import main as command_line

    return command_line(arguments)


if __name__ == "__main__":
    sys.exit(main())
