"""Odd images, small datasets, unreadable files and wrong arguments."""

import logging
from pathlib import Path

import cv2
import numpy as np
import pytest
from mmengine.logging import MMLogger
from mmengine.registry import DefaultScope
from PIL import ExifTags, Image

from mmdet_trash.datasets.transforms import HYP, CopyPaste, CutMix, HSVJitter, MirrorPaste, MixUp, Mosaic, attach
from mmdet_trash.datasets.transforms import RandomPerspective as Perspective
from mmdet_trash.datasets.transforms.mixing import Decoder
from mmdet_trash.datasets.transforms.yolo import yolo_pipeline
from mmdet_trash.errors import InputError
from mmdet_trash.registry import DATASETS, TRANSFORMS
from tests.builders import coco, trash_dataset, write_jpeg, write_json

SIZE = (64, 64)
MOSAIC = {"type": "Mosaic", "img_scale": SIZE}
EVERYTHING = yolo_pipeline({**HYP, "mixup": 1.0, "paste_in": 1.0, "copy_paste": 1.0}, SIZE)


def write(root: Path, images: int, boxes=(), **kwargs) -> Path:
    content = coco(images=images, boxes=boxes, **kwargs)
    write_json(root / "train.json", content)
    for image in content["images"]:
        write_jpeg(root / image["file_name"])
    return root


def one_box_each(images: int) -> list[tuple]:
    return [(i, i % 2, [10, 10, 60, 50]) for i in range(images)]


@pytest.fixture
def warnings_of(monkeypatch):
    """Warnings that the log gets."""
    messages = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: messages.append(record.getMessage())
    logger = MMLogger.get_current_instance()
    logger.addHandler(handler)
    yield messages
    logger.removeHandler(handler)


@pytest.mark.parametrize("images", [1, 2, 3])
def test_few_images_are_drawn_with_repeats(tmp_path, images):
    dataset = trash_dataset(write(tmp_path, images, one_box_each(images)), *EVERYTHING)
    for index in range(images):
        sample = dataset[index]
        assert sample["inputs"].shape == (3, *SIZE)
    counts = [len(dataset[0]["data_samples"].gt_instances) for _ in range(20)]
    assert max(counts) > 1


def test_images_without_boxes_are_mixed_like_others(tmp_path):
    dataset = trash_dataset(write(tmp_path, 3), *EVERYTHING)
    instances = dataset[0]["data_samples"].gt_instances
    assert instances.bboxes.tensor.shape == (0, 4) and instances.labels.shape == (0,)


def test_a_box_of_a_pixel_is_dropped_below_the_smallest_size(tmp_path):
    boxes = [(0, 0, [40, 40, 1, 1]), (0, 1, [10, 10, 60, 50])]
    root = write(tmp_path, 1, boxes)
    still = {"type": "RandomPerspective", "img_scale": (100, 80), "translate": 0.0, "scale": 0.0}
    assert trash_dataset(root, still)[0]["gt_bboxes_labels"].tolist() == [1]
    kept = trash_dataset(root, {**still, "boxes": {"min_size": 1.0}})[0]
    assert kept["gt_bboxes_labels"].tolist() == [0, 1]
    assert kept["gt_bboxes"].tensor[0].tolist() == [40, 40, 41, 41]


def test_odd_images_are_mixed_as_three_channels_of_eight_bits(tmp_path):
    root = write(tmp_path, 5, one_box_each(5), folder="train/")
    image = np.full((80, 100), 90, np.uint8)
    cv2.imwrite(str(root / "grey.png"), image)
    cv2.imwrite(str(root / "deep.png"), np.dstack([image] * 3).astype(np.uint16) * 257)
    cv2.imwrite(str(root / "alpha.png"), np.dstack([image] * 4))
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    Image.fromarray(image.T).convert("RGB").save(root / "turned.jpg", exif=exif)
    content = coco(images=4, boxes=one_box_each(4))
    for entry, name in zip(content["images"], ("grey.png", "deep.png", "alpha.png", "turned.jpg"), strict=True):
        entry["file_name"] = name
    write_json(root / "train.json", content)
    dataset = trash_dataset(root, {"type": "Mosaic", "img_scale": (100, 80), "translate": 0.0, "scale": 0.0})
    for index in range(4):
        picture = dataset[index]["img"]
        assert picture.dtype == np.uint8 and picture.shape == (80, 100, 3)
        assert np.abs(picture.astype(int) - 90).max() <= 1, "nothing but the images' grey is seen"


