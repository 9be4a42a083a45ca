import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from mmdet_trash.datasets import groups
from mmdet_trash.errors import InputError
from tests.builders import coco


def same_partition(a, b):
    """Whether two numberings put the same images together."""
    return np.array_equal(a[:, None] == a[None], b[:, None] == b[None])


@given(st.integers(1, 12).flatmap(lambda n: st.lists(st.lists(st.integers(0, n), min_size=n, max_size=n), min_size=1)))
def test_joined_partitions_are_the_closure_of_being_together(partitions):
    partitions = np.array(partitions)
    reach = (partitions[:, :, None] == partitions[:, None]).any(axis=0)
    for _ in range(reach.shape[0]):
        reach = reach @ reach
    found = groups.join(*partitions)
    assert np.array_equal(found[:, None] == found[None], reach)


def test_a_field_groups_images_that_have_it_in_common():
    truth = coco(4)
    for image, video in zip(truth["images"], ["b", "a", "b", 1], strict=True):
        image["video"] = video
    assert groups.by_field(truth, "video").tolist() == [0, 1, 0, 2]


def test_an_image_without_the_field_is_named():
    truth = coco(2)
    truth["images"][0]["video"] = 1
    with pytest.raises(InputError, match="image 1: has no 'video' to group by; it has id, file_name, width, height"):
        groups.by_field(truth, "video")
    truth["images"][0]["video"] = [1]
    with pytest.raises(InputError, match=r"image 0: video is \[1\], text or a number is right"):
        groups.by_field(truth, "video")


def test_a_table_groups_the_images_it_names(tmp_path):
    path = tmp_path / "groups.csv"
    path.write_text("\ufefffile_name,group\r\ntrain/0003.jpg,x\r\ntrain/0001.jpg,x\r\ntrain/0000.jpg,y\r\n")
    found = groups.by_table(coco(5), path)
    assert same_partition(found, np.array([0, 1, 2, 1, 3]))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name,group\na,1\n", r"has the columns \['name', 'group'\], file_name and group are right"),
        ("", "has the columns None"),
        ("file_name,group\ntrain/0000.jpg,1\nx.jpg,1\n", "line 3: 'x.jpg' is no image of the annotation file"),
        ("file_name,group\ntrain/0000.jpg,\n", "line 2: 'train/0000.jpg' has no group"),
        ("file_name,group\ntrain/0000.jpg\n", "line 2: 'train/0000.jpg' has no group"),
        ("file_name,group\ntrain/0000.jpg,1\ntrain/0000.jpg,2\n", "line 3: 'train/0000.jpg' stands in two groups"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused_with_its_line(text, message, tmp_path):
    path = tmp_path / "groups.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        groups.by_table(coco(), path)


def test_a_missing_table_is_named(tmp_path):
    with pytest.raises(InputError, match=r"none.csv: no such file"):
        groups.by_table(coco(), tmp_path / "none.csv")


def scene(seed, size=512):
    """A smooth picture, as photographs are."""
    random = np.random.default_rng(seed)
    return Image.fromarray(random.integers(0, 256, (8, 8, 3), np.uint8)).resize((size, size), Image.Resampling.BICUBIC)


def test_a_picture_scaled_or_compressed_anew_is_found_and_others_are_not(tmp_path):
    scene(0).save(tmp_path / "a.jpg", quality=95)
    scene(1).save(tmp_path / "b.jpg")
    scene(0).resize((300, 300)).save(tmp_path / "c.png")
    scene(0).save(tmp_path / "d.jpg", quality=30)
    scene(0).rotate(180).save(tmp_path / "e.jpg")
    found = groups.by_picture([tmp_path / name for name in ("a.jpg", "b.jpg", "c.png", "d.jpg", "e.jpg")])
    assert same_partition(found, np.array([0, 1, 0, 0, 2]))


def test_an_image_that_cannot_be_read_is_named(tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"no image")
    with pytest.raises(InputError, match=r"a.jpg: cannot be read as an image"):
        groups.by_picture([tmp_path / "a.jpg"])


def test_real_photographs_are_each_their_own_picture(shared):
    root = shared / "data" / "litter"
    paths = sorted((root / "train").glob("*.jpg"))[:60]
    assert len(np.unique(groups.by_picture(paths))) == len(paths)
