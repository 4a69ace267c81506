"""Every input of a network is shown and looked into; numbers and errors are explained as classes are."""

from pathlib import Path

import numpy as np
import pytest
import torch

from penjing.compression.prune import prune
from penjing.inspection.input_saliency import input_saliency
from penjing.model.penjingnet_format import encode as encode_network
from penjing.plan import Distillation, Plan
from penjing.worker.exchange import Exchange
from penjing.worker.features import features
from penjing.worker.looking import look
from penjing.worker.messages import OpenSource, WantFeatures, WantLook, WantSamples, decode_from_worker, encode
from penjing.worker.opening import Open, open_source
from penjing.worker.sampling import samples
from tests.support.several_inputs import two_inputs

RANDOM = np.random.default_rng(4)
PICTURES = RANDOM.integers(0, 256, (60, 1, 4, 4)).astype(np.uint8)
FACTS = RANDOM.normal(size=(60, 3)).astype(np.float32)


def opened(folder: Path, answers: np.ndarray, card: str = "") -> Open:  # type: ignore[type-arg]
    (folder / "net.penjingnet").write_bytes(encode_network(two_inputs()))
    np.savez(folder / "data.npz", picture=PICTURES, facts=FACTS, y=answers)
    (folder / "dataset.toml").write_text(card)
    source = OpenSource(request=1, source=str(folder / "net.penjingnet"), data=str(folder / "data.npz"))
    return open_source(source, lambda progress: None)[0]


def test_that_samples_bring_what_goes_into_every_input(tmp_path: Path) -> None:
    found = opened(tmp_path, np.arange(60) % 2)
    with Exchange(tmp_path) as exchange:
        told = samples(found, exchange.folder, WantSamples(request=2, indices=(5, 1)))
        assert decode_from_worker(encode(told)) == told
        mapped = exchange.map(told.file)
        assert found.data is not None
        wanted = found.data.inputs(found.data.val, np.array([5, 1]))
        assert [mapped(one).tolist() for one in (told.values, *told.others)] == [one.tolist() for one in wanted]


@pytest.mark.parametrize(("entry", "method", "shape"), [(0, "grad_cam", (4, 4)), (1, "gradient_input", (3,))])
def test_that_each_input_is_looked_into(entry: int, method: str, shape: tuple[int, ...], tmp_path: Path) -> None:
    found = opened(tmp_path, np.arange(60) % 2)
    plan = prune(found.model, found.graph, Plan().with_layer("conv", filters=0.5)).model
    with Exchange(tmp_path) as exchange:
        told = look(found, exchange.folder, WantLook(request=3, index=2, method=method, entry=entry), (7, plan))
        assert told.before is not None and told.after is not None and told.aim == "class"
        mapped = exchange.map(told.file)
        assert found.data is not None and told.example is not None
        examples = found.data.inputs(found.data.val, np.array([2]))
        assert mapped(told.example).tolist() == examples[entry][0].tolist()
        wanted = input_saliency(found.model, examples, method=method, entry=entry)
        assert mapped(told.before.values).shape == wanted.values.shape == shape
        assert mapped(told.before.values).tolist() == wanted.values.tolist()
        assert told.before.chosen == wanted.chosen


def test_that_an_input_without_positions_says_what_it_lacks(tmp_path: Path) -> None:
    found = opened(tmp_path, np.arange(60) % 2)
    with Exchange(tmp_path) as exchange:
        told = look(found, exchange.folder, WantLook(request=3, index=2, method="grad_cam", entry=1), None)
    assert told.refused == "saliency.needs_positions"


def test_that_a_number_is_explained_where_numbers_are_answered(tmp_path: Path) -> None:
    found = opened(tmp_path, FACTS[:, :2] * 0.5, 'target = ["speed", "load"]\n')
    assert found.data is not None and found.data.target_names == ("speed", "load")
    with Exchange(tmp_path) as exchange:
        wanted = WantLook(request=3, index=0, method="gradient_input", entry=1, number=1)
        told = look(found, exchange.folder, wanted, None)
        assert told.before is not None and (told.aim, told.before.target) == ("number", 1)
        found_values = exchange.map(told.file)(told.before.values)
        examples = found.data.inputs(found.data.val, np.array([0]))
        facts = examples[1].clone().requires_grad_()
        answer = found.model.module(examples[0], facts)[0, 1]
        assert told.before.score == pytest.approx(float(answer.detach()), rel=1e-5)
        (slope,) = torch.autograd.grad(answer, facts)
        assert np.allclose(found_values, (facts * slope)[0].detach().numpy(), atol=1e-6)


def test_that_teacher_and_student_are_compared_with_all_inputs(tmp_path: Path) -> None:
    found = opened(tmp_path, np.arange(60) % 2)
    with Exchange(tmp_path) as exchange:
        told = features(
            found, exchange.folder, WantFeatures(request=3, index=5, options=Distillation()), (1, found.model)
        )
    assert told.pairs and told.refused is None
