import math
from typing import Any

import numpy as np
import pytest

from mmdet_trash.errors import InputError
from mmdet_trash.fusion import Calibration, FusionSettings, fuse
from mmdet_trash.predictions import Predictions
from tests.builders import predictions, table
from tests.fusion.boxes import CONF_TYPES, assert_same_predictions, image_table, random_models, reordered

BOX = (10, 20, 50, 60)
IMAGES = table()


def model(*scores: float, label: int = 0, box: tuple = BOX) -> Predictions:
    """Boxes in the first of two images, all in one place."""
    return predictions(IMAGES, [(0, label, score, *box) for score in scores])


def some_settings(rng: np.random.Generator, models: int, **given: Any) -> FusionSettings:
    """Settings of every kind that ensemble-boxes knows, for three classes; some weights are 0."""
    weights: list[Any] = rng.choice([0.5, 1, 2.5, 3], models).tolist()
    if rng.random() < 0.5:
        row = rng.integers(models)
        weights[row] = tuple(rng.choice([0, 0.7, 1.3], 3).tolist())
    return FusionSettings(
        iou_thr=tuple(rng.choice([0.3, 0.5, 0.6, 0.8], 3).tolist()) if rng.random() < 0.5 else 0.55,
        skip_box_thr=tuple(rng.choice([0, 0.1, 0.3], models).tolist()) if rng.random() < 0.5 else 0.05,
        weights=tuple(weights) if any(map(np.any, weights)) and rng.random() < 0.7 else None,
        score_thr=tuple(rng.choice([0, 0.1, 0.2], 3).tolist()) if rng.random() < 0.5 else 0.0,
        max_per_img=int(rng.integers(1, 9)) if rng.random() < 0.5 else None,
        **given,
    )


@pytest.mark.parametrize(
    "method",
    [*({"method": "wbf", "conf_type": conf_type} for conf_type in CONF_TYPES), {"method": "nmw"}, {"method": "nms"}],
    ids=lambda method: "-".join(method.values()),
)
def test_the_compiled_functions_give_the_bits_of_ensemble_boxes(method: dict[str, str]) -> None:
    rng = np.random.default_rng(0)
    boxes = 0
    for number in range(50):
        models = random_models(rng, models=int(rng.integers(1, 6)))
        settings = some_settings(rng, len(models), allows_overflow=bool(number % 2), **method)
        expected = fuse(models, settings, backend="reference")
        assert_same_predictions(expected, fuse(models, settings), what=(number, settings))
        boxes += len(expected)
    assert boxes > 500


def test_soft_nms_gives_what_ensemble_boxes_gives() -> None:
    rng = np.random.default_rng(1)
    for number in range(50):
        models = random_models(rng, models=int(rng.integers(1, 6)))
        settings = some_settings(
            rng, len(models), method="soft_nms", sigma=float(rng.choice([0.1, 0.5])), soft_thr=0.01
        )
        expected, found = fuse(models, settings, backend="reference"), fuse(models, settings)
        for name in ("image_index", "labels", "bboxes"):
            np.testing.assert_array_equal(getattr(found, name), getattr(expected, name), err_msg=str(number))
        np.testing.assert_allclose(found.scores, expected.scores, rtol=1e-12, err_msg=str(number))


@pytest.mark.parametrize("method", ["wbf", "nmw", "nms", "soft_nms"])
def test_the_number_of_threads_changes_nothing(method: str) -> None:
    models = random_models(np.random.default_rng(2), images=200)
    settings = FusionSettings(method, decay_sigma=0.5)
    expected = fuse(models, settings, threads=1)
    assert len(np.unique(expected.image_index)) > 150
    for threads in (None, 2, 3):
        assert_same_predictions(expected, fuse(models, settings, threads=threads), what=threads)


def test_a_model_that_found_nothing_in_an_image_counts() -> None:
    fused = fuse([model(0.9), model(), model()])
    assert fused.scores == pytest.approx([0.9 / 3])
    fused = fuse([model(0.9), model(), model()], FusionSettings(weights=(2, 1, 1)))
    assert fused.scores == pytest.approx([0.9 * 2 / 4])


