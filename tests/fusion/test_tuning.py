import dataclasses

import numpy as np
import pytest

from mmdet_trash.errors import InputError
from mmdet_trash.evaluation import Map50
from mmdet_trash.fusion import fuse
from mmdet_trash.fusion.tuning import Fold, tune
from mmdet_trash.predictions import Predictions, from_annotations
from tests.builders import coco


def simulated(seed: int, models: int = 2, images: int = 30) -> Fold:
    """A fold whose models find each object with some noise and score, one of them well and one badly."""
    rng = np.random.default_rng(seed)
    boxes = [
        (image, int(rng.integers(2)), [float(x) for x in (*rng.uniform(0, 50, 2), *rng.uniform(15, 30, 2))])
        for image in range(images)
        for _ in range(3)
    ]
    content = coco(images=images, boxes=boxes)
    truth = from_annotations(content)
    found = []
    for model in range(models):
        noise = rng.normal(0, 1.5 + 3 * model, truth.bboxes.shape)
        wrong = rng.random(len(truth)) < 0.3
        shift = np.where(wrong[:, None], 40.0, 0.0)
        scores = np.clip(rng.normal(np.where(wrong, 0.3, 0.6), 0.2), 0.01, 0.99)
        found.append(
            Predictions.from_columns(
                truth.images, truth.image_index, truth.labels, scores, truth.bboxes + noise + shift
            )
        )
    return Fold(tuple(found), truth, Map50(content, truth.images))


@pytest.mark.slow
def test_a_fold_is_scored_with_settings_that_never_saw_it() -> None:
    folds = [simulated(seed) for seed in range(3)]
    tuned = tune(folds, trials=14, processes=1)
    # Another score in the last fold changes what is found over all, and nothing of what the last fold is scored with.
    spied: list[Predictions] = []
    reversed_score = dataclasses.replace(folds[2], score=lambda found: spied.append(found) or -folds[2].score(found))
    other = tune([*folds[:2], reversed_score], trials=14, processes=1)
    assert other.nested[2] == -tuned.nested[2]
    assert other.nested[0] != tuned.nested[0]
    assert len(spied) > 14


@pytest.mark.slow
def test_the_same_seed_finds_the_same_with_any_number_of_processes() -> None:
    folds = [simulated(seed) for seed in range(2)]
    first, second = (tune(folds, trials=15, seed=3, processes=processes) for processes in (1, 2))
    assert first == second
    assert tune(folds, trials=15, seed=4, processes=1) != first


@pytest.mark.slow
def test_what_is_found_is_what_it_says() -> None:
    folds = [simulated(seed) for seed in range(2)]
    tuned = tune(folds, trials=15, processes=1)
    default = np.mean([fold.score(fuse(fold.models)) for fold in folds])
    assert tuned.fitted >= default  # the first trial is the library's default
    assert tuned.singles == tuple(tuple(fold.score(model) for model in fold.models) for fold in folds)
    assert tuned.gains == tuple(n - max(s) for n, s in zip(tuned.nested, tuned.singles, strict=True))
    if tuned.settings.calibration is None:
        assert np.mean([fold.score(fuse(fold.models, tuned.settings)) for fold in folds]) == tuned.fitted


def test_folds_that_do_not_fit_are_refused() -> None:
    with pytest.raises(InputError, match=r"^1 fold: two or more are needed, each is scored with settings"):
        tune([simulated(0)])
    with pytest.raises(InputError, match=r"^folds of 2, 1 files: each fold has one of each model, in one order$"):
        tune([simulated(0), simulated(1, models=1)])