def test_an_unreadable_image_among_the_mixed_is_left_out_once_known(tmp_path, warnings_of):
    root = write(tmp_path, 6, one_box_each(6))
    dataset = trash_dataset(root, MOSAIC)
    broken = [str(root / "train" / f"{i:04}.jpg") for i in (1, 2, 3)]
    for path in broken:
        Path(path).write_bytes(b"no image any more")
    samples = []
    for _ in range(2):  # before and after the files are known
        np.random.seed(3)
        samples.append([dataset[0] for _ in range(8)])
    (mosaic,) = attach(dataset)
    assert mosaic.images.unreadable == set()  # attached anew
    for first, second in zip(*samples, strict=True):
        assert np.array_equal(first["img"], second["img"])
    for path in broken:
        assert warnings_of.count(f"left out: {path}: cannot be read as an image") == 1


def test_an_object_of_an_unreadable_image_is_not_pasted(tmp_path, warnings_of):
    root = write(tmp_path, 3, one_box_each(3))
    dataset = trash_dataset(root, {"type": "CopyPaste"})
    (root / "train/0001.jpg").write_bytes(b"no image any more")
    for seed in range(10):
        np.random.seed(seed)
        assert dataset[0]["img_id"] == 0
    assert warnings_of == [f"left out: {root}/train/0001.jpg: cannot be read as an image"]


def test_a_samples_own_image_that_became_unreadable_gives_way_to_another(tmp_path, warnings_of):
    root = write(tmp_path, 4, one_box_each(4))
    still = {"translate": 0.0, "scale": 0.0}  # each of the four is seen
    dataset = trash_dataset(root, {**MOSAIC, **still}, {"type": "PackDetInputs"})
    (root / "train/0002.jpg").unlink()
    for _ in range(3):
        assert dataset[2]["data_samples"].img_id != 2
    assert warnings_of == [f"left out: {root}/train/0002.jpg: No such file or directory"]


def test_no_readable_image_ends_with_a_line_that_names_one(tmp_path):
    root = write(tmp_path, 3, one_box_each(3))
    dataset = trash_dataset(root, MOSAIC)
    for path in (root / "train").iterdir():
        path.unlink()
    info = {"img_path": "", "instances": [], "img": np.zeros((80, 100, 3), np.uint8)}
    with pytest.raises(InputError, match=r"train/000\d\.jpg: cannot be read as an image, and 3 images cannot$"):
        dataset.pipeline(info)


def test_masks_are_refused(tmp_path):
    write(tmp_path, 2, one_box_each(2))
    content = coco(images=2, boxes=one_box_each(2))
    for annotation in content["annotations"]:
        annotation["segmentation"] = [[10, 10, 70, 10, 70, 60, 10, 60]]
    write_json(tmp_path / "train.json", content)
    load = [{"type": "LoadImageFromFile"}, {"type": "LoadAnnotations", "with_bbox": True, "with_mask": True}]
    with pytest.raises(InputError, match=r"^pipeline: masks are not mixed or warped here"):
        trash_dataset(tmp_path, *load, MOSAIC)[0]


@pytest.fixture
def coco_cfg(tmp_path):
    """MMDetection's own dataset."""
    write(tmp_path, 4, one_box_each(4))
    classes = {"classes": ("class 0", "class 1")}
    common = {"data_root": str(tmp_path), "ann_file": "train.json", "metainfo": classes, "data_prefix": {"img": ""}}
    return {"type": "mmdet.CocoDataset", **common, "pipeline": [MOSAIC, {"type": "PackDetInputs"}]}


def built(cfg):
    with DefaultScope.overwrite_default_scope("mmdet_trash"):
        return DATASETS.build(cfg)


def test_any_dataset_is_told_how_to_attach_its_transforms(coco_cfg):
    dataset = built(coco_cfg)
    with pytest.raises(InputError, match=r"^Mosaic: knows no dataset .* AugmentationHook, or .*attach\(dataset\)"):
        dataset[0]
    attach(dataset)
    assert dataset[0]["inputs"].shape == (3, *SIZE)


@pytest.mark.parametrize(
    "wrap",
    [
        lambda cfg: {"type": "RepeatDataset", "times": 3, "dataset": cfg},
        lambda cfg: {"type": "ConcatDataset", "datasets": [cfg, cfg]},
        lambda cfg: {"type": "ClassBalancedDataset", "oversample_thr": 1.0, "dataset": cfg},
    ],
    ids=["repeat", "concat", "balanced"],
)
def test_what_wrappers_hold_is_drawn_from_the_outermost(coco_cfg, wrap):
    dataset = built(wrap(coco_cfg))
    transforms = attach(dataset)
    assert {type(transform) for transform in transforms} == {Mosaic}
    assert all(transform.images.dataset is dataset for transform in transforms)
    assert dataset[len(dataset) - 1]["inputs"].shape == (3, *SIZE)


