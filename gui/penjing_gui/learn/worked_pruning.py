"""Worked examples of pruning: what goes and what stays of this network."""

import numpy as np

from penjing_gui import words
from penjing_gui.learn.worked import (
    CORNER,
    NINE,
    Array,
    Bars,
    Grid,
    Mask,
    Material,
    NotYet,
    Worked,
    corner,
    number,
    say,
    worked,
)
from penjing_gui.learn.worked_quantization import symmetric

SHARE = 0.5
"""Of the weights go in the examples of criteria."""
FILTERS = 0.25
"""Of the filters."""
_MOST_BARS = 12


@worked("matrix")
def nine(material: Material | None = None) -> Worked:
    """METHODS' nine weights: θ = 0.3, then 8 and 4 bits."""
    theta = np.float32(0.3)
    values = NINE.astype(np.float32)
    gone = np.abs(values) < theta
    grid8, scale8, back8 = symmetric(NINE, 8)
    _, scale4, back4 = symmetric(NINE, 4)
    error = float(np.abs(NINE - back8).max())
    noise = 10 * np.log10(float((NINE**2).sum() / ((NINE - back8) ** 2).sum()))
    return Worked(
        (
            Grid("W", NINE),
            Grid("W′, θ = 0.3", np.where(gone, 0, NINE), gone),
            Grid(say("q, {bits} bit", bits=8), grid8, whole=True),
        ),
        (
            say("{count} of 9 weights are below θ = 0.3 and become 0; 0.3 itself stays.", count=int(gone.sum())),
            f"S = max|w| / (2⁷ − 1) = 0.7 / 127 = {float(scale8):.7f}",
            say("8 bits: largest error {error:.7f}, signal over noise {noise:.2f} dB", error=error, noise=noise),
            say(
                "4 bits: S = 0.7 / 7 = {scale:g}, largest error {error:.3f}: here fewer bits are even better",
                scale=round(float(scale4), 6),
                error=float(np.abs(NINE - back4).max()),
            ),
        ),
    )


@worked("criterion")
def criterion(material: Material) -> Worked:
    """Weights, their scores, and what is left when half of the layer goes."""
    if material.scores is None:
        raise NotYet
    weights, scores = material.weights, material.scores
    gone = lowest(scores, SHARE)
    count = int(gone.sum())
    theta = float(scores[~gone].min()) if count < scores.size else float("inf")
    kept = np.where(gone, 0, weights)
    shown = corner(scores)
    lines = [
        say("{layer}: {n} weights; half of them go: {count}", layer=material.layer, n=weights.size, count=count),
        say("the smallest score that stays: θ = {theta}", theta=number(theta)),
    ]
    for place in ((0, 0), (0, 1)):
        if place[1] < weights.shape[1]:
            lines.append(
                say(
                    "w{place} = {weight}, score {score}: {what}",
                    place=_subscript(place),
                    weight=number(float(weights[place])),
                    score=number(float(scores[place])),
                    what=say("it goes") if gone[place] else say("it stays"),
                )
            )
    return Worked(
        (Grid("W", corner(weights)), Grid("s", shown), Grid("W′", corner(kept), gone[:CORNER, :CORNER])), tuple(lines)
    )


@worked("criterion.l1", "criterion.l2", "criterion.geometric_median")
def norms(material: Material) -> Worked:
    """Norms judge filters as a whole: each weight has its filter's score."""
    if material.scores is None:
        raise NotYet
    scores = material.scores.mean(axis=1)
    return Worked((Grid("W", corner(material.weights)), filter_bars(scores)), filter_lines(material, scores))


@worked("filter_criterion")
def filter_criterion(material: Material) -> Worked:
    """Scores of filters as bars: a quarter goes."""
    scores = np.abs(material.weights).mean(axis=1)
    return Worked((filter_bars(scores),), filter_lines(material, scores))


def filter_bars(scores: Array) -> Bars:
    """The first filters, those hatched that would go."""
    gone = fewest(scores, FILTERS)
    names = tuple(str(index) for index in range(min(len(scores), _MOST_BARS)))
    return Bars(say("score by filter"), names, tuple(map(float, scores[:_MOST_BARS])), tuple(map(bool, gone)))


def filter_lines(material: Material, scores: Array) -> tuple[str, ...]:
    """How many filters there are, how many go, what filter 0 comes to."""
    gone = fewest(scores, FILTERS)
    return (
        say("{layer}: {n} filters; ⌊0.25 · {n}⌋ = {count} go", layer=material.layer, n=len(scores), count=sum(gone)),
        say(
            "filter 0: score {score}: {what}",
            score=number(float(scores[0])),
            what=say("it goes") if gone[0] else say("it stays"),
        ),
    )


@worked("scope.layer", "scope.global")
def scope(material: Material) -> Worked:
    """What share each layer loses when layers compete, and when they do not."""
    names, shares = competing(material)
    even = tuple(SHARE for _ in names)
    return Worked(
        (
            Bars(say("share of zeros, each layer for itself"), names, even),
            Bars(say("share of zeros, all layers compete"), names, shares),
        ),
        tuple(
            say("{layer}: 50 % alone, {share} in competition", layer=name, share=words.percent(share))
            for name, share in list(zip(names, shares, strict=True))[:4]
        ),
    )


