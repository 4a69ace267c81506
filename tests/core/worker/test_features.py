"""Maps of teacher and student in one example, beside the formulas by hand; logits of a trained run."""

from pathlib import Path

import numpy as np
import pytest

from penjing.compression.prune import prune
from penjing.model.model import Model
from penjing.model.penjingnet_format import encode as encode_network
from penjing.plan import Distillation, Plan
from penjing.worker.engine import Engine
from penjing.worker.exchange import Exchange
from penjing.worker.features import features
from penjing.worker.inbox import Inbox
from penjing.worker.messages import (
    Features,
    Logits,
    Message,
    OpenSource,
    WantFeatures,
    WantLogits,
    decode_from_worker,
    encode,
)
from penjing.worker.opening import Open, open_source
from penjing.worker.snapshot import NETWORK


@pytest.fixture(scope="module")
def opened() -> Open:
    return open_source(OpenSource(request=1, source="sample:digits"), lambda progress: None)[0]


@pytest.fixture(scope="module")
def student(opened: Open) -> Model:
    return prune(opened.model, opened.graph, Plan().with_layer("conv1", filters=0.5)).model


def wanted(**changes: object) -> WantFeatures:
    return WantFeatures(request=3, index=5, options=Distillation(), **changes)  # type: ignore[arg-type]


def test_that_attention_and_features_are_those_of_the_layers(opened: Open, student: Model, tmp_path: Path) -> None:
    with Exchange(tmp_path) as exchange:
        told = features(opened, exchange.folder, wanted(), (1, student))
        assert decode_from_worker(encode(told)) == told
        read = exchange.map(told.file)
        first = told.pairs[0]
        assert first.teacher == first.student and first.channels == (6, 3)
        assert opened.data is not None
        x = opened.data.batch(opened.data.val, np.array([5]))
        layer = dict(opened.model.module.named_modules())
        feature = layer["relu1"](layer["conv1"](x))[0].detach().numpy()
        assert first.teacher in ("relu1", "conv1")
        by_hand = (feature.astype(np.float64) ** 2).sum(axis=0)
        by_hand /= np.linalg.norm(by_hand)
        if first.teacher == "relu1":
            np.testing.assert_allclose(read(first.teacher_features), feature, atol=1e-5)
            np.testing.assert_allclose(read(first.teacher_attention), by_hand, atol=1e-5)
        ours = read(first.student_attention).astype(np.float64)
        theirs = read(first.teacher_attention).astype(np.float64)
        assert first.distance == pytest.approx(np.linalg.norm(ours - theirs) / 2, abs=1e-5)
        assert 0 < first.distance < 0.5 * 2**0.5


def test_that_a_network_is_not_apart_from_itself(opened: Open, tmp_path: Path) -> None:
    with Exchange(tmp_path) as exchange:
        told = features(opened, exchange.folder, wanted(), (1, opened.model))
    assert [pair.distance for pair in told.pairs if pair.distance is not None] == pytest.approx(
        [0.0] * sum(pair.distance is not None for pair in told.pairs), abs=1e-6
    )


def test_that_without_a_plan_nothing_is_told_and_an_unknown_layer_is_said(
    opened: Open, student: Model, tmp_path: Path
) -> None:
    with Exchange(tmp_path) as exchange:
        assert features(opened, exchange.folder, wanted(), None).pairs == ()
        asked = WantFeatures(request=3, index=5, options=Distillation(pairs=(("conv1", "nowhere"),)))
        assert features(opened, exchange.folder, asked, (1, student)).refused == "distillation.unknown_layer"


def test_that_a_trained_run_answers_in_place_of_the_plan(student: Model, tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    (run / NETWORK).write_bytes(encode_network(student))
    sent: list[Message] = []

    class Channel:
        exchange = tmp_path
        send = staticmethod(sent.append)

    inbox = Inbox()
    engine = Engine(Channel(), inbox)  # type: ignore[arg-type]
    inbox.put(OpenSource(request=1, source="sample:digits"))
    inbox.put(WantLogits(request=2, indices=(5,), run=str(run)))
    inbox.put(WantFeatures(request=3, index=5, options=Distillation(), run=str(run)))
    while not any(isinstance(one, Features) for one in sent):
        engine.turn()
    (logits,) = (one for one in sent if isinstance(one, Logits))
    assert logits.plan is not None and logits.plan != logits.original
    (pictures,) = (one for one in sent if isinstance(one, Features))
    assert pictures.pairs[0].channels == (6, 3)
