"""The drawn dataset: reproducible, in the competition's layout, with boxes and polygons tight on what is visible."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from pycocotools import mask as coco_mask

from mmdet_trash.classes import CLASSES
from mmdet_trash.datasets.synthetic import write_dataset
from mmdet_trash.datasets.synthetic.objects import draw_object
from mmdet_trash.datasets.synthetic.scenes import MAX_OBJECTS, Scene, _find_place, _visible_polygons, render_scene
from mmdet_trash.errors import InputError

SIZE = 96


@pytest.fixture(scope="module")
def scenes() -> list[Scene]:
    return [render_scene(np.random.default_rng([11, index]), SIZE) for index in range(60)]


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("synthetic")
    write_dataset(out, images=3, test_images=2, size=SIZE, seed=5, workers=2)
    return out


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_every_box_is_tight_on_the_visible_pixels(scenes: list[Scene]) -> None:
    for scene in scenes:
        extremes = np.tile([SIZE, SIZE, 0, 0], (len(scene.labels), 1))
        for (y, x), instance in np.ndenumerate(scene.instance_map):
            if instance >= 0:
                left, top, right, bottom = extremes[instance]
                extremes[instance] = min(left, x), min(top, y), max(right, x + 1), max(bottom, y + 1)
        np.testing.assert_array_equal(scene.boxes, extremes)


def rasterised(polygons: list[list[float]], size: int) -> np.ndarray:
    """(size, size) bool, as COCO's own tools fill polygons."""
    return coco_mask.decode(coco_mask.merge(coco_mask.frPyObjects(polygons, size, size))).astype(bool)


def test_polygons_reach_as_far_as_their_box_and_no_farther(scenes: list[Scene]) -> None:
    for scene in scenes:
        for polygons, box in zip(scene.polygons, scene.boxes, strict=True):
            assert all(len(polygon) >= 6 and len(polygon) % 2 == 0 for polygon in polygons)
            points = np.concatenate(polygons).reshape(-1, 2)
            inwards = np.concatenate([points.min(0) - box[:2], box[2:] - points.max(0)])
            assert np.all((inwards > 0) & (inwards <= 1.5))


def test_polygons_cover_what_is_visible() -> None:
    found, visible = [], []
    for index in range(8):
        scene = render_scene(np.random.default_rng([11, index]), 256)
        for instance, polygons in enumerate(scene.polygons):
            # Holes are filled: compare with the mask's outer outlines.
            mask = (scene.instance_map == instance).astype(np.uint8)
            outlines, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
            visible.append(cv2.drawContours(mask, outlines, -1, 1, cv2.FILLED).astype(bool))
            found.append(rasterised(polygons, 256))
    overlaps = np.logical_and(found, visible).sum((1, 2)) / np.logical_or(found, visible).sum((1, 2))
    assert overlaps.min() > 0.9
    assert overlaps.mean() > 0.97
    assert np.sum(found) == pytest.approx(np.sum(visible), rel=0.01)


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1), (3, 3)])
def test_however_small_a_part_is_it_has_a_polygon(shape: tuple[int, int]) -> None:
    visible = np.zeros((40, 40), bool)
    visible[10:20, 10:20] = True
    visible[30 : 30 + shape[0], 25 : 25 + shape[1]] = True
    part, square = _visible_polygons(visible, np.array([10.0, 10, 25 + shape[1], 30 + shape[0]]))
    assert len(part) >= 6 and len(square) >= 6
    ends = np.reshape(part, (-1, 2))
    np.testing.assert_allclose([ends.min(0), ends.max(0)], [(25, 30), (25 + shape[1], 30 + shape[0])], atol=0.25)
    assert rasterised([square], 40)[:25].sum() == pytest.approx(100, abs=5)


