import dataclasses
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmdet_trash.errors import InputError
from mmdet_trash.fusion import Calibration, FusionSettings
from mmdet_trash.fusion.settings import CONF_TYPES, METHODS

NAN, INF = float("nan"), float("inf")
CURVE = Calibration("rank", (((0.0, 0.5, 1.0), (0.0, 0.25, 1.0)),))


def one_or_several(numbers: st.SearchStrategy[float]) -> st.SearchStrategy[Any]:
    return numbers | st.lists(numbers, min_size=1, max_size=4).map(tuple)


SHARES = st.floats(0, 1) | st.sampled_from([0, 1])
POSITIVE = st.floats(0, 1e6, exclude_min=True) | st.integers(1, 9)
WEIGHTS = st.lists(one_or_several(st.floats(0, 9)), max_size=4).map(lambda some: (*some, 1.5))
PLAIN: dict[str, st.SearchStrategy[Any]] = {
    "method": st.sampled_from(METHODS),
    "iou_thr": one_or_several(SHARES),
    "skip_box_thr": one_or_several(SHARES),
    "weights": st.none() | WEIGHTS,
    "conf_type": st.sampled_from(CONF_TYPES),
    "allows_overflow": st.booleans(),
    "one_vote": st.booleans(),
    "absent_score": SHARES,
    "sigma": POSITIVE,
    "soft_thr": SHARES,
    "decay_sigma": st.none() | POSITIVE,
    "decay_iou_thr": SHARES,
    "score_thr": one_or_several(SHARES),
    "max_per_img": st.none() | st.integers(1, 1000),
    "calibration": st.none() | st.lists(st.none() | st.just(CURVE), min_size=1, max_size=3).map(tuple),
}
SETTINGS = st.recursive(
    st.builds(FusionSettings, **PLAIN),
    lambda inner: st.builds(FusionSettings, **PLAIN, within=inner),
    max_leaves=2,
)


def refused(content: Any) -> str:
    with pytest.raises(InputError) as error:
        FusionSettings.from_dict(content)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_every_setting_is_drawn_in_the_round_trip() -> None:
    assert {*PLAIN, "within"} == {field.name for field in dataclasses.fields(FusionSettings)}


@given(SETTINGS)
def test_settings_written_as_json_come_back_the_same(settings: FusionSettings) -> None:
    assert FusionSettings.from_dict(json.loads(json.dumps(settings.to_dict()))) == settings


def test_only_what_differs_from_the_default_is_written() -> None:
    assert FusionSettings().to_dict() == {}
    settings = FusionSettings(
        method="nmw", weights=(1, (2, 3)), calibration=(None, CURVE), within=FusionSettings("nms")
    )
    assert settings.to_dict() == {
        "method": "nmw",
        "weights": [1, [2, 3]],
        "calibration": [None, {"kind": "rank", "curves": [{"x": [0.0, 0.5, 1.0], "y": [0.0, 0.25, 1.0]}]}],
        "within": {"method": "nms"},
    }


def test_settings_given_as_lists_are_kept_as_tuples() -> None:
    settings = FusionSettings(iou_thr=[0.5, 0.6], skip_box_thr=[0.1], score_thr=[0, 0.5], weights=[1, [2, 3]])
    assert (settings.iou_thr, settings.skip_box_thr, settings.score_thr) == ((0.5, 0.6), (0.1,), (0, 0.5))
    assert settings.weights == (1, (2, 3))


@pytest.mark.parametrize("unknown", ["iou", "Method", "", 3])
def test_a_name_that_is_no_setting_is_refused_with_those_that_are(unknown: Any) -> None:
    message = refused({"method": "wbf", unknown: 1})
    assert message.startswith(f"setting {str(unknown)!r} is unknown, one of method, iou_thr, ")


@pytest.mark.parametrize("content", [None, [], "wbf", 3, ["method"]])
def test_what_is_no_mapping_is_refused(content: Any) -> None:
    assert refused(content) == f"settings are {content!r}, a mapping is right"
    if content is not None:
        assert refused({"within": content}) == f"settings are {content!r}, a mapping is right"


BETWEEN = "a number between 0 and 1"
AT_LEAST = "a number of 0 or more"
ABOVE = "a number above 0"
WHOLE = "a whole number of 1 or more"


