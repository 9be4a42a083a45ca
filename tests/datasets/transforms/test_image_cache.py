import pickle
import shutil
import threading

import cv2
import numpy as np
import pytest

from mmdet_trash.datasets.transforms import attach, image_cache
from mmdet_trash.datasets.transforms.image_cache import ImageCache, fitting_size, shrunk
from mmdet_trash.datasets.transforms.images import Decoder, Mapped, Ring, open_images
from mmdet_trash.datasets.transforms.reading import read_image
from mmdet_trash.errors import InputError
from tests.builders import coco, trash_dataset, write_jpeg, write_json

SIZE = (50, 50)


@pytest.fixture
def photographs(tmp_path):
    """Six images, 100x80, and one that fits already."""
    paths = [write_jpeg(tmp_path / f"{i}.jpg", 100 + i) for i in range(6)] + [write_jpeg(tmp_path / "s.jpg", 40, 30)]
    return {str(path): (100 + i, 80) if i < 6 else (40, 30) for i, path in enumerate(paths)}


@pytest.fixture
def decoded(monkeypatch):
    """Names of the files that were decoded."""
    names = []

    def counted(path, shrink=1.0):
        names.append(str(path))
        return read_image(path, shrink)

    for module in ("image_cache", "images"):
        monkeypatch.setattr(f"mmdet_trash.datasets.transforms.{module}.read_image", counted)
    return names


def test_images_come_back_shrunk_to_fit_and_none_enlarged(tmp_path, photographs):
    cache = ImageCache.build(tmp_path / "cache", photographs, SIZE)
    for name, size in photographs.items():
        image = cache.read(name)
        assert image.shape[1::-1] == fitting_size(size, SIZE)
        assert np.array_equal(image, shrunk(name, SIZE))
        assert not image.flags.writeable
    assert np.array_equal(cache.read(str(tmp_path / "s.jpg")), cv2.imread(str(tmp_path / "s.jpg")))


@pytest.mark.parametrize(
    ("image", "size"), [((100, 80), (50, 40)), ((80, 100), (40, 50)), ((1000, 3), (50, 1)), ((50, 50), (50, 50))]
)
def test_the_longer_side_touches_the_frame(image, size):
    assert fitting_size(image, SIZE) == size


def test_a_second_build_decodes_and_writes_nothing(tmp_path, photographs, decoded):
    ImageCache.build(tmp_path / "cache", photographs, SIZE)
    before = (tmp_path / "cache").stat()
    assert sorted(decoded) == sorted(photographs)
    decoded.clear()
    ImageCache.build(tmp_path / "cache", photographs, SIZE)
    after = (tmp_path / "cache").stat()
    assert decoded == []
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


def test_a_changed_image_alone_is_decoded_anew(tmp_path, photographs, decoded):
    old = ImageCache.build(tmp_path / "cache", photographs, SIZE)
    decoded.clear()
    changed = str(tmp_path / "2.jpg")
    cv2.imwrite(changed, np.full((80, 102, 3), 200, np.uint8))
    new = ImageCache.build(tmp_path / "cache", photographs, SIZE)
    assert decoded == [changed]
    assert new.read(changed).mean() == pytest.approx(200, abs=1)
    assert np.array_equal(new.read(str(tmp_path / "1.jpg")), old.read(str(tmp_path / "1.jpg")))


def test_folds_share_one_file(tmp_path, photographs, decoded):
    names = list(photographs)
    first, second = ({name: photographs[name] for name in part} for part in (names[:4], names[2:]))
    ImageCache.build(tmp_path / "cache", first, SIZE)
    decoded.clear()
    both = ImageCache.build(tmp_path / "cache", second, SIZE)
    assert sorted(decoded) == sorted(names[4:])
    assert set(both.index) == set(names)
    assert all(np.array_equal(both.read(name), shrunk(name, SIZE)) for name in names)


def test_an_unreadable_image_is_remembered(tmp_path, photographs, decoded):
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"none")
    cache = ImageCache.build(tmp_path / "cache", {**photographs, str(broken): (9, 9)}, SIZE)
    assert cache.read(str(broken)) is None
    decoded.clear()
    ImageCache.build(tmp_path / "cache", {**photographs, str(broken): (9, 9)}, SIZE)
    assert decoded == []


def test_a_build_that_is_cut_short_leaves_the_old_file(tmp_path, photographs, monkeypatch):
    names = list(photographs)
    ImageCache.build(tmp_path / "cache", {names[0]: photographs[names[0]]}, SIZE)
    before = (tmp_path / "cache").read_bytes()

    def stop(name, size):
        raise KeyboardInterrupt

    monkeypatch.setattr(image_cache, "shrunk", stop)
    with pytest.raises(KeyboardInterrupt):
        ImageCache.build(tmp_path / "cache", photographs, SIZE)
    assert (tmp_path / "cache").read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir() if "cache" in path.name) == ["cache", "cache.lock"]


def test_a_full_disk_is_told_before_anything_is_written(tmp_path, photographs, monkeypatch):
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=1000))
    with pytest.raises(InputError, match=r"cache: 0\.00 GiB are needed for the image cache, 0\.00 GiB are free$"):
        ImageCache.build(tmp_path / "cache", photographs, SIZE)
    assert not (tmp_path / "cache").exists()


