"""Who learns and who teaches, as a plan names them: the compressed network, a narrower copy, the original, a file."""

from collections.abc import Callable

from penjing.compression.prune import prune
from penjing.errors import UserError
from penjing.inspection.graph import layer_graph
from penjing.model.model import Model
from penjing.plan import Plan

NARROW = "narrow:"

Load = Callable[[str], Model]
"""Opens a file by its path."""


def student_of(name: str, *, compressed: Model, original: Model, load: Load) -> Model:
    """`compressed`, `narrow:0.5` (the original with that share of its filters) or a file.

    Raises:
        UserError: `distillation.narrow_width`, and what `load` says.
    """
    if name == "compressed":
        return compressed
    return narrow(original, _width(name)) if name.startswith(NARROW) else load(name)


def teacher_of(name: str, *, original: Model, load: Load) -> Model:
    """`original` or a file; raises what `load` says."""
    return original if name == "original" else load(name)


def narrow(model: Model, width: float) -> Model:
    """A copy that keeps the share `width` of the filters of every coupled group: those of the largest ℓ₁ norm.

    It starts from what the wide network knows, which teaches faster than fresh weights do.
    """
    plan = Plan().with_defaults(filters=1 - width, filter_criterion="l1")
    return prune(model, layer_graph(model), plan).model


def _width(name: str) -> float:
    try:
        width = float(name.removeprefix(NARROW))
    except ValueError:
        width = 0.0
    if not 0 < width < 1:
        raise UserError("distillation.narrow_width", value=name)
    return width
