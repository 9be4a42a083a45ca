"""MMDetection's sampler and MMEngine's wrapper for rare classes work with our dataset, folds and mosaics."""

from collections import Counter

import pytest
from mmengine.registry import DefaultScope

from mmdet_trash.datasets.transforms import attach
from mmdet_trash.registry import DATA_SAMPLERS, DATASETS
from tests.builders import coco, write_jpeg, write_json

PIPELINE = [{"type": "Mosaic", "img_scale": (64, 64)}, {"type": "PackDetInputs"}]
RARE = 1


@pytest.fixture(scope="module")
def rare(tmp_path_factory):
    """Twenty images of one box of class 0, but one, of class 1; class 2 has none."""
    root = tmp_path_factory.mktemp("rare")
    boxes = [(i, int(i == 7), [10, 10, 40, 40]) for i in range(20)]
    content = coco(images=20, boxes=boxes, categories=(0, 1, 2))
    write_json(root / "train.json", content)
    for image in content["images"]:
        write_jpeg(root / image["file_name"])
    return {"type": "TrashDataset", "data_root": str(root), "ann_file": "train.json", "pipeline": PIPELINE}


def built(registry, cfg):
    with DefaultScope.overwrite_default_scope("mmdet_trash"):
        return registry.build(cfg)


def test_a_class_aware_sampler_shows_each_class_as_often(rare):
    dataset = built(DATASETS, rare)
    sampler = built(DATA_SAMPLERS, {"type": "ClassAwareSampler", "dataset": dataset, "seed": 0})
    seen = Counter(dataset.get_cat_ids(index)[0] for index in sampler)
    assert seen[0] == seen[RARE] == 10


def test_a_rare_class_is_repeated_and_mosaics_draw_the_repeats(rare):
    wrapper = {"type": "ClassBalancedDataset", "oversample_thr": 0.5, "dataset": rare}
    dataset = built(DATASETS, wrapper)
    # The class is in a share f of the images, and repeated sqrt(0.5 / f) times, rounded up: f = 1/20.
    positions = [i for i in range(len(dataset)) if dataset.get_cat_ids(i) == [RARE]]
    assert len(positions) == 4
    assert len(dataset) == 19 + 4
    (mosaic,) = attach(dataset)
    drawn = Counter(mosaic.images.draw()["instances"][0]["bbox_label"] for _ in range(500))
    assert drawn[RARE] / 500 == pytest.approx(4 / 23, abs=0.06)
    assert dataset[positions[-1]]["inputs"].shape == (3, 64, 64)
