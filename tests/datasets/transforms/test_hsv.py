import colorsys

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmdet_trash.datasets.transforms import HSVJitter
from mmdet_trash.errors import InputError

gains = st.tuples(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1))


def noise(seed, shape=(6, 8, 3)):
    image = np.random.default_rng(seed).integers(0, 256, shape).astype(np.uint8)
    image.flags.writeable = False
    return image


def jittered(image, factors):
    """In floating point, but for the whole numbers that OpenCV's hue, saturation and value are."""
    out = np.empty(image.shape)
    hsv = cv2.cvtColor(image, cv2.COLOR_BGR2HSV)
    for place in np.ndindex(image.shape[:2]):
        hue, saturation, value = hsv[place] * factors
        # OpenCV counts hue in steps of two degrees.
        numbers = int(hue % 180) / 180, int(min(saturation, 255)) / 255, int(min(value, 255)) / 255
        out[place] = [255 * channel for channel in colorsys.hsv_to_rgb(*numbers)[::-1]]
    return out


@settings(max_examples=50)
@given(seed=st.integers(0, 2**32 - 1), gains=gains)
def test_hue_saturation_and_value_are_multiplied_by_factors_near_one(seed, gains):
    image = noise(seed)
    np.random.seed(seed)
    got = HSVJitter(*gains).transform({"img": image})["img"]
    np.random.seed(seed)
    factors = 1 + np.random.uniform(-1, 1, 3) * gains
    assert got.dtype == np.uint8
    np.testing.assert_allclose(got, jittered(image, factors), atol=1.5)


def test_gains_of_zero_change_nothing_but_by_the_way_to_hsv_and_back():
    image = noise(0, (40, 50, 3))
    results = HSVJitter(0, 0, 0).transform({"img": image})
    back = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_BGR2HSV), cv2.COLOR_HSV2BGR)
    np.testing.assert_array_equal(results["img"], back)


def test_grey_stays_grey_whatever_becomes_of_hue_and_saturation():
    image = np.repeat(np.arange(256, dtype=np.uint8).reshape(16, 16, 1), 3, 2)
    for seed in range(10):
        np.random.seed(seed)
        np.testing.assert_array_equal(HSVJitter(1, 1, 0).transform({"img": image})["img"], image)


def test_the_sample_it_is_given_stays_as_it_was():
    image = noise(1)
    results = {"img": image, "img_path": "a"}
    before = image.copy()
    out = HSVJitter(0.5, 0.5, 0.5).transform(results)
    assert results["img"] is image
    np.testing.assert_array_equal(image, before)
    assert out["img"] is not image
    assert out["img_path"] == "a"


@pytest.mark.parametrize("name", ["hue", "saturation", "value"])
@pytest.mark.parametrize("gain", [-0.1, 1.1, float("nan")])
def test_a_gain_out_of_range_stops(name, gain):
    with pytest.raises(InputError, match=f"HSVJitter: {name} {gain} is out of range, 0 to 1 is right"):
        HSVJitter(**{name: gain})
