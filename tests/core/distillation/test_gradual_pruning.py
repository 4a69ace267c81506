"""Pruning while training: a cubic schedule, and that only fully pruned networks are kept."""

from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from torch import Tensor

from penjing.compression.prune import mask_weights
from penjing.distillation.train import StopAndKeepBest, train
from penjing.errors import Cancelled
from penjing.inspection.graph import layer_graph
from penjing.model.model import Model
from penjing.pipeline.run import run_plan
from penjing.plan import Distillation, Plan, plan_from_json
from penjing.results import Progress
from tests.support.teaching import convolutional, quarters, same

DATA = quarters()
PLAN = Plan().with_layer("conv2", sparsity=0.9, schedule="cubic")


class Thin:
    """The plan's masks, with a memory of when they were asked for and how many zeros they had."""

    def __init__(self) -> None:
        self.asked: list[float] = []
        self.sparsity: list[float] = []

    def __call__(self, model: Model, progress: float) -> Mapping[str, Tensor]:
        masks = mask_weights(model, layer_graph(model), PLAN, progress=progress).masks
        self.asked.append(progress)
        self.sparsity.append(1 - float(masks["conv2"].double().mean()))
        return masks


def test_that_masks_follow_the_cubic_schedule_and_the_last_third_of_the_epochs_has_them_all() -> None:
    thin = Thin()
    options = Distillation(epochs=6, lr=0.01)
    trained = train(convolutional(10), DATA, options=options, teacher=None, kind="finetune", thinning=thin)
    assert thin.asked == [0.25, 0.5, 0.75, 1.0, 1.0, 1.0]
    # METHODS.md §5: to .9, at 25/50/75 % → .520313 / .7875 / .885938, of 900 weights.
    assert [round(900 * share) for share in thin.sparsity] == [468, 709, 797, 810, 810, 810]
    assert trained.best_epoch >= 4
    weight = trained.model.weight("conv2")
    assert int((weight == 0).sum()) == 810
    assert int((~trained.model.masks["conv2"]).sum()) == 810


def test_that_stopping_early_prunes_the_rest_at_once() -> None:
    def stop(progress: Progress) -> None:
        if progress.values.get("epoch") == 2.0:
            raise StopAndKeepBest

    options = Distillation(epochs=6, lr=0.01)
    trained = train(
        convolutional(10), DATA, options=options, teacher=None, kind="finetune", thinning=Thin(), on_progress=stop
    )
    assert int((trained.model.weight("conv2") == 0).sum()) == 810
    assert trained.best_epoch == len(trained.history) - 1


def test_that_a_resumed_training_prunes_the_same_weights(tmp_path: Path) -> None:
    plan = plan_from_json(
        {
            "layers": {"conv2": {"sparsity": 0.9, "schedule": "cubic"}},
            "pipeline": ["prune", "finetune"],
            "distillation": {"epochs": 3, "lr": 0.01},
        }
    )
    whole = run_plan(convolutional(10), plan, DATA).model

    def cancel(progress: Progress) -> None:
        if progress.stage == "finetune" and progress.values.get("epoch") == 2.0 and "val_accuracy" in progress.values:
            raise Cancelled

    with pytest.raises(Cancelled):
        run_plan(convolutional(10), plan, DATA, checkpoints=tmp_path, on_progress=cancel)
    resumed = run_plan(convolutional(10), plan, DATA, checkpoints=tmp_path).model
    assert same(resumed, whole)
    assert torch.equal(resumed.masks["conv2"], whole.masks["conv2"])
    assert int((whole.weight("conv2") == 0).sum()) == 810


@pytest.mark.parametrize("pipeline", [["prune"], ["finetune", "prune"]])
def test_that_without_a_training_step_ahead_everything_is_pruned_at_once(pipeline: list[str]) -> None:
    layers = {"conv2": {"sparsity": 0.9, "schedule": "cubic"}}
    plan = plan_from_json({"layers": layers, "pipeline": pipeline, "distillation": {"epochs": 1}})
    found = run_plan(convolutional(10), plan, DATA).model
    assert int((found.weight("conv2") == 0).sum()) == 810


def test_that_an_estimate_sees_the_final_sparsity() -> None:
    layers = {"conv2": {"sparsity": 0.9, "schedule": "cubic"}}
    plan = plan_from_json({"layers": layers, "pipeline": ["prune", "distill"]})
    found = run_plan(convolutional(10), plan, DATA, training=False).model
    assert int((found.weight("conv2") == 0).sum()) == 810


def test_that_a_quantized_student_is_pruned_on_its_way_and_stays_on_its_grid() -> None:
    layers = {"conv2": {"sparsity": 0.9, "schedule": "cubic", "weight_bits": 4}}
    plan = plan_from_json(
        {"layers": layers, "pipeline": ["prune", "quantize", "distill"], "distillation": {"epochs": 3, "lr": 0.01}}
    )
    found = run_plan(convolutional(10), plan, DATA).model
    weight, quantizer = found.weight("conv2"), found.weight_quantizers["conv2"]
    assert bool((weight[~found.masks["conv2"]] == 0).all())
    assert int((~found.masks["conv2"]).sum()) == 810
    torch.testing.assert_close(quantizer.on_grid(weight), weight, rtol=0, atol=1e-7)