def test_duplicates_dilute_a_plain_average_and_not_one_vote() -> None:
    repeated = model(0.9, 0.05, 0.05, 0.05, 0.05, 0.05)
    assert fuse([repeated]).scores == pytest.approx([(0.9 + 5 * 0.05) / 6])
    assert fuse([repeated], FusionSettings(one_vote=True)).scores == pytest.approx([0.9])


def test_duplicates_of_a_model_do_not_move_the_box_under_one_vote() -> None:
    rows = [(0, 0, 0.9, *BOX), *((0, 0, 0.5, 12, 22, 52, 62) for _ in range(5))]
    fused = fuse([predictions(IMAGES, rows), model(0.3)], FusionSettings(one_vote=True))
    np.testing.assert_allclose(fused.bboxes, [BOX], rtol=1e-6)
    assert fused.scores == pytest.approx([(0.9 + 0.3) / 2])


def iou(a: list[float], b: list[float]) -> float:
    inter = max(0, min(a[2], b[2]) - max(a[0], b[0])) * max(0, min(a[3], b[3]) - max(a[1], b[1]))
    return inter / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - inter)


def one_vote_fusion(rows: list[tuple[float, int, list[float]]], models: int, thr: float) -> list[tuple]:
    """Boxes `(score, model, box)` of a class; a model's best box in a cluster counts, the first that comes to it."""
    clusters: list[dict[int, tuple[float, list[float]]]] = []
    places: list[list[float]] = []
    for score, who, box in sorted(rows, key=lambda row: -row[0]):
        overlaps = [iou(place, box) for place in places]
        best = max(range(len(places)), key=lambda k: overlaps[k], default=-1)
        if best < 0 or overlaps[best] <= thr:
            clusters.append({who: (score, box)})
            places.append(box)
        elif who not in clusters[best]:
            clusters[best][who] = (score, box)
            votes = list(clusters[best].values())
            places[best] = [sum(s * b[i] for s, b in votes) / sum(s for s, _ in votes) for i in range(4)]
    return [(sum(s for s, _ in c.values()) / models, place) for c, place in zip(clusters, places, strict=True)]


def test_one_vote_takes_each_models_best_box_in_a_cluster() -> None:
    rng = np.random.default_rng(3)
    clusters = 0
    for _ in range(20):
        models = random_models(rng, models=3, shuffled=False)
        fused = fuse(models, FusionSettings(one_vote=True, iou_thr=0.5))
        for image in range(len(fused.images)):
            size = np.tile(fused.images.sizes[image], 2).astype(float)
            for label in range(3):
                rows = []
                for who, found in enumerate(models):
                    here = (found.image_index == image) & (found.labels == label)
                    shares = (found.bboxes[here] / size).clip(0, 1)
                    shares = np.concatenate(
                        [np.minimum(shares[:, :2], shares[:, 2:]), np.maximum(shares[:, :2], shares[:, 2:])], 1
                    )
                    rows += [(s, who, b) for s, b in zip(found.scores[here], shares.tolist(), strict=True)]
                expected = sorted(one_vote_fusion(rows, 3, 0.5), key=lambda row: -row[0])
                here = (fused.image_index == image) & (fused.labels == label)
                np.testing.assert_allclose(fused.scores[here], [score for score, _ in expected], rtol=1e-5)
                boxes = np.array([box for _, box in expected]).reshape(-1, 4) * size
                np.testing.assert_allclose(fused.bboxes[here], boxes, rtol=1e-5, atol=1e-3)
                clusters += len(expected)
    assert clusters > 200


