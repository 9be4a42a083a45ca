"""Real out-of-fold predictions of the competition, and the figures known of them."""

from pathlib import Path

import numpy as np
import pytest

from mmdet_trash.annotations import load_annotations
from mmdet_trash.evaluation import Map50
from mmdet_trash.fusion import FusionSettings, fuse
from mmdet_trash.fusion.tuning import Fold, tune
from mmdet_trash.predictions import ImageTable, from_annotations, read_predictions

SINGLE = [(0.6978, 0.6996), (0.6514, 0.6498), (0.6845, 0.6843)]
FUSED = {
    0.5: (0.6920, 0.6335, 0.6706),
    0.6: (0.7043, 0.6481, 0.6823),
    0.7: (0.7165, 0.6646, 0.6994),
    0.8: (0.7158, 0.6641, 0.6984),
}
"""COCO AP at IoU 0.5 of WBF at its defaults by ensemble-boxes, for each IoU threshold and fold."""


@pytest.fixture(scope="module")
def folds(shared: Path) -> list[Fold]:
    found = []
    for fold in range(3):
        coco = load_annotations(shared / f"data/predictions/oof_fold{fold}_gt.json")
        images = ImageTable.from_coco(coco)
        paths = (shared / f"data/predictions/oof_fold{fold}_deta_{view}.csv" for view in ("identity", "hflip"))
        models = tuple(read_predictions(path, images) for path in paths)
        found.append(Fold(models, from_annotations(coco), Map50(coco, images)))
    return found


def test_single_views_score_what_is_known(folds: list[Fold]) -> None:
    assert [tuple(round(fold.score(model), 4) for model in fold.models) for fold in folds] == SINGLE


@pytest.mark.parametrize("iou_thr", FUSED)
def test_wbf_scores_what_is_known(folds: list[Fold], iou_thr: float) -> None:
    ours = [fold.score(fuse(fold.models, FusionSettings(iou_thr=iou_thr))) for fold in folds]
    assert tuple(round(score, 4) for score in ours) == FUSED[iou_thr]


@pytest.mark.slow
def test_the_reference_backend_gives_the_same_boxes(folds: list[Fold]) -> None:
    settings = FusionSettings(iou_thr=0.7)
    for fold in folds:
        found = fuse(fold.models, settings)
        theirs = fuse(fold.models, settings, backend="reference")
        for name in ("image_index", "labels", "scores", "bboxes"):
            np.testing.assert_array_equal(getattr(found, name), getattr(theirs, name))


@pytest.mark.slow
def test_tuned_settings_gain_two_points_on_folds_they_never_saw(folds: list[Fold]) -> None:
    tuned = tune(folds, trials=100, seed=0)
    assert np.mean(tuned.gains) >= 0.020, tuned.gains
    assert min(tuned.gains) > 0.0169  # more than plain WBF gains in any fold
