"""The engine judges plans and trained runs on demand, behind everything else that is asked."""

from pathlib import Path

import msgspec
import numpy as np
import pytest

from penjing.compression.simulation import simulate
from penjing.errors import Cancelled
from penjing.estimation.measured import measure
from penjing.model.penjingnet_format import encode as encode_network
from penjing.pipeline.run import run_plan
from penjing.plan import Plan
from penjing.worker.engine import Engine
from penjing.worker.inbox import Inbox
from penjing.worker.judging import BINS, Judge
from penjing.worker.messages import (
    Judged,
    Measure,
    Measured,
    Message,
    OpenSource,
    WantJudgement,
    decode_from_worker,
    encode,
)
from penjing.worker.opening import Open, open_source
from penjing.worker.snapshot import NETWORK


@pytest.fixture(scope="module")
def opened() -> Open:
    return open_source(OpenSource(request=1, source="sample:digits"), lambda progress: None)[0]


def judged(opened: Open, plan: Plan | None = None, run: str | None = None) -> Judged:
    return Judge(WantJudgement(request=7, plan=plan or Plan(), run=run), opened, lambda: None).step()


def test_that_a_plan_s_judgement_is_what_measuring_its_network_says(opened: Open) -> None:
    plan = Plan().with_defaults(weight_bits=3, activation_bits=8, sparsity=0.5)
    found = judged(opened, plan)
    assert decode_from_worker(encode(found)) == found
    assert opened.data is not None
    network = run_plan(opened.model, plan, opened.data, training=False).model
    expected = measure(simulate(network), opened.data, "val", reference=simulate(opened.model))
    assert found.accuracy == expected
    assert found.change is not None and found.change.seen == len(opened.data.val)
    right = sum(cell.samples for cell in found.change.confusion if cell.truth == cell.chosen)
    assert right == round(expected.value * expected.n)
    # Weights are those of the network that was judged: bins hold all that is not 0.
    weight = network.weight("fc1").numpy()
    spread = found.weights["fc1"]
    assert len(spread.counts) == BINS
    assert (sum(spread.counts), spread.zeros) == (np.count_nonzero(weight), weight.size - np.count_nonzero(weight))
    assert spread.zeros >= weight.size // 2


def test_that_the_network_as_loaded_changes_nothing(opened: Open) -> None:
    found = judged(opened)
    assert found.change is not None and (found.change.lost, found.change.gained) == (0, 0)
    assert found.change.confusion == found.change.confusion_before


def test_that_a_trained_run_is_judged_by_its_own_network_and_a_lost_one_is_told(opened: Open, tmp_path: Path) -> None:
    plan = Plan().with_defaults(weight_bits=2, activation_bits=8)
    network = run_plan(opened.model, plan, opened.data, training=False).model
    (tmp_path / NETWORK).write_bytes(encode_network(network))
    # Whatever plan it is filed under, the folder's network is what counts.
    assert msgspec.structs.replace(judged(opened, run=str(tmp_path)), request=1) == msgspec.structs.replace(
        judged(opened, plan), request=1
    )
    gone = judged(opened, run=str(tmp_path / "gone"))
    assert gone.refused is not None and gone.accuracy is None


def test_that_a_network_without_data_is_judged_by_its_weights_alone(opened: Open) -> None:
    import dataclasses

    found = judged(dataclasses.replace(opened, data=None), Plan().with_layer("fc1", sparsity=0.25))
    assert found.accuracy is None and found.change is None
    assert found.weights["fc1"].zeros == 12_000  # a quarter of 120 × 400


def test_that_sliders_come_before_judgements_which_follow_in_their_order(tmp_path: Path) -> None:
    sent: list[Message] = []

    class Channel:
        exchange = tmp_path
        send = staticmethod(sent.append)

    inbox = Inbox()
    engine = Engine(Channel(), inbox)  # type: ignore[arg-type]
    inbox.put(OpenSource(request=1, source="sample:digits"))
    inbox.put(WantJudgement(request=2, plan=Plan().with_defaults(weight_bits=2)))
    inbox.put(WantJudgement(request=3, plan=Plan()))
    inbox.put(Measure(generation=1, plan=Plan().with_defaults(sparsity=0.5), full=False))
    while len(order := [one for one in sent if isinstance(one, Judged)]) < 2:
        engine.turn()
    assert [one.request for one in order] == [2, 3]
    measured = [place for place, one in enumerate(sent) if isinstance(one, Measured)]
    assert measured and max(measured) < sent.index(order[0])


def test_that_a_judgement_that_is_interrupted_is_made_later(opened: Open) -> None:
    waits = [False, True]

    def on_part() -> None:
        if waits.pop(0) if waits else False:
            raise Cancelled

    work = Judge(WantJudgement(request=7, plan=Plan().with_defaults(weight_bits=2)), opened, on_part)
    with pytest.raises(Cancelled):
        work.step()
    assert work.step().accuracy is not None