def test_instance_map_is_where_the_objects_are_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    green = (0.0, 1.0, 0.0)
    scenes = "mmdet_trash.datasets.synthetic.scenes"
    monkeypatch.setattr(f"{scenes}.draw_background", lambda rng, size: np.full((size, size, 3), green, np.float32))
    monkeypatch.setattr(f"{scenes}._photograph", lambda image, rng: image)
    for index in range(10):
        scene = render_scene(np.random.default_rng([3, index]), 128)
        # On pure green only an object adds red or blue, its shadow does not.
        changed = scene.image[..., [0, 2]].max(2)
        seen = scene.instance_map >= 0
        beyond = cv2.dilate(seen.astype(np.uint8), np.ones((5, 5), np.uint8)) == 0
        assert changed[beyond].max(initial=0) < 0.1
        assert np.mean(changed[seen] > 0.02) > 0.9


def test_scenes_have_the_promised_shapes_and_numbers(scenes: list[Scene]) -> None:
    for scene in scenes:
        count = len(scene.labels)
        assert 1 <= count <= MAX_OBJECTS
        assert scene.image.shape == (SIZE, SIZE, 3) and scene.image.dtype == np.uint8
        assert scene.boxes.shape == (count, 4) and scene.boxes.dtype == np.float64
        assert scene.labels.dtype == np.int64
        assert scene.boxes.min() >= 0 and scene.boxes.max() <= SIZE
        assert np.all(scene.boxes[:, 2:] > scene.boxes[:, :2])
        assert set(np.unique(scene.instance_map)) - {-1} == set(range(count))


@pytest.mark.parametrize(("side", "placed"), [(10, True), (40, False)])
def test_no_object_may_hide_most_of_an_earlier_one(side: int, placed: bool) -> None:
    instance_map = np.full((40, 40), -1, np.int16)
    instance_map[10:30, 10:30] = 0
    found = _find_place(np.ones((side, side), bool), instance_map, [400], np.random.default_rng(0), centred=True)
    assert (found is not None) == placed


def test_all_classes_and_varied_counts_occur(scenes: list[Scene]) -> None:
    assert {int(label) for scene in scenes for label in scene.labels} == set(range(len(CLASSES)))
    counts = {len(scene.labels) for scene in scenes}
    assert min(counts) == 1 and max(counts) >= 10


def test_a_lone_object_is_large_and_central(scenes: list[Scene]) -> None:
    lone = [scene.boxes[0] for scene in scenes if len(scene.labels) == 1]
    assert lone
    for left, top, right, bottom in lone:
        assert max(right - left, bottom - top) > 0.3 * SIZE
        assert abs((left + right) / 2 - SIZE / 2) < 0.2 * SIZE and abs((top + bottom) / 2 - SIZE / 2) < 0.2 * SIZE


@pytest.mark.parametrize("label", range(len(CLASSES)), ids=CLASSES)
def test_objects_are_drawn_outlines_not_rectangles(label: int) -> None:
    for seed in range(4):
        patch = draw_object(label, np.random.default_rng(seed), 96)
        assert patch.shape == (96, 96, 4) and patch.dtype == np.uint8
        mask = patch[..., 3] > 127
        rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        extent = (np.ptp(rows) + 1, np.ptp(columns) + 1)
        assert max(extent) > 0.75 * 96
        assert 0.2 < mask.sum() / (extent[0] * extent[1]) < 0.985
        assert patch[mask][:, :3].std(0).max() > 5, "one flat colour"


def test_objects_vary_with_the_seed_only() -> None:
    for label in range(len(CLASSES)):
        first, again, other = (draw_object(label, np.random.default_rng(seed), 64) for seed in (1, 1, 2))
        assert np.array_equal(first, again)
        assert not np.array_equal(first, other)


def test_same_seed_same_bytes_whatever_the_workers(dataset: Path, tmp_path: Path) -> None:
    write_dataset(tmp_path, images=3, test_images=2, size=SIZE, seed=5, workers=1)
    assert contents(tmp_path) == contents(dataset)


