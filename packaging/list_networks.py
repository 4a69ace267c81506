"""Writes core/NETWORKS.md: which networks open, from what, what is compressed, what is kept as it is, and why.

Example:
    python packaging/list_networks.py           # write it again
    python packaging/list_networks.py --check   # only tell whether it is up to date

The networks are those of `tests/support/zoo.py`, exported by torch; a test holds the page to what it measures.
"""

import argparse
import sys
import tempfile
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT)]

from penjing import assets  # noqa: E402 (the checkout's own folder comes first)
from penjing.inspection.graph import layer_graph  # noqa: E402
from penjing.layer_graph import LayerGraph  # noqa: E402
from penjing.loading.open import open_model  # noqa: E402
from penjing.planning.kept import kept  # noqa: E402
from tests.support.sources import exported  # noqa: E402
from tests.support.zoo import ZOO  # noqa: E402

PAGE = ROOT / "core" / "NETWORKS.md"
COLUMNS = (
    "| network | layers with weights | groups of filters that can be cut | kept as they are | float where quantized |"
)


def main(arguments: list[str] | None = None) -> int:
    """Returns 0, or 1 if `--check` found the page out of date."""
    parser = argparse.ArgumentParser(description="Write the table of core/NETWORKS.md.")
    parser.add_argument("--check", action="store_true", help="write nothing")
    given = parser.parse_args(arguments)
    before = PAGE.read_text("utf-8")
    with tempfile.TemporaryDirectory(prefix="penjing-") as folder:
        rows = [row(name, layer_graph(open_model(exported(name, Path(folder))))) for name in ZOO]
    head, _, rest = before.partition(COLUMNS)
    after = rest[rest.index("\n\n") :]
    page = "\n".join((head + COLUMNS, "|---" * 5 + "|", *rows)) + after
    if given.check:
        print("core/NETWORKS.md is " + ("up to date." if page == before else "out of date."))
        return int(page != before)
    PAGE.write_text(page, "utf-8")
    return 0


def row(name: str, graph: LayerGraph) -> str:
    """One line of the table."""
    found = kept(graph)
    types = {layer.name: layer.type for layer in graph.layers}
    whole = [
        f"{_counted([types[one] for one in layers])}: {assets.text(code)[0].lower()}{assets.text(code)[1:].rstrip('.')}"
        for code, layers in found.whole.items()
    ]
    floats = _counted([types[one] for one in found.floats])
    cells = (
        name,
        str(sum(layer.compressible for layer in graph.layers)),
        str(len(graph.groups)),
        "; ".join(whole) or "–",
        floats or "–",
    )
    return f"| {' | '.join(cells)} |"


def _counted(types: list[str]) -> str:
    return ", ".join(f"{count} × {kind}" if count > 1 else kind for kind, count in sorted(Counter(types).items()))


if __name__ == "__main__":
    sys.exit(main())