def test_transforms_inside_others_are_attached_too(tmp_path):
    inner = [{"type": "RandomChoice", "transforms": [[MOSAIC], [{"type": "CutMix"}]]}]
    root = write(tmp_path, 3, one_box_each(3))
    dataset = trash_dataset(root, *inner, {"type": "MixUp", "pre_transform": [MOSAIC]})
    assert sorted(type(transform).__name__ for transform in attach(dataset)) == ["CutMix", "MixUp", "Mosaic", "Mosaic"]
    assert all(isinstance(transform.images, Decoder) for transform in attach(dataset))


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Mosaic(SIZE, grid=4), "grid 4 is neither 2 nor 3"),
        (lambda: Mosaic(SIZE, prob=2), "prob 2 is no probability"),
        (lambda: Mosaic(640), r"Mosaic: img_scale 640 is no \(width, height\) in pixels"),
        (lambda: Perspective((0, 64)), r"img_scale \(0, 64\) is no \(width, height\)"),
        (lambda: MixUp(prob=-0.1), r"prob -0\.1 is no probability"),
        (lambda: Mosaic(SIZE, scale=1), "scale 1 is out of range, 0 or more and below 1 is right"),
        (lambda: Mosaic(SIZE, scale=(0.5, 1.5)), "scale .* is out of range"),
        (lambda: Perspective(shear=60), "shear 60 is out of range, 0 or more and below 45"),
        (lambda: Perspective(degrees=-1), "degrees -1 is out of range"),
        (lambda: Perspective((640, 640), perspective=0.01), r"perspective 0\.01 .* below 0\.00141 is right"),
        (lambda: Mosaic((640, 640), perspective=0.001), r"perspective 0\.001 .* below 0\.000703 is right"),
        (lambda: MixUp(alpha=0), "alpha 0 is out of range"),
        (lambda: CutMix(alpha=-1), "alpha -1 is out of range"),
        (lambda: CopyPaste(edge="x"), "edge 'x' is unknown"),
        (lambda: CopyPaste(max_objects=0), "max_objects 0 .* is out of range"),
        (lambda: CopyPaste(scale=(2, 1)), r"scale \(2, 1\) is out of range"),
        (lambda: MirrorPaste(share=2), "share 2 is out of range"),
        (lambda: HSVJitter(hue=2), "hue 2 is out of range"),
    ],
)
def test_an_argument_out_of_range_is_one_line(build, message):
    with pytest.raises(InputError, match=message) as error:
        build()
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["Mosaic", "MixUp", "CutMix", "CopyPaste", "MirrorPaste", "RandomPerspective"])
def test_ours_are_found_first_and_theirs_by_scope(name):
    assert TRANSFORMS.get(name).__module__.startswith("mmdet_trash.")
    if name in ("Mosaic", "MixUp"):
        assert TRANSFORMS.get(f"mmdet.{name}").__module__.startswith("mmdet.")


@pytest.mark.parametrize("degrees", [0, 10])
@pytest.mark.parametrize("load", [{"to_float32": True}, {"color_type": "grayscale"}])
def test_images_of_other_numbers_or_channels_are_refused(tmp_path, load, degrees):
    root = write(tmp_path, 2, one_box_each(2))
    steps = [{"type": "LoadImageFromFile", **load}, {"type": "LoadAnnotations", "with_bbox": True}]
    with pytest.raises(InputError, match=r"^pipeline: an image of (float32|uint8) and shape .* cannot be mixed"):
        trash_dataset(root, *steps, {**MOSAIC, "degrees": degrees})[0]


def test_what_a_cache_keeps_is_not_handed_out_to_be_written_to(tmp_path):
    dataset = trash_dataset(write(tmp_path, 2, one_box_each(2)), {"type": "MixUp", "prob": 0.0}, MOSAIC)
    for cache in ("ring", "disk"):
        mixup = attach(dataset, cache)[0]
        first = mixup(dataset.get_data_info(0))["img"]
        before = first.copy()
        first[:] = 0
        assert np.array_equal(mixup(dataset.get_data_info(0))["img"], before)


@pytest.mark.parametrize("step", [{"type": "CopyPaste"}, {"type": "MirrorPaste", "share": 1.0}])
@pytest.mark.parametrize("bbox", [[-3, -4, 40, 30], [70, 60, 120, 95], [-9, -9, -2, -2]])
def test_objects_over_the_border_are_pasted_by_what_is_seen(tmp_path, step, bbox):
    """A dataset that is not ours may leave them there."""
    dataset = trash_dataset(write(tmp_path, 2, one_box_each(2)), step)
    paste = attach(dataset)[0]
    get_data_info = dataset.get_data_info
    dataset.get_data_info = lambda index: {**get_data_info(index), "instances": [{"bbox": bbox, "bbox_label": 1}]}
    for seed in range(10):
        np.random.seed(seed)
        assert paste(dataset.get_data_info(0))["img"].shape == (80, 100, 3)


def test_an_unattached_paste_says_so():
    info = {"img_path": "", "img": np.zeros((8, 8, 3), np.uint8), "instances": []}
    with pytest.raises(InputError, match=r"^CopyPaste: knows no dataset"):
        CopyPaste()(info)
