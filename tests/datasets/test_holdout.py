from typing import Any

import numpy as np
import pytest

from mmdet_trash.datasets.holdout import holdout_image_ids
from mmdet_trash.errors import InputError
from tests.builders import coco


def random_dataset(images: int = 500, seed: int = 0) -> dict[str, Any]:
    """Zero to nine boxes an image; the second class is a tenth of them, the third a fiftieth."""
    rng = np.random.default_rng(seed)
    classes = [(i, int(rng.choice(3, p=[0.88, 0.1, 0.02]))) for i in range(images) for _ in range(rng.integers(0, 10))]
    return coco(images=images, boxes=[(*of, [1, 1, 5, 5]) for of in classes], categories=(0, 1, 2))


@pytest.mark.parametrize("fraction", [0.5, 0.2, 0.1])
def test_images_boxes_and_classes_are_shared_out(fraction: float) -> None:
    content = random_dataset()
    chosen = holdout_image_ids(content, fraction)
    assert chosen <= {image["id"] for image in content["images"]}
    assert len(chosen) / 500 == pytest.approx(fraction, abs=0.04)
    for category in range(3):
        of_class = [a["image_id"] in chosen for a in content["annotations"] if a["category_id"] == category]
        assert np.mean(of_class) == pytest.approx(fraction, abs=0.05)
    empty = {image["id"] for image in content["images"]} - {a["image_id"] for a in content["annotations"]}
    assert len(chosen & empty) / len(empty) == pytest.approx(fraction, abs=0.1)


def test_a_seed_chooses_the_same_whatever_the_order() -> None:
    content = random_dataset(60)
    assert holdout_image_ids(content, seed=3) == holdout_image_ids(content, seed=3)
    assert holdout_image_ids(content, seed=3) != holdout_image_ids(content, seed=4)
    assert all(isinstance(image_id, int) for image_id in holdout_image_ids(content))


def test_a_dataset_without_boxes_is_shared_out() -> None:
    assert len(holdout_image_ids(coco(images=50, boxes=[]))) == 10


@pytest.mark.parametrize("images", [5, 6, 12])
def test_images_of_a_class_each_are_shared_out(images: int) -> None:
    content = coco(images=images, boxes=[(i, i, [1, 1, 5, 5]) for i in range(images)], categories=tuple(range(images)))
    assert 1 <= len(holdout_image_ids(content)) <= images // 5 + 1


@pytest.mark.parametrize("images", range(5))
def test_too_few_images_give_none(images: int) -> None:
    assert holdout_image_ids(coco(images=images, boxes=[(0, 0, [1, 1, 5, 5])] * images)) == set()


@pytest.mark.parametrize("fraction", [0, -0.2, 0.6, 1, float("nan")])
def test_a_fraction_that_cannot_be_held_out(fraction: float) -> None:
    with pytest.raises(InputError, match=r"^holdout: a fraction of .* cannot be held out, 0.5 or less is right$"):
        holdout_image_ids(random_dataset(20), fraction)
