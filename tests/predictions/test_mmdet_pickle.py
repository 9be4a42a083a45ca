import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmdet_trash.errors import InputError
from mmdet_trash.predictions import read, write_predictions
from tests.builders import JSON_VALUES, predictions, table

IMAGES = table(("test/0000.jpg", "test/0001.jpg", "test/0002.jpg"))


def instances(**change: Any) -> dict[str, Any]:
    good = {
        "bboxes": np.array([[1, 2, 30.5, 40], [0, 0, 100, 80]], dtype=np.float32),
        "scores": np.array([0.5, 0.25], dtype=np.float32),
        "labels": np.array([3, 9]),
    }
    return {key: value for key, value in {**good, **change}.items() if value is not None}


def entry(image_id: Any = 27, **change: Any) -> dict[str, Any]:
    return {"img_id": image_id, "img_path": "anything", "pred_instances": instances(**change)}


def dump(path: Path, content: Any) -> Path:
    path.write_bytes(pickle.dumps(content))
    return path


def test_entries_are_joined_by_image_id_and_labels_are_positions(tmp_path: Path) -> None:
    empty = entry(7, bboxes=np.zeros((0, 4)), scores=np.zeros(0), labels=np.zeros(0, dtype=int))
    reading = read(dump(tmp_path / "a.pkl", [entry(np.int64(27)), empty]), IMAGES, trust_pickle=True)
    found = reading.predictions
    assert (found.image_index.tolist(), found.labels.tolist()) == ([2, 2], [3, 9])
    assert found.scores.tolist() == [0.5, 0.25]
    assert found.bboxes.tolist() == [[1, 2, 30.5, 40], [0, 0, 100, 80]]
    assert reading.listed.tolist() == [True, False, True]
    assert reading.notes == ("images without an entry: 1 of 3, first 'test/0001.jpg'",)


def test_a_list_of_nothing_has_no_detections(tmp_path: Path) -> None:
    reading = read(dump(tmp_path / "a.pkl", []), IMAGES, trust_pickle=True)
    assert len(reading.predictions) == 0
    assert reading.notes == ("images without an entry: 3 of 3, first 'test/0000.jpg'",)


@pytest.mark.slow
def test_half_and_bfloat_tensors_are_read(tmp_path: Path) -> None:
    import torch

    half = entry(
        bboxes=torch.tensor([[1, 2, 30.5, 40]], dtype=torch.bfloat16),
        scores=torch.tensor([0.5], dtype=torch.float16, requires_grad=True),
        labels=torch.tensor([3]),
    )
    found = read(dump(tmp_path / "a.pkl", [half]), IMAGES, trust_pickle=True).predictions
    assert (found.bboxes.tolist(), found.scores.tolist(), found.labels.tolist()) == ([[1, 2, 30.5, 40]], [0.5], [3])


class Hostile:
    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple:
        return os.mkdir, (str(self.trace),)


def test_a_pickle_is_not_opened_before_it_is_trusted(tmp_path: Path) -> None:
    path = dump(tmp_path / "a.pkl", Hostile(tmp_path / "trace"))
    with pytest.raises(InputError) as error:
        read(path, IMAGES)
    assert str(error.value) == (
        f"{path}: a pickle can execute anything when it is read; --trust-pickle reads it all the same"
    )
    assert not (tmp_path / "trace").exists()
    with pytest.raises(InputError, match=r"a.pkl: holds a NoneType, a list of dicts is right$"):
        read(path, IMAGES, trust_pickle=True)
    assert (tmp_path / "trace").exists(), "the test would have noticed"


