"""Which layers share channels and are cut together, from channel ids alone."""

from collections.abc import Sequence

from penjing.layer_graph import FIXED, CoupledGroup, Layer, WeightKind

_PRODUCING: tuple[WeightKind, ...] = ("dense", "grouped")


def coupled_groups(layers: Sequence[Layer]) -> tuple[CoupledGroup, ...]:
    """Layers whose filters make the same channels, directly or through others, with those channels (DepGraph)."""
    producers = [layer for layer in layers if layer.weight_kind in _PRODUCING]
    root = list(range(len(producers)))

    def find(index: int) -> int:
        while root[index] != index:
            root[index] = index = root[root[index]]
        return index

    owner: dict[int, int] = {}
    for index, layer in enumerate(producers):
        for channel in set(layer.output_channels) - {FIXED}:
            low, high = sorted((find(owner.setdefault(channel, index)), find(index)))
            root[high] = low
    channels: dict[int, dict[int, None]] = {}
    names: dict[int, list[str]] = {}
    for index, layer in enumerate(producers):
        cuttable = [channel for channel in layer.output_channels if channel != FIXED]
        if cuttable:
            channels.setdefault(find(index), {}).update(dict.fromkeys(cuttable))
            names.setdefault(find(index), []).append(layer.name)
    group_of = {channel: index for index, own in channels.items() for channel in own}
    members: dict[int, list[str]] = {index: [] for index in channels}
    for layer in layers:
        held = {group_of.get(channel) for channel in {*layer.output_channels, *layer.input_channels}}
        for group in sorted(index for index in held if index is not None):
            members[group].append(layer.name)
    return tuple(
        CoupledGroup(producers=tuple(names[index]), channels=tuple(channels[index]), members=tuple(members[index]))
        for index in sorted(channels)
    )
