"""Where mixing transforms take their images from, when things go wrong or run for long."""

import errno
import os
from pathlib import Path

import numpy as np
import pytest

from mmdet_trash.datasets.transforms import attach
from mmdet_trash.datasets.transforms.image_cache import ImageCache
from mmdet_trash.datasets.transforms.images import open_images
from mmdet_trash.datasets.transforms.reading import UnreadableImage, read_image
from mmdet_trash.errors import InputError
from tests.builders import coco, trash_dataset, write_jpeg, write_json

SIZE = (50, 50)
IMAGES = 12


@pytest.fixture
def root(tmp_path):
    content = coco(images=IMAGES, boxes=[(i, i % 2, [10, 10, 60, 50]) for i in range(IMAGES)])
    write_json(tmp_path / "train.json", content)
    for image in content["images"]:
        write_jpeg(tmp_path / image["file_name"])
    return tmp_path


def test_a_full_ring_costs_one_decoding_a_sample(root, monkeypatch):
    """Reading the sample's own image drives the oldest out, which may be one that was just drawn."""
    decoded = []

    def counted(path, shrink=1.0):
        decoded.append(path)
        return read_image(path, shrink)

    monkeypatch.setattr("mmdet_trash.datasets.transforms.images.read_image", counted)
    dataset = trash_dataset(root, {"type": "Mosaic", "img_scale": SIZE})
    attach(dataset, {"type": "ring", "size": 4})
    np.random.seed(0)
    for index in range(IMAGES):
        dataset[index]
    decoded.clear()
    for index in range(IMAGES):
        dataset[index]
    assert len(decoded) <= IMAGES


@pytest.mark.parametrize("size", [0, -1, "many", 2.5])
def test_a_ring_that_could_keep_nothing_is_refused(root, size):
    with pytest.raises(InputError):
        open_images({"type": "ring", "size": size}, trash_dataset(root), SIZE)


@pytest.mark.parametrize("code", [errno.EACCES, errno.EPERM, errno.EROFS], ids=errno.errorcode.get)
def test_a_place_that_cannot_be_written_says_how_to_name_another(root, monkeypatch, code):
    """Data on a read-only mount fails with another error than a folder of somebody else."""

    def refuse(*args, **kwargs):
        raise OSError(code, os.strerror(code), str(root))

    monkeypatch.setattr("mmdet_trash.datasets.transforms.image_cache.FileLock", refuse)
    with pytest.raises(InputError, match=r"cache=dict\(type='disk', folder=…\) names another place$"):
        ImageCache.build(root / "cache", {}, SIZE)


def test_a_cache_that_came_with_read_only_data_is_taken(root, monkeypatch):
    image = str(root / "train/0000.jpg")
    ImageCache.build(root / "cache", {image: (100, 80)}, SIZE)

    def refuse(*args, **kwargs):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(root))

    monkeypatch.setattr("mmdet_trash.datasets.transforms.image_cache.FileLock", refuse)
    assert ImageCache.build(root / "cache", {image: (100, 80)}, SIZE).read(image).shape == (40, 50, 3)


@pytest.mark.parametrize("share", [0.02, 0.3, 0.5, 0.9, 0.999])
@pytest.mark.parametrize("shrink", [1.0, 0.25])
def test_a_photograph_that_is_cut_short_is_unreadable(tmp_path, share, shrink):
    path = write_jpeg(tmp_path / "photo.jpg")
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(UnreadableImage) as error:
        read_image(path, shrink)
    assert error.value.path == str(path)


@pytest.mark.parametrize("cache", [False, "ring"])
def test_pasting_does_not_depend_on_when_a_broken_image_was_found(root, cache):
    dataset = trash_dataset(root, {"type": "RandomPerspective", "img_scale": SIZE}, {"type": "CopyPaste"})
    broken = [dataset.get_data_info(index)["img_path"] for index in range(2, IMAGES)]
    for path in broken:
        Path(path).unlink()
    samples = []
    for known in (False, True):
        images = attach(dataset, cache)[0].images
        images.unreadable.update(broken if known else [])
        samples.append([])
        for seed in range(10):
            np.random.seed(seed)
            samples[-1].append(dataset[seed % 2])
    for first, second in zip(*samples, strict=True):
        assert np.array_equal(first["img"], second["img"])
        assert first["gt_bboxes"].tensor.tolist() == second["gt_bboxes"].tensor.tolist()


def test_an_image_that_a_crop_turned_down_once_is_drawn_again(root):
    """Nothing is wrong with the file, and another crop of it may do."""
    crop = {"type": "RandomCrop", "crop_size": (20, 20), "allow_negative_crop": False}
    load = [{"type": "LoadImageFromFile"}, {"type": "LoadAnnotations", "with_bbox": True}]
    dataset = trash_dataset(root, *load, {"type": "MixUp", "pre_transform": [*load, crop]})
    (mixup,) = attach(dataset)
    np.random.seed(0)
    for _ in range(30):
        assert len(dataset[0]["gt_bboxes"]) >= 2, "the other's crop holds a box"
    assert mixup.images.unreadable == set()


@pytest.mark.parametrize("name", ["MixUp", "CutMix", "CopyPaste", "MirrorPaste"])
def test_boxes_fit_an_image_that_a_cache_has_shrunk(root, name):
    """First in a pipeline, such a transform takes the cache's image as the whole one."""
    dataset = trash_dataset(root, {"type": name, "prob": 0.5}, {"type": "RandomPerspective", "img_scale": SIZE})
    for cache, shape in ((False, (80, 100)), ("disk", (40, 50))):
        first = attach(dataset, cache)[0]
        for seed in range(4):
            np.random.seed(seed)
            results = first(dataset.get_data_info(0))
            assert results["img"].shape[:2] == shape
            bboxes = results["gt_bboxes"].tensor.numpy()
            own = np.array([10, 10, 70, 60]) * shape[0] / 80
            if name != "CutMix":  # which may cut it
                assert np.abs(bboxes - own).max(1).min() < 0.01
            assert (bboxes <= np.tile(shape[::-1], 2)).all()
