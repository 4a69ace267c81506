"""Which layers of teacher and student are compared by the feature and attention losses."""

from collections.abc import Mapping

from penjing.distillation.network import logits_layer
from penjing.errors import UserError
from penjing.loading.build import layer_shapes
from penjing.model.model import Model
from penjing.model.operators.table import operator_of
from penjing.plan import Distillation

Pair = tuple[str, str]
"""(teacher layer, student layer)."""

Shapes = Mapping[str, tuple[int, ...]]


def layer_pairs(teacher: Model, student: Model, options: Distillation) -> tuple[Pair, ...]:
    """The pairs by hand, checked, or the automatic ones.

    Raises:
        UserError: `distillation.unknown_layer`, `distillation.pair_shapes`, `distillation.no_pairs`.
    """
    theirs, ours = layer_shapes(teacher), layer_shapes(student)
    pairs = options.pairs or _automatic(teacher, theirs, student, ours, spatial=options.attention > 0)
    if not pairs:
        raise UserError("distillation.no_pairs")
    for pair in pairs:
        _check(pair, theirs, ours, attention=options.attention > 0)
    return tuple(pairs)


def _automatic(teacher: Model, theirs: Shapes, student: Model, ours: Shapes, *, spatial: bool) -> tuple[Pair, ...]:
    """For each resolution, the last layer of that resolution that both networks have under the same name.

    A network without positions has its last hidden layer compared instead (by the feature loss alone).
    """
    output = logits_layer(student)
    named = {name for name, _, _ in teacher.layers()}
    last: dict[tuple[int, ...], str] = {}
    for name, module, _ in student.layers():
        if name == output:
            break
        same = name in named and theirs[name][2:] == ours[name][2:] and len(theirs[name]) == len(ours[name])
        if same and operator_of(module).kind not in {"dropout", "identity", "reshape", "flatten"}:
            last[ours[name][2:]] = name
    staged = tuple(name for extents, name in last.items() if _positions(extents) > 1)
    if not staged and not spatial and () in last:
        staged = (last[()],)
    return tuple((name, name) for name in staged)


def _check(pair: Pair, theirs: Shapes, ours: Shapes, *, attention: bool) -> None:
    for name, shapes, network in ((pair[0], theirs, "teacher"), (pair[1], ours, "student")):
        if name not in shapes:
            raise UserError("distillation.unknown_layer", layer=name, network=network, known=", ".join(shapes))
    one, other = theirs[pair[0]], ours[pair[1]]
    fits = len(one) == len(other) and one[2:] == other[2:] and len(one) >= (3 if attention else 2)
    if not fits:
        raise UserError(
            "distillation.pair_shapes", teacher=pair[0], student=pair[1], one=list(one[1:]), other=list(other[1:])
        )


def _positions(extents: tuple[int, ...]) -> int:
    total = 1 if extents else 0
    for extent in extents:
        total *= extent
    return total
