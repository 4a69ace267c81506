"""Who is hurt: which samples another network judges otherwise, and whether the drop is real; no torch.

>>> import numpy as np
>>> truth, before, now = np.array([0, 0, 1]), np.array([0, 0, 1]), np.array([0, 1, 1])
>>> found = change_of(truth, before, now, surety=np.ones(3), seen=np.ones(3, np.bool_), final=True)
>>> found.lost, found.p_value, found.flips[0].sample
(1, 1.0, 1)
"""

import msgspec
import numpy as np
from numpy.typing import NDArray

from penjing.verification.significance import weighted_mcnemar

Classes = NDArray[np.int64]

MOST_FLIPS = 200
"""So many at most of each kind are named; `lost`, `gained` and `moved` count all."""


class Count(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """One cell of a confusion matrix that is not 0."""

    truth: int
    chosen: int
    samples: int


class Flip(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """A sample for which another class is chosen than before."""

    sample: int
    """Its place in the split, as `WantSamples` takes it."""
    truth: int
    """The label; without labels what the network as loaded chooses."""
    before: int
    now: int
    kind: str = ""
    """`lost`, `gained` or `moved` where more than the choice counts (top-k); empty: as the classes say."""

    @property
    def lost(self) -> bool:
        """Right before, wrong now."""
        return self.kind == "lost" if self.kind else self.before == self.truth

    @property
    def gained(self) -> bool:
        """Wrong before, right now."""
        return self.kind == "gained" if self.kind else self.now == self.truth


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """What a plan does to the samples looked at so far."""

    seen: int
    lost: int
    """Samples that were right and are wrong."""
    gained: int
    """Samples that were wrong and are right."""
    moved: int
    """Samples that are wrong as before, but otherwise."""
    p_value: float
    """McNemar's exact test, two-sided, of `lost` against `gained`: below 0.05 the change is hardly chance.

    While some samples are not seen, each that is counts for all of its stratum that it stands for."""
    flips: tuple[Flip, ...] = ()
    """At most `MOST_FLIPS` of each kind: first the lost, then the gained, then the moved; the surest come first."""
    confusion: tuple[Count, ...] = ()
    """In the last message: of the samples seen, which class is taken for which now."""
    confusion_before: tuple[Count, ...] = ()
    """The same samples, judged by the network as loaded."""


def change_of(
    truth: Classes,
    before: Classes,
    now: Classes,
    *,
    surety: NDArray[np.float64],
    seen: NDArray[np.bool_],
    final: bool,
    weights: NDArray[np.float64] | None = None,
    hits: tuple[NDArray[np.bool_], NDArray[np.bool_]] | None = None,
) -> Change:
    """The change from `before` to `now`, int64 [n] each, on the samples that were `seen`, bool [n].

    Args:
        truth: What is right.
        before: What the network as loaded chooses.
        now: What the other network chooses; read only where `seen`.
        surety: How far the choice before was from the next one; orders the flips.
        seen: Which samples were looked at.
        final: Whether confusions are counted.
        weights: For how many samples each that was seen stands, [n]; None: for as many as any other.
        hits: Whether each was right before and is now, where that is more than the choice (top-k); read where `seen`.
    """
    was, became = (before == truth, now == truth) if hits is None else hits
    lost, gained = seen & was & ~became, seen & became & ~was
    moved = seen & ~was & ~became & (before != now)
    flips: list[Flip] = []
    for kind, those in (("lost", lost), ("gained", gained), ("moved", moved)):
        places = np.flatnonzero(those)
        places = places[np.argsort(-np.abs(surety[places]), kind="stable")][:MOST_FLIPS]
        columns = (column[places].tolist() for column in (truth, before, now))
        for sample, *classes in zip(places.tolist(), *columns, strict=True):
            named = "" if hits is None else kind
            flips.append(Flip(sample=sample, truth=classes[0], before=classes[1], now=classes[2], kind=named))
    counts = [int(np.count_nonzero(kind)) for kind in (lost, gained, moved)]
    return Change(
        seen=int(np.count_nonzero(seen)),
        lost=counts[0],
        gained=counts[1],
        moved=counts[2],
        p_value=_chance(lost, gained, weights),
        flips=tuple(flips),
        confusion=confusion_of(truth[seen], now[seen]) if final else (),
        confusion_before=confusion_of(truth[seen], before[seen]) if final else (),
    )


def _chance(lost: NDArray[np.bool_], gained: NDArray[np.bool_], weights: NDArray[np.float64] | None) -> float:
    weights = np.ones(len(lost)) if weights is None else weights
    return weighted_mcnemar(lost=weights[lost], gained=weights[gained])


def confusion_of(truth: Classes, chosen: Classes) -> tuple[Count, ...]:
    """The cells of a confusion matrix that are not 0, by truth, then by choice; answers that are none have no cell."""
    told = (truth >= 0) & (chosen >= 0)
    truth, chosen = truth[told], chosen[told]
    pairs, counts = np.unique(np.stack([truth, chosen], axis=1), axis=0, return_counts=True)
    return tuple(
        Count(truth=right, chosen=taken, samples=count)
        for (right, taken), count in zip(pairs.tolist(), counts.tolist(), strict=True)
    )