@pytest.mark.parametrize(
    ("name", "value", "right"),
    [
        ("iou_thr", 1.01, BETWEEN),
        ("iou_thr", -0.1, BETWEEN),
        ("iou_thr", NAN, BETWEEN),
        ("iou_thr", "0.5", BETWEEN),
        ("iou_thr", None, BETWEEN),
        ("iou_thr", True, BETWEEN),
        ("skip_box_thr", -0.1, AT_LEAST),
        ("skip_box_thr", INF, AT_LEAST),
        ("score_thr", -1e-9, AT_LEAST),
        ("absent_score", 1.5, BETWEEN),
        ("soft_thr", -0.5, BETWEEN),
        ("decay_iou_thr", NAN, BETWEEN),
        ("sigma", 0, ABOVE),
        ("sigma", INF, ABOVE),
        ("decay_sigma", 0, ABOVE),
        ("decay_sigma", -1, ABOVE),
        ("max_per_img", 0, WHOLE),
        ("max_per_img", -3, WHOLE),
        ("max_per_img", 2.5, WHOLE),
        ("max_per_img", True, WHOLE),
        ("max_per_img", "all", WHOLE),
        ("allows_overflow", 1, "true or false"),
        ("one_vote", "no", "true or false"),
    ],
)
def test_a_wrong_value_is_refused_with_what_would_be_right(name: str, value: Any, right: str) -> None:
    assert refused({name: value}) == f"{name} is {value!r}, {right} is right"


@pytest.mark.parametrize("name", ["iou_thr", "skip_box_thr", "score_thr"])
def test_one_wrong_number_of_several_is_named(name: str) -> None:
    assert refused({name: [0.5, -2, 0.5]}).startswith(f"{name} is -2, ")


@pytest.mark.parametrize("name", ["absent_score", "sigma", "soft_thr", "decay_sigma", "decay_iou_thr", "max_per_img"])
def test_several_numbers_where_one_is_right_are_refused(name: str) -> None:
    assert refused({name: [0.5, 0.5]}).startswith(f"{name} is (0.5, 0.5), ")


@pytest.mark.parametrize(("name", "known"), [("method", METHODS), ("conf_type", CONF_TYPES)])
@pytest.mark.parametrize("value", ["WBF", "", None, 0])
def test_an_unknown_choice_is_refused_with_those_that_are_known(name: str, known: tuple[str, ...], value: Any) -> None:
    assert refused({name: value}) == f"{name} {value!r} is unknown, one of {', '.join(known)} is right"


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([1, -1], "weight 2 is -1, a number of 0 or more is right"),
        ([NAN], "weight 1 is nan, a number of 0 or more is right"),
        ([1, [1, INF]], "weight 2 is inf, a number of 0 or more is right"),
        ([None], "weight 1 is None, a number of 0 or more is right"),
        (["1"], "weight 1 is '1', a number of 0 or more is right"),
        ([True, 1], "weight 1 is True, a number of 0 or more is right"),
        ([0, 0.0], "all weights are zero, at least one model must count"),
        ([[0, 0], 0], "all weights are zero, at least one model must count"),
        ([], "all weights are zero, at least one model must count"),
    ],
)
def test_wrong_weights_are_refused(weights: list[Any], message: str) -> None:
    assert refused({"weights": weights}) == message


@pytest.mark.parametrize(
    "content",
    [{"weights": 3}, {"sigma": 10**400}, {"calibration": [{"kind": "rank", "curves": [{"x": [10**400], "y": [0]}]}]}],
)
def test_numbers_of_the_wrong_shape_or_size_are_refused(content: dict[str, Any]) -> None:
    assert next(iter(content)).rstrip("s") in refused(content)


@pytest.mark.parametrize("content", [{"rank": 1}, "rank", [3], [{"kind": "rank"}], [{"kind": "odd", "curves": []}]])
def test_what_is_no_calibration_is_refused(content: Any) -> None:
    assert "calibration" in refused({"calibration": content})


def test_a_group_is_fused_as_the_whole_is_but_for_what_is_said_of_models() -> None:
    whole = FusionSettings(
        "wbf", 0.6, (0.1, 0.2), (1, 2), "max", True, True, 0.1, 0.4, 0.01, 0.3, 0.45, 0.05, 7, (CURVE, None)
    )
    assert whole.of_group() == FusionSettings(
        "wbf", 0.6, 0.0, None, "max", True, True, 0.1, 0.4, 0.01, 0.3, 0.45, 0.0, None, None
    )


def test_a_group_is_fused_by_settings_of_its_own_if_there_are_any() -> None:
    inner = FusionSettings("nms", 0.4, weights=(1, 2), max_per_img=3)
    assert FusionSettings(within=inner).of_group() is inner
