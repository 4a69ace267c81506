"""`penjing verify`: proves an existing export again."""

import argparse
from pathlib import Path

from penjing.cli.terminal import Terminal
from penjing.cli.words import verdict_table

HELP = "Verify the files of an earlier export again, and notice what was changed since."
EXAMPLE = "penjing verify out"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """One folder."""
    parser.add_argument("folder", metavar="DIR", help="what `compress` or `export` wrote")


def run(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """Prints the verdict and the changed files; 4 if it does not pass."""
    from penjing.verification.folder import verify_folder

    with terminal.progress() as on_progress:
        verdict, changed = verify_folder(Path(arguments.folder), on_progress=on_progress, language=terminal.language)
    if terminal.json:
        terminal.document({"verdict": verdict, "changed_files": list(changed)})
    else:
        verdict_table(terminal, verdict)
        for path in changed:
            terminal.say(terminal.text("cli.changed_file", path=path))
    return 0 if verdict.passed else 4
