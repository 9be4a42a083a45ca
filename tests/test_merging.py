import copy
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmdet_trash.annotations import find_contradictions
from mmdet_trash.errors import InputError
from mmdet_trash.merging import extra_paths, merge_annotations
from tests.builders import coco

NAMES = ("Paper", "Metal", "Glass")


@st.composite
def annotation_files(draw: st.DrawFn) -> list[tuple[str, dict[str, Any]]]:
    """One to four files of the same classes, ids and their order drawn for each, image names all different."""
    parts = []
    for number in range(draw(st.integers(1, 4))):
        ids = st.lists(st.integers(-5, 40), unique=True, max_size=4)
        category_ids = draw(st.permutations(range(3)))
        images = [
            {
                "id": i,
                "file_name": f"{number}/{i}.jpg",
                "width": 100,
                "height": 80,
                "taken": draw(st.text()),
            }
            for i in draw(ids)
        ]
        annotations = [
            {
                "id": i,
                "image_id": draw(st.sampled_from(images))["id"],
                "category_id": draw(st.sampled_from(category_ids)),
                "bbox": [1, 2, 30, draw(st.floats(1, 40))],
                "score": draw(st.floats(0, 1)),
            }
            for i in (draw(ids) if images else [])
        ]
        names = draw(st.permutations(NAMES))
        categories = [{"id": i, "name": names[i], "from": number} for i in category_ids]
        content = {"info": {"number": number}, "images": images, "annotations": annotations, "categories": categories}
        parts.append((f"file{number}.json", content))
    return parts


def per_class(content: dict[str, Any]) -> Counter[str]:
    names = {category["id"]: category["name"] for category in content["categories"]}
    return Counter(names[annotation["category_id"]] for annotation in content["annotations"])


def but(record: dict[str, Any], *keys: str) -> dict[str, Any]:
    return {key: value for key, value in record.items() if key not in keys}


@given(annotation_files())
def test_every_record_is_kept_but_for_ids_and_counts_add_up(parts) -> None:
    before = copy.deepcopy(parts)
    merged = merge_annotations(parts)
    assert parts == before
    first = parts[0][1]
    assert but(merged, "images", "annotations") == but(first, "images", "annotations")
    for key, ids in (("images", ("id",)), ("annotations", ("id", "image_id", "category_id"))):
        every = [record for _, content in parts for record in content[key]]
        assert merged[key][: len(first[key])] == first[key]
        assert [but(record, *ids) for record in merged[key]] == [but(record, *ids) for record in every]
    assert per_class(merged) == sum((per_class(content) for _, content in parts), Counter())
    assert list(find_contradictions(merged)) == []


@given(annotation_files())
def test_a_box_stays_on_its_image_with_its_class(parts) -> None:
    def boxes(content: dict[str, Any]) -> list[tuple]:
        files = {image["id"]: image["file_name"] for image in content["images"]}
        names = {category["id"]: category["name"] for category in content["categories"]}
        return [(files[a["image_id"]], names[a["category_id"]], *a["bbox"]) for a in content["annotations"]]

    assert boxes(merge_annotations(parts)) == [box for _, content in parts for box in boxes(content)]


@given(annotation_files())
def test_new_ids_come_after_the_first_files_largest(parts) -> None:
    merged, first = merge_annotations(parts), parts[0][1]
    for key in ("images", "annotations"):
        own = [record["id"] for record in first[key]]
        new = [record["id"] for record in merged[key][len(own) :]]
        start = max(own, default=0) + 1
        assert new == list(range(start, start + len(new)))


@pytest.mark.parametrize("other", ["b.json", "a.json"])
def test_an_image_in_two_files_names_both_also_when_a_file_is_named_twice(other: str) -> None:
    with pytest.raises(InputError) as error:
        merge_annotations([("a.json", coco()), (other, coco())])
    assert str(error.value) == f"{other}: image 0 'train/0000.jpg' stands in a.json too; in one of them is right"


def test_extra_files_may_not_repeat_each_others_images() -> None:
    parts = [("a.json", coco()), ("b.json", coco(folder="b/")), ("c.json", coco(folder="b/"))]
    with pytest.raises(InputError, match=r"^c\.json: image 0 'b/0000\.jpg' stands in b\.json too"):
        merge_annotations(parts)


def test_an_unknown_category_stops_only_with_boxes() -> None:
    more = coco(folder="b/", categories=(0, 1, 5))
    merged = merge_annotations([("a.json", coco()), ("b.json", more)])
    assert [category["id"] for category in merged["categories"]] == [0, 1]
    more["annotations"][1]["category_id"] = 5
    with pytest.raises(InputError) as error:
        merge_annotations([("a.json", coco()), ("b.json", more)])
    assert str(error.value) == (
        "b.json: annotation 1 is of category 'class 5', which a.json lacks; it has class 0, class 1"
    )


def test_extra_files_lie_under_the_root_or_where_they_say() -> None:
    assert extra_paths(["a.json", "/b/c.json"], "data/trash/") == [Path("data/trash/a.json"), Path("/b/c.json")]
    assert extra_paths(("a.json",), "") == [Path("a.json")]
    assert extra_paths(None, "data") == []


@pytest.mark.parametrize("wrong", ["pseudo.json", [1], {"a": 1}, 3])
def test_what_is_no_list_of_files_is_one_line(wrong: Any) -> None:
    with pytest.raises(InputError, match=r"^extra_ann_files: .* is no list of annotation files, \['pseudo\.json'\]"):
        extra_paths(wrong, "data")