@pytest.mark.parametrize(
    ("options", "score"),
    [
        ({"conf_type": "model_max"}, (0.8 + 0.4) / 3),
        ({"conf_type": "model_max", "absent_score": 0.1}, (0.8 + 0.4 + 0.1) / 3),
        ({"conf_type": "model_max", "weights": (2, 1, 1)}, (2 * 0.8 + 0.4) / 4),
        ({"conf_type": "model_max", "weights": (2, 1, 1), "absent_score": 0.1}, (2 * 0.8 + 0.4 + 0.1) / 4),
        ({"conf_type": "model_max", "weights": (1, 1, 0)}, (0.8 + 0.4) / 2),
        ({"conf_type": "noisy_or"}, 1 - (1 - 0.8) * (1 - 0.4)),
        ({"conf_type": "noisy_or", "absent_score": 0.1}, 1 - (1 - 0.8) * (1 - 0.4) * (1 - 0.1)),
        ({"conf_type": "noisy_or", "weights": (2, 1, 1)}, 1 - (1 - 0.8) * (1 - 0.4 / 2)),
        (
            {"conf_type": "noisy_or", "weights": (2, 1, 1), "absent_score": 0.1},
            1 - (1 - 0.8) * (1 - 0.4 / 2) * (1 - 0.1 / 2),
        ),
        # What an absent model is taken to have said is never more than the best that another gave.
        ({"conf_type": "model_max", "absent_score": 0.95}, (0.8 + 0.4 + 0.8) / 3),
        ({"conf_type": "noisy_or", "absent_score": 0.95}, 1 - (1 - 0.8) * (1 - 0.4) * (1 - 0.8)),
    ],
)
def test_each_models_best_box_scores_a_cluster_by_its_formula(options: dict[str, Any], score: float) -> None:
    """The first model repeats itself, the third found nothing."""
    assert fuse([model(0.8, 0.6, 0.3), model(0.4), model()], FusionSettings(**options)).scores == pytest.approx([score])


def test_an_absent_score_lets_a_weak_box_stay_as_weak_as_it_is() -> None:
    settings = FusionSettings(conf_type="model_max", absent_score=0.1)
    assert fuse([model(0.02), model(), model()], settings).scores == pytest.approx([0.02])


def test_fused_boxes_that_still_overlap_sink_by_their_overlap() -> None:
    # Of the first box the second covers the upper half, the third a tenth; the fourth is of another class.
    rows = [(0, 0, 0.9, 0, 0, 40, 40), (0, 0, 0.8, 0, 0, 40, 20), (0, 0, 0.6, 0, 36, 40, 40), (0, 1, 0.7, 0, 0, 40, 20)]
    fused = fuse([predictions(IMAGES, rows)], FusionSettings(iou_thr=0.9, decay_sigma=0.6, decay_iou_thr=0.3))
    expected = {
        (0, 40.0, 0.0): 0.9,
        (0, 20.0, 0.0): 0.8 * math.exp(-(0.5**2) / 0.6),
        (0, 40.0, 36.0): 0.6,
        (1, 20.0, 0.0): 0.7,
    }
    places = zip(fused.labels.tolist(), fused.bboxes[:, 3].round(9), fused.bboxes[:, 1].round(9), strict=True)
    assert dict(zip(places, fused.scores.tolist(), strict=True)) == pytest.approx(expected)
    assert fused.scores.tolist() == sorted(fused.scores, reverse=True)
    plain = fuse([predictions(IMAGES, rows)], FusionSettings(iou_thr=0.9))
    assert sorted(plain.scores) == pytest.approx([0.6, 0.7, 0.8, 0.9])


def test_soft_nms_gives_the_scores_that_sank() -> None:
    rows = [(0, 0, 0.9, 0, 0, 40, 40), (0, 0, 0.8, 0, 0, 40, 20), (1, 0, 0.7, 0, 0, 40, 20)]
    fused = fuse([predictions(IMAGES, rows)], FusionSettings("soft_nms", sigma=0.4))
    assert fused.scores == pytest.approx([0.9, 0.8 * math.exp(-(0.5**2) / 0.4), 0.7])
    fused = fuse([predictions(IMAGES, rows)], FusionSettings("soft_nms", sigma=0.4, soft_thr=0.5))
    assert fused.scores == pytest.approx([0.9, 0.7])