def test_another_file_of_that_name_is_left_alone(tmp_path, photographs):
    for content in (b"", b"something else, and longer than the tail of a cache would be"):
        (tmp_path / "cache").write_bytes(content)
        with pytest.raises(InputError, match=r"cache: is no image cache of this version; remove it$"):
            ImageCache.build(tmp_path / "cache", photographs, SIZE)
        assert (tmp_path / "cache").read_bytes() == content


def test_a_folder_that_cannot_be_written_says_how_to_name_another(tmp_path, photographs, monkeypatch):
    def refuse(self, *args, **kwargs):
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr("pathlib.Path.mkdir", refuse)
    with pytest.raises(InputError, match=r"cache=dict\(type='disk', folder=…\) names another place$"):
        ImageCache.build(tmp_path / "new" / "cache", photographs, SIZE)


def test_several_that_build_at_once_end_with_one_whole_file(tmp_path, photographs, decoded):
    caches = []
    threads = [
        threading.Thread(target=lambda: caches.append(ImageCache.build(tmp_path / "cache", photographs, SIZE)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(decoded) == sorted(photographs), "one decodes, the others wait"
    assert all(np.array_equal(cache.read(name), shrunk(name, SIZE)) for cache in caches for name in photographs)


def test_it_is_pickled_by_its_name(tmp_path, photographs):
    cache = ImageCache.build(tmp_path / "cache", photographs, SIZE)
    pickled = pickle.dumps(cache)
    assert len(pickled) < 1000
    again, name = pickle.loads(pickled), next(iter(photographs))
    assert np.array_equal(again.read(name), cache.read(name))


@pytest.fixture
def dataset(tmp_path):
    content = coco(images=8, boxes=[(i, 0, [10, 10, 30, 20]) for i in range(8)])
    write_json(tmp_path / "train.json", content)
    for image in content["images"]:
        write_jpeg(tmp_path / image["file_name"])

    return lambda *pipeline: trash_dataset(tmp_path, *pipeline)


def test_a_cache_is_named_in_words(dataset, tmp_path):
    data = dataset()
    assert type(open_images(False, data, SIZE)) is Decoder
    assert type(open_images("ring", data, SIZE)) is Ring
    assert open_images({"type": "ring", "size": 3}, data, SIZE).size == 3
    assert open_images("disk", data, SIZE).cache.path == tmp_path / "image_cache" / "50x50.images"
    other = open_images({"type": "disk", "folder": str(tmp_path / "b")}, data, SIZE)
    assert isinstance(other, Mapped) and other.cache.path.parent == tmp_path / "b"
    for wrong in (True, "disc", {"type": "ring", "folder": "x"}, {}, None):
        with pytest.raises(InputError, match="is unknown; False, 'ring', 'disk'"):
            open_images(wrong, data, SIZE)


def test_a_ring_decodes_each_image_once_while_it_keeps_it(dataset, decoded):
    data = dataset({"type": "Mosaic", "img_scale": SIZE, "translate": 0.0, "scale": 0.0})
    attach(data, "ring")
    for index in range(8):
        before = len(decoded)
        data[index]
        assert len(decoded) - before <= (1 if index else 4), "only the first draws from the whole dataset"
    assert sorted(decoded) == sorted(data.get_data_info(index)["img_path"] for index in range(8))


def test_a_ring_keeps_the_last_and_draws_from_these(dataset):
    ring = Ring(dataset(), SIZE, size=3)
    for index in (0, 1, 2, 3, 4, 3):
        info = ring.dataset.get_data_info(index)
        assert np.array_equal(ring.read(info, 1.0), read_image(info["img_path"], 0.5))
    assert {ring.draw()["img_id"] for _ in range(50)} == {2, 3, 4}


def test_the_transforms_of_a_pipeline_share_a_cache(dataset):
    mosaic = {"type": "Mosaic", "img_scale": SIZE}
    data = dataset(mosaic, {"type": "MixUp", "pre_transform": [mosaic]}, {"type": "CutMix"})
    assert len({id(transform.images) for transform in attach(data, "ring")}) == 1


def test_a_cache_without_a_size_is_told(dataset):
    with pytest.raises(InputError, match=r"^cache='ring': no transform of the pipeline reads images for an img_scale$"):
        attach(dataset({"type": "MixUp"}), "ring")


def test_a_sample_from_the_disk_is_that_from_the_files(dataset):
    """Images that fit already are the same to the pixel; shrunk ones look alike, and have the same boxes."""
    for scale, most in (((100, 80), 0), (SIZE, 12)):
        results = []
        for cache in (False, "disk"):
            data = dataset({"type": "Mosaic", "img_scale": scale, "translate": 0.1, "scale": 0.3})
            attach(data, cache)
            np.random.seed(5)
            results.append(data[3])
        files, disk = results
        assert np.abs(files["img"].astype(int) - disk["img"]).mean() <= most
        assert np.abs(files["gt_bboxes"].tensor - disk["gt_bboxes"].tensor).max() <= (1 if most else 0)