RIGHT = "bboxes, scores, labels are right"
WRONG: dict[str, tuple[Any, str]] = {
    "a dict": ({}, "holds a dict, a list of dicts is right"),
    "no dict in it": ([entry(), 3], "entry at position 1: is a int, a dict with img_id and pred_instances is right"),
    "no img_id": ([{"pred_instances": {}}], "entry at position 0: has no img_id; MMDetection's DumpDetResults writes"),
    "no pred_instances": ([{"img_id": 7}], "entry at position 0: has no pred_instances; MMDetection's DumpDetResults"),
    "no instances": ([{"img_id": 7, "pred_instances": 3}], "entry at position 0: pred_instances is a int, a dict is"),
    "no labels": ([entry(labels=None)], f"entry at position 0: pred_instances has no labels; {RIGHT}"),
    "unknown image": ([entry(), entry(8)], "entry at position 1: img_id 8 is no image of the annotation file"),
    "an image's name": ([entry("test/0000.jpg")], "entry at position 0: img_id 'test/0000.jpg' is no image of the"),
    "an image twice": ([entry(), entry(7), entry()], "entry at position 2: img_id 27 stands more than once"),
    "unequal lengths": (
        [entry(scores=np.ones(3))],
        "entry at position 0: has bboxes (2, 4), scores (3,), labels (2,); bboxes (n, 4), scores (n,) and labels (n,)",
    ),
    "boxes of five": ([entry(bboxes=np.ones((2, 5)))], "entry at position 0: has bboxes (2, 5), scores (2,), labels"),
    "one number": ([entry(scores=0.5)], "entry at position 0: has bboxes (2, 4), scores (), labels (2,); bboxes"),
    "words": ([entry(scores=["a", "b"])], "entry at position 0: scores is no array of numbers (ValueError)"),
    "NaN": ([entry(scores=[0.5, np.nan])], "entry at position 0: scores holds nan, finite numbers are right"),
    "unknown label": ([entry(labels=[1, 10])], "entry at position 0: label 10 is no class, 0 to 9 is right"),
    "negative label": ([entry(labels=[-1, 1])], "entry at position 0: label -1 is no class, 0 to 9 is right"),
    "half a label": ([entry(labels=[1, 2.5])], "entry at position 0: label 2.5 is no class, 0 to 9 is right"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_names_the_entry(tmp_path: Path, name: str) -> None:
    content, message = WRONG[name]
    path = dump(tmp_path / "a.pkl", content)
    with pytest.raises(InputError) as error:
        read(path, IMAGES, trust_pickle=True)
    assert str(error.value).startswith(f"{path}: {message}")
    assert "\n" not in str(error.value)


def test_what_is_no_pickle_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "a.pkl"
    whole = pickle.dumps([entry()])
    for content in (b"", b"image,label\n", b"\x89PNG\r\n", whole[:-1], whole[: len(whole) // 2]):
        path.write_bytes(content)
        with pytest.raises(InputError, match=r"a.pkl: not a whole pickle \(\w+\); is the file cut short\?$"):
            read(path, IMAGES, trust_pickle=True)
    path.write_bytes(b"cno_such_module\nthing\n.")
    with pytest.raises(InputError, match=r"a.pkl: needs the module no_such_module, which is not installed$"):
        read(path, IMAGES, trust_pickle=True)


@given(st.data())
def test_any_change_ends_in_predictions_or_in_one_line(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = tmp_path_factory.getbasetemp() / "changed.pkl"
    content: list[Any] = [entry(), entry(7)]
    holder = data.draw(st.sampled_from([content, content[0], content[0]["pred_instances"]]))
    key = data.draw(st.sampled_from(range(2) if holder is content else list(holder)))
    holder[key] = data.draw(JSON_VALUES | st.sampled_from([np.ones((2, 4)), np.ones(2), np.array(["a"]), None]))
    try:
        read(dump(path, content), IMAGES, trust_pickle=True)
    except InputError as error:
        assert str(error).startswith(f"{path}: ") and "\n" not in str(error)


@pytest.mark.slow
def test_a_number_beyond_float32_is_refused_before_the_file_is_touched(tmp_path: Path) -> None:
    path = tmp_path / "a.pkl"
    path.write_text("old")
    with pytest.raises(InputError, match=r"a.pkl: a box of 'test/0001.jpg' has a number too large for the float32 of"):
        write_predictions(predictions(IMAGES, [(0, 0, 0.5, 0, 0, 1, 1), (1, 0, 0.5, 0, 0, 1, 1e39)]), path)
    assert path.read_text() == "old"