def test_an_image_does_not_depend_on_how_many_there_are(dataset: Path, tmp_path: Path) -> None:
    write_dataset(tmp_path, images=1, test_images=1, size=SIZE, seed=5, workers=1)
    fewer, more = contents(tmp_path), contents(dataset)
    for name in ("train/0000.jpg", "test/0000.jpg"):
        assert fewer[name] == more[name]
    few, many = (json.loads(files["train.json"])["annotations"] for files in (fewer, more))
    assert few == [annotation for annotation in many if annotation["image_id"] == 0]


def test_seeds_splits_and_numbers_all_differ(dataset: Path, tmp_path: Path) -> None:
    write_dataset(tmp_path, images=3, test_images=2, size=SIZE, seed=6, workers=1)
    images = [path.read_bytes() for folder in (dataset, tmp_path) for path in folder.glob("*/*.jpg")]
    assert len(images) == len(set(images)) == 10


def test_files_follow_the_competition(dataset: Path) -> None:
    documents = {name: json.loads((dataset / f"{name}.json").read_text()) for name in ("train", "test", "test_truth")}
    for name, document in documents.items():
        assert [(entry["id"], entry["name"]) for entry in document["categories"]] == list(enumerate(CLASSES))
        assert all(entry["supercategory"] == entry["name"] for entry in document["categories"])
        for image in document["images"]:
            assert image["file_name"] == f"{name.removesuffix('_truth')}/{image['id']:04d}.jpg"
            assert cv2.imread(str(dataset / image["file_name"])).shape == (image["height"], image["width"], 3)
    assert [image["id"] for image in documents["train"]["images"]] == [0, 1, 2]
    assert documents["test"] == {**documents["test_truth"], "annotations": []}
    assert {path.name for path in dataset.iterdir()} == {"train", "test", "train.json", "test.json", "test_truth.json"}


@pytest.mark.parametrize(("name", "split"), [("train", 0), ("test_truth", 1)])
def test_annotations_are_the_scenes_truth(dataset: Path, name: str, split: int) -> None:
    document = json.loads((dataset / f"{name}.json").read_text())
    annotations = document["annotations"]
    assert len({annotation["id"] for annotation in annotations}) == len(annotations)
    assert all(annotation["id"] > 0 for annotation in annotations)
    for image in document["images"]:
        scene = render_scene(np.random.default_rng([5, split, image["id"]]), SIZE)
        own = [annotation for annotation in annotations if annotation["image_id"] == image["id"]]
        assert [annotation["category_id"] for annotation in own] == scene.labels.tolist()
        assert [annotation["segmentation"] for annotation in own] == scene.polygons
        for annotation, (left, top, right, bottom) in zip(own, scene.boxes, strict=True):
            assert annotation["bbox"] == [left, top, right - left, bottom - top]
            assert annotation["area"] == (right - left) * (bottom - top)
            assert annotation["iscrowd"] == 0


def test_a_dataset_is_replaced_only_when_asked(tmp_path: Path) -> None:
    (tmp_path / "train.json").write_text("mine")
    with pytest.raises(InputError, match=r"already holds train\.json"):
        write_dataset(tmp_path, images=0, test_images=0, size=64, seed=0)
    assert (tmp_path / "train.json").read_text() == "mine"
    write_dataset(tmp_path, images=0, test_images=0, size=64, seed=0, overwrite=True)
    assert json.loads((tmp_path / "train.json").read_text())["images"] == []


def test_progress_counts_the_images(tmp_path: Path) -> None:
    seen: list[int] = []
    write_dataset(tmp_path, images=2, test_images=1, size=64, seed=0, progress=seen.append, workers=1)
    assert seen == [1, 2, 3]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"images": -1}, "images"),
        ({"test_images": -1}, "test images"),
        ({"size": 63}, "size"),
        ({"seed": -1}, "seed"),
    ],
)
def test_impossible_requests_are_refused(tmp_path: Path, wrong: dict[str, int], message: str) -> None:
    with pytest.raises(InputError, match=message):
        write_dataset(tmp_path / "out", **{"images": 1, "test_images": 1, "size": 64, "seed": 0, **wrong})
    assert not (tmp_path / "out").exists()