@pytest.mark.parametrize("method", ["wbf", "nmw", "nms", "soft_nms"])
def test_fused_boxes_lie_in_their_image_with_scores_that_fall(method: str) -> None:
    rng = np.random.default_rng(4)
    fused = fuse(random_models(rng, images=40, models=4), FusionSettings(method, decay_sigma=0.5))
    assert len(fused) > 100
    assert (fused.bboxes >= 0).all()
    # To the precision of the float32 that the library averages in; the exact claim has a test of its own.
    assert (fused.bboxes <= np.tile(fused.images.sizes[fused.image_index], 2) * (1 + 1e-6)).all()
    assert (fused.bboxes[:, :2] < fused.bboxes[:, 2:]).all()
    same_image = np.diff(fused.image_index) == 0
    assert (np.diff(fused.scores)[same_image] <= 0).all()


def test_boxes_averaged_at_the_edge_end_at_the_edge() -> None:
    fused = fuse([model(0.66, box=(40, 20, 100, 80)), model(0.63, box=(40, 20, 100, 80))])
    assert (fused.bboxes[:, 2:] <= [100, 80]).all()


def test_the_reference_takes_an_image_whose_boxes_have_no_area() -> None:
    settings = FusionSettings("nms")
    models = [model(0.5, box=(-20, 10, -10, 20))]
    assert len(fuse(models, settings)) == 0
    assert len(fuse(models, settings, backend="reference")) == 0


@pytest.mark.parametrize("method", ["wbf", "nmw", "nms", "soft_nms"])
def test_the_order_of_images_changes_only_the_order_of_results(method: str) -> None:
    rng = np.random.default_rng(5)
    settings = FusionSettings(method)
    for _ in range(5):
        models = random_models(rng, images=70, shuffled=False)
        order = rng.permutation(70)
        expected = reordered(fuse(models, settings), order)
        assert_same_predictions(expected, fuse([reordered(found, order) for found in models], settings))
        # The first model's table says the order of the result, whatever that of the others.
        assert_same_predictions(expected, fuse([reordered(models[0], order), *models[1:]], settings))


def test_images_are_joined_on_their_id() -> None:
    here, there = image_table(3), image_table(3, [2, 0, 1])
    first = predictions(here, [(2, 0, 0.8, *BOX)])
    second = predictions(there, [(0, 0, 0.4, *BOX), (1, 1, 0.6, *BOX)])
    fused = fuse([first, second])
    assert fused.images.same_as(here)
    assert list(zip(fused.image_index.tolist(), fused.labels.tolist(), strict=True)) == [(0, 1), (2, 0)]
    assert fused.scores == pytest.approx([0.3, 0.6])


NESTED = FusionSettings(
    "wbf", 0.6, skip_box_thr=(0.1, 0.0), weights=(2, 1), conf_type="model_max", score_thr=0.05, max_per_img=6
)


@pytest.mark.parametrize(
    "settings", [FusionSettings(), NESTED, FusionSettings(within=FusionSettings("nms", 0.4, weights=(1, 3)))]
)
def test_a_list_in_the_place_of_a_model_is_fused_first(settings: FusionSettings) -> None:
    a, b, c = random_models(np.random.default_rng(6))
    expected = fuse([fuse([a, b], settings.of_group()), c], settings)
    assert_same_predictions(expected, fuse([[a, b], c], settings))
    assert len(expected) > 10


def test_lists_may_hold_lists() -> None:
    a, b, c, d = random_models(np.random.default_rng(7), models=4)
    settings = FusionSettings(within=FusionSettings("nms", 0.4, within=FusionSettings("nmw")))
    outer, inner = settings.of_group(), settings.of_group().of_group()
    expected = fuse([fuse([fuse([a, b], inner), c], outer), d], settings)
    assert_same_predictions(expected, fuse([[[a, b], c], d], settings))


def test_calibration_comes_before_all_else() -> None:
    half = Calibration("min_max", (((0.0, 1.0), (0.0, 0.5)),))
    settings = FusionSettings(calibration=(half, None), skip_box_thr=0.42)
    # 0.8 becomes 0.4, which is too weak; 0.9 of the other model stays.
    assert fuse([model(0.8), model(0.9)], settings).scores == pytest.approx([0.45])
    assert fuse([model(0.86), model(0.9)], settings).scores == pytest.approx([(0.43 + 0.9) / 2])


