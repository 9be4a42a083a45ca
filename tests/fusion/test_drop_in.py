import copy
import warnings
from collections.abc import Callable
from typing import Any

import ensemble_boxes
import numpy as np
import pytest
from ensemble_boxes import ensemble_boxes_nmw, ensemble_boxes_wbf
from hypothesis import given
from hypothesis import strategies as st

from mmdet_trash import fusion
from mmdet_trash.errors import InputError
from tests.fusion.boxes import CONF_TYPES, Lists, assert_same, quietly, random_lists, random_weights

FUNCTIONS = ("weighted_boxes_fusion", "non_maximum_weighted", "nms", "soft_nms")
BOX = [0.1, 0.2, 0.5, 0.6]


class Stable(np.ndarray):
    """An array whose `argsort()[::-1]` is by falling value and keeps the order of equal ones."""

    def argsort(self, *args: Any, **kwargs: Any) -> np.ndarray:
        return np.argsort(-np.asarray(self), kind="stable")[::-1]


class StableNumpy:
    """NumPy whose new arrays sort stably."""

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)

    def array(self, *args: Any, **kwargs: Any) -> np.ndarray:
        return np.array(*args, **kwargs).view(Stable)

    def concatenate(self, *args: Any, **kwargs: Any) -> np.ndarray:
        return np.concatenate(*args, **kwargs).view(Stable)


@pytest.fixture
def stable_library(monkeypatch: pytest.MonkeyPatch) -> None:
    """ensemble-boxes with a stable sort, which visits labels in rising order."""
    for module in (ensemble_boxes_wbf, ensemble_boxes_nmw):
        monkeypatch.setattr(module, "np", StableNumpy())
        prefilter = module.prefilter_boxes
        monkeypatch.setattr(
            module, "prefilter_boxes", lambda *args, prefilter=prefilter: dict(sorted(prefilter(*args).items()))
        )
    # Its compiled overlap takes plain arrays only; the same function before compilation takes any.
    monkeypatch.setattr(
        ensemble_boxes_nmw, "bb_intersection_over_union", ensemble_boxes_nmw.bb_intersection_over_union.py_func
    )


def cases(seed: int, count: int) -> Any:
    """Random images with weights and a threshold; one in ten has up to 30 models."""
    rng = np.random.default_rng(seed)
    for number in range(count):
        dtype = (np.float32, np.float64)[number % 2]
        lists = random_lists(rng, dtype, most_models=30 if number % 10 == 0 else 6)
        yield rng, lists, random_weights(rng, len(lists[0])), float(rng.choice([0.3, 0.5, 0.55, 0.7, 0.9]))


def both(name: str, lists: Lists, *args: Any, **kwargs: Any) -> tuple[Any, Any]:
    """What the library gives and what we give, each for lists of its own: the library changes them."""
    return tuple(
        quietly(getattr(package, name), *copy.deepcopy(lists), *args, **kwargs) for package in (ensemble_boxes, fusion)
    )


@pytest.mark.parametrize("conf_type", CONF_TYPES)
def test_weighted_boxes_fusion_gives_the_bits_that_the_library_gives(conf_type: str) -> None:
    for number, (rng, lists, weights, iou_thr) in enumerate(cases(CONF_TYPES.index(conf_type), 1200)):
        skip, overflow = float(rng.choice([0, 0.1, 0.3])), bool(rng.random() < 0.3)
        assert_same(*both("weighted_boxes_fusion", lists, weights, iou_thr, skip, conf_type, overflow), what=number)


def test_weighted_boxes_fusion_of_a_crowd_adds_as_numpy_does() -> None:
    rng = np.random.default_rng(5)
    for models in (8, 9, 17, 30, 129, 140):
        boxes = [(np.array([BOX]) + rng.normal(0, 0.01, (1, 4))).clip(0, 1) for _ in range(models)]
        scores, labels = [rng.random(1) for _ in boxes], [np.zeros(1) for _ in boxes]
        for conf_type in CONF_TYPES:
            found = both(
                "weighted_boxes_fusion", (boxes, scores, labels), list(rng.random(models)), conf_type=conf_type
            )
            assert_same(*found, what=(models, conf_type))


def test_non_maximum_weighted_gives_the_bits_that_the_library_gives() -> None:
    for number, (rng, lists, weights, iou_thr) in enumerate(cases(10, 800)):
        skip = float(rng.choice([0, 0.1, 0.3]))
        assert_same(*both("non_maximum_weighted", lists, weights, iou_thr, skip), what=number)