def competing(material: Material) -> tuple[tuple[str, ...], tuple[float, ...]]:
    """By layer, the share of weights below the common threshold: |w| / mean|w| of the layer, half of all go."""
    tables = material.tables
    found: dict[str, Array] = {}
    for layer in material.graph.compressible:
        try:
            ordered = tables.sorted_scores(layer.name, "magnitude").astype(np.float64)
        except KeyError:
            continue
        if ordered.size:
            found[layer.name] = ordered / max(float(ordered.mean()), 1e-30)
    if not found:
        raise NotYet
    everything = np.sort(np.concatenate(list(found.values())))
    theta = everything[min(round(SHARE * everything.size), everything.size - 1)]
    names = tuple(found)[:_MOST_BARS]
    return names, tuple(float(np.searchsorted(found[name], theta) / found[name].size) for name in names)


@worked("schedule.once", "schedule.cubic")
def schedule(material: Material) -> Worked:
    """The sparsity on the way to what the plan asks of the layer, or to 90 %."""
    goal = material.plan.settings(material.layer).sparsity or 0.9
    times = (0.0, 0.25, 0.5, 0.75, 1.0)
    cubic = tuple(goal - goal * (1 - time) ** 3 for time in times)
    names = tuple(f"{100 * time:.0f} %" for time in times)
    return Worked(
        (
            Bars(say("at once"), names, tuple(goal for _ in times)),
            Bars(say("gradually"), names, cubic),
        ),
        tuple(
            f"t = {time:g}:  {goal:g} − {goal:g}·(1 − {time:g})³ = {value:.6g}"
            for time, value in zip(times[1:4], cubic[1:4], strict=True)
        ),
    )


@worked("setting.filters")
def coupled(material: Material) -> Worked:
    """The group of the layer: who is cut together, and how many channels a quarter is."""
    group = next((one for one in material.graph.groups if material.layer in one.producers), None)
    if group is None:
        group = next(iter(material.graph.groups), None)
    if group is None:
        return Worked((), (say("No channels of this network can be cut."),))
    size = len(group.channels)
    count = int(FILTERS * size)
    names = group.members[:_MOST_BARS]
    channels = set(group.channels)
    held = []
    for name in names:
        layer = material.graph.by_name[name]
        held.append(
            float(len(channels.intersection(layer.output_channels) | channels.intersection(layer.input_channels)))
        )
    return Worked(
        (Bars(say("channels of the group that each layer holds"), names, tuple(held)),),
        (
            say("A group of {n} channels: ⌊0.25 · {n}⌋ = {count} go everywhere at once", n=size, count=count),
            say("made by: {names}", names=", ".join(group.producers)),
            say("cut along: {names}", names=", ".join(group.members)),
        ),
    )


@worked("setting.nm")
def n_of_m(material: Material) -> Worked:
    """2:4 on the first weights of the layer."""
    width = min(4, material.weights.shape[1])
    shown = material.weights[:3, :width]
    order = np.argsort(np.argsort(-np.abs(shown), axis=1, kind="stable"), axis=1)
    gone = order >= 2
    return Worked(
        (Grid("W", shown), Grid("W′, 2:4", np.where(gone, 0, shown), gone)),
        (
            say(
                "Of each 4 neighbours the 2 largest magnitudes stay: {n} weights become {half}.",
                n=material.weights.size,
                half=material.weights.size // 2,
            ),
        ),
    )


@worked("setting.remove")
def remove(material: Material) -> Worked:
    """Which sums of this network a branch could be left out of."""
    sums = [layer for layer in material.graph.layers if layer.kind == "add"]
    text = (
        say("{n} sums of this network join a branch with what passes by: {names}", n=len(sums),
            names=", ".join(layer.name for layer in sums[:6]))
        if sums
        else say("This network is a plain chain: no layer of it can be left out like that.")
    )  # fmt: skip
    largest = sorted(material.graph.compressible, key=lambda layer: -layer.weights)[:6]
    bars = Bars(
        say("weights by layer"), tuple(one.name for one in largest), tuple(float(one.weights) for one in largest)
    )
    return Worked((bars,), (text,))


@worked("step.prune")
def prune(material: Material) -> Worked:
    """Parameters before and after the plan, and what zeros save here."""
    before, now = material.baseline, material.figures
    if before is None or now is None:
        raise NotYet
    saves = material.device is not None and bool(material.device.sparse_storage)
    where = say("any dense file") if material.device is None else material.device.title
    return Worked(
        (
            Bars(
                say("values of the network"),
                (say("as loaded"), say("after the cut"), say("not zero")),
                (float(before.params), float(now.params), float(now.nonzero)),
            ),
        ),
        (
            say("cut filters: {before} values become {after}", before=before.params, after=now.params),
            say("zeros: {zeros} of them are masked", zeros=now.params - now.nonzero),
            say("{where} stores zeros away", where=where)
            if saves
            else say("{where} stores every zero: they save nothing there", where=where),
        ),
    )


def lowest(scores: Array, share: float) -> Mask:
    """Which scores are among the lowest: round_half_even(share · n), ties by flat index (DESIGN §4)."""
    count = round(share * scores.size)
    gone = np.zeros(scores.size, np.bool_)
    gone[np.argsort(scores.ravel(), kind="stable")[:count]] = True
    return gone.reshape(scores.shape)


def fewest(scores: Array, share: float) -> Mask:
    """Which filters go: floor(share · out), at least one stays."""
    count = min(int(share * len(scores)), len(scores) - 1)
    gone = np.zeros(len(scores), np.bool_)
    gone[np.argsort(scores, kind="stable")[:count]] = True
    return gone


def _subscript(place: tuple[int, int]) -> str:
    return "".join("₀₁₂₃₄₅₆₇₈₉"[index + 1] for index in place)