def test_thresholds_and_the_limit_of_boxes_are_kept() -> None:
    rows = [(0, i % 2, 0.1 + 0.1 * i, 10 * i, 0, 10 * i + 8, 8) for i in range(8)]
    found = predictions(IMAGES, rows)
    assert fuse([found], FusionSettings(score_thr=(0.45, *[0.75] * 9))).scores == pytest.approx([0.8, 0.7, 0.5])
    assert fuse([found], FusionSettings(max_per_img=3)).scores == pytest.approx([0.8, 0.7, 0.6])
    assert fuse([found], FusionSettings(skip_box_thr=0.65)).scores == pytest.approx([0.8, 0.7])


@pytest.mark.parametrize("backend", ["numba", "reference"])
@pytest.mark.parametrize("method", ["wbf", "nmw", "nms", "soft_nms"])
def test_models_that_found_nothing_give_nothing(backend: str, method: str) -> None:
    fused = fuse([model(), model()], FusionSettings(method), backend)
    assert (len(fused), fused.bboxes.shape) == (0, (0, 4))
    assert fused.images.same_as(IMAGES)


@pytest.mark.parametrize(
    ("models", "settings", "message"),
    [
        ([model(0.5), predictions(table(("a.jpg",)))], {}, "model 2 is about other images than model 1: 17 is none"),
        ([predictions(table(("a.jpg",))), model(0.5)], {}, "model 2 is about other images than model 1: 17 is none"),
        ([model(0.5), predictions(table(categories=range(9)))], {}, "model 2 has other categories than model 1"),
        ([model(0.5), model(0.5, -0.25)], {}, "model 2: a score is -0.25, 0 or more is right"),
        ([model(0.5)], {"weights": (1, 1)}, "weights: 2 numbers for 1 models"),
        ([model(0.5)] * 2, {"weights": (1,)}, "weights: 1 numbers for 2 models"),
        ([model(0.5)], {"weights": ((1, 2),)}, "weights of a model: 2 numbers for 10 classes"),
        ([model(0.5)], {"iou_thr": (0.5, 0.5)}, "iou_thr: 2 numbers for 10 classes"),
        ([model(0.5)], {"iou_thr": ()}, "iou_thr: 0 numbers for 10 classes"),
        ([model(0.5)], {"score_thr": (0.5,)}, "score_thr: 1 numbers for 10 classes"),
        ([model(0.5)], {"skip_box_thr": (0.5, 0.5)}, "skip_box_thr: 2 numbers for 1 models"),
        ([model(0.5)], {"calibration": (None, None)}, "calibration of 2 models, there are 1"),
    ],
)
def test_what_does_not_fit_together_is_refused_in_one_line(
    models: list[Predictions], settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError) as error:
        fuse(models, FusionSettings(**settings))
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)


def test_no_models_and_unknown_backends_are_refused() -> None:
    with pytest.raises(ValueError, match="at least one model is needed"):
        fuse([])
    with pytest.raises(ValueError, match="at least one model is needed"):
        fuse([[], model(0.5)])
    with pytest.raises(ValueError, match="backend 'cuda' is unknown, one of numba, reference is right"):
        fuse([model(0.5)], backend="cuda")


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"one_vote": True}, "one_vote"),
        ({"decay_sigma": 0.5}, "decay_sigma"),
        ({"absent_score": 0.1}, "absent_score"),
        ({"conf_type": "noisy_or"}, "conf_type noisy_or"),
        ({"conf_type": "model_max"}, "conf_type model_max"),
    ],
)
def test_the_reference_refuses_what_ensemble_boxes_does_not_know(settings: dict[str, Any], name: str) -> None:
    with pytest.raises(InputError, match=f"backend reference does not know {name}; backend numba does"):
        fuse([model(0.5)], FusionSettings(**settings), backend="reference")
