"""MMDetection's pickle, as `DumpDetResults` writes it: a dict an image, with `pred_instances` of tensors."""

import operator
import pickle
import reprlib
from pathlib import Path
from typing import Any

import numpy as np

from mmdet_trash.errors import InputError
from mmdet_trash.files import atomic_write
from mmdet_trash.predictions.columns import ImageTable, Predictions
from mmdet_trash.predictions.precision import single
from mmdet_trash.predictions.reading import Reading, as_reading, note_missing, read_bytes

KEYS = ("bboxes", "scores", "labels")


def read_pickle(path: str | Path, images: ImageTable, trust_pickle: bool = False) -> Reading:
    """Read a list of dicts with `img_id` and `pred_instances`: `bboxes` (n, 4) xyxy, `scores` (n,), `labels` (n,).

    Tensors and arrays are both read; torch is needed only for tensors. Labels are positions in the classes.

    Args:
        path: the pickle.
        images: the images that the results are about.
        trust_pickle: whether the file may execute what it likes, which reading a pickle lets it do.

    Raises:
        InputError: naming the file and the entry, when the file is not trusted, is no such pickle, an image is
            unknown or repeated, or arrays do not fit each other.
    """
    if not trust_pickle:
        raise InputError(f"{path}: a pickle can execute anything when it is read; --trust-pickle reads it all the same")
    results = _load(path)
    if not isinstance(results, list):
        raise InputError(f"{path}: holds a {type(results).__name__}, a list of dicts is right")
    position = {image_id: index for index, image_id in enumerate(images.ids.tolist())}
    listed = np.zeros(len(images), dtype=bool)
    parts = []
    for entry, result in enumerate(results):
        where = f"{path}: {_place(entry)}"
        index = _find_image(result, position, where)
        if listed[index]:
            raise InputError(f"{where}: img_id {images.ids[index]} stands more than once")
        listed[index] = True
        parts.append((entry, index, *_arrays(result, len(images.classes), where)))

    counts = [len(scores) for *_, scores, _ in parts]
    entry_of_box = np.repeat(np.array([part[0] for part in parts], dtype=np.int64), counts)
    columns = (
        np.repeat(np.array([part[1] for part in parts], dtype=np.int64), counts),
        np.concatenate([np.zeros(0, dtype=np.int64), *(labels for *_, labels in parts)]),
        np.concatenate([np.zeros(0), *(scores for *_, scores, _ in parts)]),
        np.concatenate([np.zeros((0, 4)), *(bboxes for _, _, bboxes, _, _ in parts)]),
    )
    notes = note_missing("images without an entry", images, listed)
    return as_reading(images, columns, listed, notes, lambda row: _place(int(entry_of_box[row])))


def _place(entry: int) -> str:
    return f"entry at position {entry}"


def _load(path: str | Path) -> Any:
    content = read_bytes(path, "a pickle")
    try:
        return pickle.loads(content)
    except ModuleNotFoundError as error:
        raise InputError(f"{path}: needs the module {error.name}, which is not installed") from None
    except Exception as error:  # what a broken or hostile pickle raises is anything
        raise InputError(f"{path}: not a whole pickle ({type(error).__name__}); is the file cut short?") from None


def _find_image(result: Any, position: dict[int, int], where: str) -> int:
    if not isinstance(result, dict):
        raise InputError(f"{where}: is a {type(result).__name__}, a dict with img_id and pred_instances is right")
    for key in ("img_id", "pred_instances"):
        if key not in result:
            raise InputError(f"{where}: has no {key}; MMDetection's DumpDetResults writes img_id and pred_instances")
    image_id = result["img_id"]
    try:
        return position[operator.index(image_id)]
    except (TypeError, KeyError):
        raise InputError(f"{where}: img_id {reprlib.repr(image_id)} is no image of the annotation file") from None


def _arrays(result: dict[str, Any], classes: int, where: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Boxes (n, 4), scores (n,) and labels (n,) of an entry, checked."""
    instances = result["pred_instances"]
    if not isinstance(instances, dict):
        raise InputError(f"{where}: pred_instances is a {type(instances).__name__}, a dict is right")
    arrays = {}
    for key in KEYS:
        if key not in instances:
            raise InputError(f"{where}: pred_instances has no {key}; {', '.join(KEYS)} are right")
        arrays[key] = _as_array(instances[key], f"{where}: {key}")
    bboxes, scores, labels = (arrays[key] for key in KEYS)
    count = len(scores) if scores.ndim == 1 else -1
    if labels.shape != (count,) or bboxes.shape != (count, 4):
        shapes = ", ".join(f"{key} {arrays[key].shape}" for key in KEYS)
        raise InputError(f"{where}: has {shapes}; bboxes (n, 4), scores (n,) and labels (n,) are right")
    wrong = (labels != np.floor(labels)) | (labels < 0) | (labels >= classes)
    if wrong.any():
        raise InputError(f"{where}: label {labels[np.argmax(wrong)]:g} is no class, 0 to {classes - 1} is right")
    return bboxes, scores, labels.astype(np.int64)


def _as_array(value: Any, what: str) -> np.ndarray:
    try:
        if hasattr(value, "detach"):  # a tensor, maybe a half one, which numpy may not know
            value = value.detach().cpu().double().numpy()
        array = np.asarray(value, dtype=np.float64)
    except Exception as error:
        raise InputError(f"{what} is no array of numbers ({type(error).__name__})") from None
    if not np.isfinite(array).all():
        raise InputError(f"{what} holds {array[~np.isfinite(array)][0]}, finite numbers are right")
    return array


def write_pickle(predictions: Predictions, path: Path) -> None:
    """Write an entry for each image, with float32 boxes and scores.

    Raises:
        InputError: when a number is too large for float32.
    """
    import torch

    images = predictions.images
    bboxes, scores = single(predictions.bboxes), single(predictions.scores)
    fits = np.isfinite(bboxes).all(axis=1) & np.isfinite(scores)
    if not fits.all():
        name = images.file_names[predictions.image_index[np.argmin(fits)]]
        raise InputError(f"{path}: a box of {name!r} has a number too large for the float32 of MMDetection's pickle")
    results = []
    for index, (image_id, name, (width, height)) in enumerate(
        zip(images.ids.tolist(), images.file_names, images.sizes.tolist(), strict=True)
    ):
        rows = predictions.of_image(index)
        instances = {
            "bboxes": torch.tensor(bboxes[rows]),
            "scores": torch.tensor(scores[rows]),
            "labels": torch.tensor(predictions.labels[rows], dtype=torch.int64),
        }
        sample = {"img_id": image_id, "img_path": name, "ori_shape": (height, width), "pred_instances": instances}
        results.append(sample)
    with atomic_write(path, "wb") as file:
        pickle.dump(results, file)