def has_area(lists: Lists) -> bool:
    """Whether a box is left when all are cut to [0, 1]: without one, the library's NMS raises."""
    boxes = np.concatenate(lists[0]).clip(0, 1)
    return bool(((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1]) != 0).any())


def test_nms_gives_the_bits_that_the_library_gives() -> None:
    compared = 0
    for number, (_, lists, weights, iou_thr) in enumerate(cases(11, 800)):
        if has_area(lists):
            assert_same(*both("nms", lists, iou_thr, weights), what=number)
            compared += 1
    assert compared > 600


@pytest.mark.parametrize("method", [1, 2, 3])
def test_soft_nms_gives_the_bits_that_the_library_gives(method: int) -> None:
    compared = 0
    for number, (rng, lists, weights, iou_thr) in enumerate(cases(11 + method, 400)):
        sigma, thresh = float(rng.choice([0.1, 0.5])), float(rng.choice([0.001, 0.05, 0.2]))
        if has_area(lists):
            assert_same(*both("soft_nms", lists, method, iou_thr, sigma, thresh, weights), what=number)
            compared += 1
    assert compared > 300


@pytest.mark.parametrize("conf_type", [*CONF_TYPES, None])
def test_equal_scores_keep_the_order_of_labels_models_and_boxes(stable_library: None, conf_type: str | None) -> None:
    rng = np.random.default_rng(20)
    name = "non_maximum_weighted" if conf_type is None else "weighted_boxes_fusion"
    options = {} if conf_type is None else {"conf_type": conf_type}
    for number in range(150):
        boxes, scores, labels = random_lists(rng)
        scores = [rng.choice([0.25, 0.5, 0.75], len(column)) for column in scores]
        weights = None if number % 2 else rng.choice([1, 2], len(boxes)).tolist()
        assert_same(*both(name, (boxes, scores, labels), weights, **options), what=number)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_boxes_of_one_score_come_by_label_then_model_then_place(name: str) -> None:
    places = np.array([[i / 10, 0.1, i / 10 + 0.05, 0.2] for i in range(6)])
    # Of each model two boxes; labels fall from the first model to the last.
    boxes, labels = [places[:2], places[2:4], places[4:]], [[2, 0], [1, 0], [1, 0]]
    found = getattr(fusion, name)(boxes, [[0.5, 0.5]] * 3, labels)
    assert found[2].tolist() == [0, 0, 0, 1, 1, 2]
    np.testing.assert_allclose(found[0][:, 0], [0.1, 0.3, 0.5, 0.2, 0.4, 0.0], atol=1e-6)


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("models", [1, 3])
def test_without_any_box_the_arrays_are_empty(name: str, models: int) -> None:
    for empty in (np.zeros((0, 4)), []):
        boxes, scores, labels = getattr(fusion, name)([empty] * models, [[]] * models, [[]] * models)
        assert (boxes.shape, scores.shape, labels.shape) == ((0, 4), (0,), (0,))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_boxes_without_area_leave_empty_arrays(name: str) -> None:
    boxes, scores, labels = getattr(fusion, name)(
        [[[0.1, 0.2, 0.1, 0.9], [0.3, 0.5, 0.7, 0.5]]], [[0.5, 0.6]], [[0, 1]]
    )
    assert (boxes.shape, scores.shape, labels.shape) == ((0, 4), (0,), (0,))


def test_one_box_of_one_model_stays_as_it_is() -> None:
    for name in FUNCTIONS:
        boxes, scores, labels = getattr(fusion, name)([[BOX]], [[0.75]], [[4]])
        np.testing.assert_allclose(boxes, [BOX], rtol=1e-6)
        assert (scores.tolist(), labels.tolist()) == ([0.75], [4])


