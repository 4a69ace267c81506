"""Criteria side by side: the scores of each, the ranks, how far criteria agree."""

import json

import pytest
import torch

from penjing.catalogue.methods import methods
from penjing.cli.main import main
from penjing.cli.ranking import agreement, ranks, wanted
from penjing.inspection.saliency import filter_scores
from penjing.loading.open import open_model

Capture = pytest.CaptureFixture[str]


def test_that_several_criteria_come_in_one_document_and_the_first_where_one_alone_would_be(capsys: Capture) -> None:
    assert main(["inspect", "sample:digits", "--saliency", "l2", "--saliency", "activation", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["saliency"] == shown["saliencies"][0]
    assert [one["criterion"] for one in shown["saliencies"]] == ["l2", "activation"]
    norms = open_model("sample:digits").weight("fc1").norm(dim=1)
    assert torch.allclose(torch.tensor(shown["saliency"]["layers"]["fc1"]), norms, rtol=1e-5)


def test_that_people_see_the_ranks_of_the_filters_that_go_first(capsys: Capture) -> None:
    assert main(["inspect", "sample:digits", "--saliency", "l1", "--saliency", "geometric_median"]) == 0
    shown = capsys.readouterr().out
    scores = {name: filter_scores(open_model("sample:digits"), "conv1", name) for name in ("l1", "geometric_median")}
    places = {name: (one.argsort(stable=True).argsort() + 1).tolist() for name, one in scores.items()}
    first = places["l1"].index(1)
    assert f"{first}   1  {places['geometric_median'][first]:>16}" in shown
    assert "l1: geometric_median +" in shown


def test_that_all_means_every_criterion_of_the_catalogue_once() -> None:
    assert wanted(["lamp", "all", "l1"])[0] == "lamp"
    assert sorted(wanted(["lamp", "all", "l1"])) == sorted(methods("filter_criterion"))


def test_that_agreement_is_spearmans_rank_correlation() -> None:
    # By hand: ranks 1 2 3 4 and 2 1 4 3, Σ d² = 4, ρ = 1 - 6 · 4 / (4 · 15) = 0.6.
    assert ranks([0.1, 0.2, 0.3, 0.4]).tolist() == [1, 2, 3, 4]
    assert agreement([0.1, 0.2, 0.3, 0.4], [20, 10, 40, 30]) == pytest.approx(0.6)
    assert agreement([1.0], [2.0]) is None