@given(
    st.lists(st.lists(st.sampled_from([0.0, 0.0, 1e-30, 0.5]), max_size=5), min_size=1, max_size=4),
    st.sampled_from([*CONF_TYPES, "model_max", "noisy_or"]),
    st.booleans(),
)
def test_a_score_of_zero_never_makes_a_nan(scores: list[list[float]], conf_type: str, weighted: bool) -> None:
    boxes = [[[0.1, 0.2, 0.5, 0.6 + 0.001 * i] for i in range(len(column))] for column in scores]
    labels = [[0] * len(column) for column in scores]
    weights = [i + 0.5 for i in range(len(scores))] if weighted else None
    given_boxes = sum(map(len, scores))
    for name in ("weighted_boxes_fusion", "non_maximum_weighted", "nms", "soft_nms"):
        options = {"conf_type": conf_type} if name == "weighted_boxes_fusion" else {}
        found = getattr(fusion, name)(boxes, scores, labels, weights=weights, **options)
        assert all(np.isfinite(column).all() for column in found), name
        if name != "soft_nms":  # which drops what sank to its threshold
            assert len(found[1]) == (given_boxes > 0)
        assert (np.abs(found[0][:, :3] - BOX[:3]) < 1e-6).all(), name


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_weight_of_zero_is_as_if_the_model_were_not_there(name: str) -> None:
    rng = np.random.default_rng(30)
    compared = 0
    for _ in range(150):
        lists = random_lists(rng)
        weights = [float(w) for w in rng.choice([0, 0.5, 1, 2], len(lists[0]))]
        kept = [i for i, weight in enumerate(weights) if weight > 0]
        if not kept:
            continue
        without = tuple([column[i] for i in kept] for column in lists)
        function = getattr(fusion, name)
        expected = quietly(function, *without, weights=[weights[i] for i in kept])
        assert_same(expected, quietly(function, *lists, weights=weights))
        compared += len(kept) < len(weights)
    assert compared > 50


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_callers_lists_stay_as_they_are(name: str) -> None:
    rng = np.random.default_rng(31)
    for _ in range(30):
        lists = random_lists(rng, np.float32)
        before = copy.deepcopy(lists)
        quietly(getattr(fusion, name), *lists, weights=[2.0] * len(lists[0]))
        for given_column, copied in zip(lists, before, strict=True):
            assert_same(copied, given_column)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_boxes_outside_give_one_warning_in_all(name: str) -> None:
    boxes = [[[-0.1, 0, 0.5, 0.5], [0.2, 0.2, 1.5, 2]], [[0.2, 0.2, 0.4, 0.4]], [[0.5, 0.5, 0.9, 1.1]]]
    scores, labels = [[0.9, 0.8], [0.7], [0.6]], [[0, 1], [2], [3]]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = getattr(fusion, name)(boxes, scores, labels)
    assert [str(w.message).split(";")[0] for w in caught] == ["3 of 4 boxes reach outside [0, 1] and were cut"]
    assert caught[0].filename == __file__
    assert found[0].min() == 0
    assert found[0].max() == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        getattr(fusion, name)([[[0, 0, 1, 1]]], [[0.5]], [[0]])


MALFORMED: dict[str, tuple[list, list, list]] = {
    "fewer scores": ([[BOX, BOX]], [[0.5]], [[0, 0]]),
    "fewer labels": ([[BOX, BOX]], [[0.5, 0.5]], [[0]]),
    "fewer boxes": ([[BOX]], [[0.5, 0.5]], [[0, 0]]),
    "fewer models in scores": ([[BOX], [BOX]], [[0.5]], [[0], [0]]),
    "fewer models in labels": ([[BOX], [BOX]], [[0.5], [0.5]], [[0]]),
    "no models": ([], [], []),
    "NaN corner": ([[[0.1, 0.2, float("nan"), 0.6]]], [[0.5]], [[0]]),
    "infinite corner": ([[[0.1, 0.2, float("inf"), 0.6]]], [[0.5]], [[0]]),
    "NaN score": ([[BOX]], [[float("nan")]], [[0]]),
    "infinite score": ([[BOX]], [[float("inf")]], [[0]]),
    "score below 0": ([[BOX]], [[-0.1]], [[0]]),
}


def refused(function: Callable[..., Any], *args: Any, **kwargs: Any) -> str:
    with pytest.raises(InputError) as error:
        function(*args, **kwargs)
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("what", MALFORMED)
def test_malformed_lists_are_refused_in_one_line(name: str, what: str) -> None:
    message = refused(getattr(fusion, name), *MALFORMED[what])
    assert "model" in message


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([1, -1], "weight 2 is -1.0"),
        ([float("nan"), 1], "weight 1 is nan"),
        ([1, float("inf")], "weight 2 is inf"),
        ([0, 0], "all weights are zero"),
        ([1], "weights: 1 numbers for 2 models"),
        ([1, 1, 1], "weights: 3 numbers for 2 models"),
    ],
)
def test_weights_that_do_not_fit_are_refused_in_one_line(name: str, weights: list[float], message: str) -> None:
    lists = ([[BOX], [BOX]], [[0.5], [0.6]], [[0], [0]])
    assert message in refused(getattr(fusion, name), *lists, weights=weights)


def test_an_unknown_conf_type_is_refused_in_one_line() -> None:
    message = refused(fusion.weighted_boxes_fusion, [[BOX]], [[0.5]], [[0]], conf_type="mean")
    assert "conf_type 'mean' is unknown" in message
    assert all(known in message for known in CONF_TYPES)
