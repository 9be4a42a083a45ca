#!/usr/bin/env python3
"""How fast is box fusion? Images of 100 objects in 10 classes, which 5 or 25 models agree on, as detectors do.

The peer is ensemble-boxes, called image by image on lists made ready beforehand, in the same process and on one thread.
Ours is `fuse` over all images at once, and the drop-in functions, called as the peer's are. Results are compared to the
last bit. Then a whole job on two cores: 25 submission CSVs of 4,871 images to one. Ours is tools/ensemble.py in a fresh
process; the peer is the usual script of pandas and ensemble-boxes, run on some images. It reads its files in full, and
its time on images is scaled up; its peak is that of the part that ran. Last, how long a fresh process takes to fuse for
the first time, and to print the tool's help. The last line is a JSON object.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import ensemble_boxes
import numpy as np
from measure import case, median_seconds

import mmdet_trash.fusion as drop_in
from mmdet_trash.cli import positive, run
from mmdet_trash.fusion import FusionSettings, fuse
from mmdet_trash.predictions import ImageTable, Predictions, read, write_predictions

OBJECTS, CLASSES, WIDTH, HEIGHT = 100, 10, 1920, 1080
SIZE = np.array([WIDTH, HEIGHT, WIDTH, HEIGHT], dtype=np.float64)
CONF_TYPES = ("avg", "max", "box_and_model_avg", "absent_model_aware_avg")
METHODS: dict[str, tuple[str, dict[str, Any]]] = {
    "wbf": ("weighted_boxes_fusion", {"iou_thr": 0.55}),
    "nms": ("nms", {"iou_thr": 0.5}),
    "soft_nms": ("soft_nms", {"iou_thr": 0.5, "method": 2, "sigma": 0.5, "thresh": 0.001}),
    "nmw": ("non_maximum_weighted", {"iou_thr": 0.55}),
}
CALLS = 10
TOOL = str(Path(__file__).resolve().parents[1] / "tools" / "ensemble.py")
# A process of its own between: a child's peak starts at what its parent held.
LAUNCHER = """
import os, resource, subprocess, sys, time
os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:2])
start = time.perf_counter()
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)
print(time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024)
"""
FIRST_FUSION = f"""
import numpy as np
from mmdet_trash.fusion import fuse
from mmdet_trash.predictions import ImageTable, Predictions
images = ImageTable(np.array([1]), ("0.jpg",), np.array([[{WIDTH}, {HEIGHT}]]), np.array([0]), ("bag",))
model = Predictions.from_columns(images, [0], [0], [0.5], [[10, 10, 50, 50]])
assert len(fuse([model, model])) == 1
"""
Lists = tuple[list[Any], ...]


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="example: python benchmarks/fusion.py --images 50 --files 5 --job-images 1000",
    )
    parser.add_argument("--images", type=positive, default=60, help="fused in one process (%(default)s)")
    parser.add_argument("--repeats", type=positive, default=7, help="timed turns of 5 models (%(default)s)")
    parser.add_argument("--slow-repeats", type=positive, default=3, help="timed turns of 25 models (%(default)s)")
    parser.add_argument("--files", type=positive, default=25, help="of the whole job (%(default)s)")
    parser.add_argument("--job-images", type=positive, default=4871, help="of the whole job (%(default)s)")
    parser.add_argument("--peer-images", type=positive, default=12, help="of them, for the peer (%(default)s)")
    parser.add_argument("--usual-script", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    warnings.simplefilter("ignore")
    if args.usual_script:
        return usual_script(args.usual_script, args.peer_images)
    cases: dict[str, dict[str, Any]] = {}
    for method in METHODS:
        cases.update(in_process(method, 5, args.images, args.repeats))
    cases.update(in_process("wbf", 25, args.images, args.slow_repeats))
    with tempfile.TemporaryDirectory() as scratch:
        cases["whole job"], job = whole_job(Path(scratch), args.files, args.job_images, args.peer_images)
    commands = {"first_fusion_s": ["-c", FIRST_FUSION], "help_s": [TOOL, "--help"]}
    fresh = {}
    for name, command in commands.items():  # their caches are full: the tool has run
        fresh[name] = statistics.median(measured([sys.executable, *command])[0] for _ in range(5))
    print(json.dumps({"benchmark": "fusion", "images": args.images, "cases": cases, "whole_job": job, **fresh}))
    sys.exit(any(case["same_result"] is False for case in cases.values()))


def coco(count: int) -> dict[str, Any]:
    """An annotation file of so many images."""
    images = [{"id": i + 1, "file_name": f"test/{i:04}.jpg", "width": WIDTH, "height": HEIGHT} for i in range(count)]
    categories = [{"id": label, "name": f"class {label}"} for label in range(CLASSES)]
    return {"images": images, "annotations": [], "categories": categories}


def synthetic(models: int, count: int, digits: type = np.float64, seed: int = 0) -> list[Predictions]:
    """Each model's boxes: the objects, 5 to 25 % of the side, with noise of 1 % (2 % at most), and its own scores."""
    rng = np.random.default_rng(seed)
    images = ImageTable.from_coco(coco(count))
    side = rng.uniform(0.05, 0.25, (count, OBJECTS, 2))
    corner = rng.uniform(0, 1 - side)
    objects = np.concatenate([corner, corner + side], axis=2)
    labels = rng.integers(CLASSES, size=(count, OBJECTS))
    # No two scores of an image are the same: the peer's order of equal ones is that of an unstable sort.
    ranks = rng.permuted(np.tile(np.arange(models * OBJECTS), (count, 1)), axis=1).reshape(count, models, OBJECTS)
    scores = ((ranks + rng.uniform(0.25, 0.75, ranks.shape)) / (models * OBJECTS)).astype(digits)
    index = np.repeat(np.arange(count), OBJECTS)
    found = []
    for model in range(models):
        noise = rng.normal(0, 0.01, objects.shape).clip(-0.02, 0.02)
        bboxes = ((objects + noise).clip(0, 1) * SIZE).astype(digits)
        found.append(Predictions.from_columns(images, index, labels.ravel(), scores[:, model].ravel(), bboxes))
    return found


def lists_of(models: Sequence[Predictions], image: int) -> Lists:
    """An image as ensemble-boxes takes it."""
    rows = [(model, model.of_image(image)) for model in models]
    found = [(model.bboxes[here] / SIZE, model.scores[here], model.labels[here]) for model, here in rows]
    return tuple(map(list, zip(*found, strict=True)))


def in_process(method: str, models: int, count: int, repeats: int) -> dict[str, dict[str, Any]]:
    """`fuse` and the drop-in function beside the peer's, on one thread."""
    predictions = synthetic(models, count)
    lists = [lists_of(predictions, image) for image in range(count)]
    name, options = METHODS[method]
    settings = FusionSettings(method=method, iou_thr=options["iou_thr"])
    theirs, same_name = getattr(ensemble_boxes, name), getattr(drop_in, name)
    steps = [
        # Some calls a turn, as `timeit` does: one is a thousandth of the peer's turn, which leaves it cold caches.
        repeated(lambda: fuse(predictions, settings, threads=1), CALLS),
        repeated(lambda: [same_name(*image, **options) for image in lists], CALLS),
        repeated(lambda: [theirs(*image, **options) for image in lists], 1),
    ]
    ours, dropped, peers = median_seconds(steps, repeats)
    seconds = [ours / CALLS, dropped / CALLS, peers]
    same_fused, same_dropped = [], []
    for conf_type in CONF_TYPES if method == "wbf" and models == 5 else CONF_TYPES[:1]:
        given = {**options, "conf_type": conf_type} if method == "wbf" else options
        fused = fuse(predictions, FusionSettings(method, options["iou_thr"], conf_type=conf_type), threads=1)
        for image, listed in enumerate(lists):
            expected, rows = theirs(*listed, **given), fused.of_image(image)
            same_dropped.append(all(map(np.array_equal, same_name(*listed, **given), expected)))
            # The peer's soft-NMS gives back the scores from before, ours those that sank.
            scores = None if method == "soft_nms" else fused.scores[rows]
            ours = table(fused.bboxes[rows], scores, fused.labels[rows])
            boxes = np.minimum(np.asarray(expected[0], np.float64) * SIZE, SIZE)  # a float32 average may pass 1
            same_fused.append(np.array_equal(ours, table(boxes, None if scores is None else expected[1], expected[2])))
    key, peer = f"{method} {models}x{OBJECTS}", f"ensemble_boxes.{name}"
    print(f"{key:14} ms an image: " + "  ".join(f"{1000 * taken / count:.3f}" for taken in seconds), flush=True)
    return {
        key: case(peer, [seconds[0], seconds[2]], [None, None], all(same_fused)),
        f"drop-in {key}": case(peer, seconds[1:], [None, None], all(same_dropped)),
    }


def repeated(function: Callable[[], Any], calls: int) -> Callable[[], None]:
    """Calls that drop what they get."""

    def run() -> None:
        for _ in range(calls):
            function()

    return run


def table(boxes: np.ndarray, scores: np.ndarray | None, labels: np.ndarray) -> np.ndarray:
    """Boxes as rows, whatever their order was."""
    rows = np.column_stack([boxes, labels, *([] if scores is None else [scores])]).astype(np.float64)
    return rows[np.lexsort(rows.T)]


def whole_job(folder: Path, files: int, count: int, peer_images: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """CSVs to one by the tool, on half of the images and on all, beside the usual script."""
    peer_images, half = min(peer_images, count), max(count // 2, 1)
    here, part = folder / "all", folder / "half"
    for place, images in ((part, half), (here, count)):
        place.mkdir()
        (place / "ann.json").write_text(json.dumps(coco(images)))
    names = [f"model{model:02}.csv" for model in range(files)]
    for name, model in zip(names, synthetic(files, count, np.float32), strict=True):
        write_predictions(model, here / name)
        (part / name).write_text("".join((here / name).read_text().splitlines(keepends=True)[: half + 1]))
    (half_s, _), (ours, mib) = (
        measured([sys.executable, TOOL, *map(str, sorted(place.glob("model*.csv"))), "--ann", str(place / "ann.json"),
                  "--out", str(place / "ours.csv")])
        for place in (part, here)
    )  # fmt: skip
    _, their_mib = measured([sys.executable, __file__, "--usual-script", str(here), "--peer-images", str(peer_images)])
    taken = json.loads((here / "times.json").read_text())
    theirs = taken["read_s"] + taken["fuse_s"] * count / peer_images
    results = [read_part(here / name, coco(count), peer_images) for name in ("ours.csv", "theirs.csv")]
    figures = {
        "files": files,
        "images": count,
        "s_per_image_half": round(half_s / half, 5),
        "s_per_image_all": round(ours / count, 5),
        "peer_images": peer_images,
        "peer_read_s": round(taken["read_s"], 2),
        "peer_s_per_image": round(taken["fuse_s"] / peer_images, 4),
    }
    print("whole job      " + "  ".join(f"{name} {value}" for name, value in figures.items()), flush=True)
    found = case("pandas and ensemble_boxes", [ours, theirs], [mib, their_mib], np.array_equal(*results))
    return found, figures


def read_part(path: Path, annotations: dict[str, Any], count: int) -> np.ndarray:
    """The boxes of the first images of a submission."""
    found = read(path, ImageTable.from_coco(annotations)).predictions
    first = found.image_index < count
    return table(found.bboxes[first], found.scores[first], found.image_index[first] * CLASSES + found.labels[first])


def usual_script(folder: Path, count: int) -> None:
    """What most notebooks do: ensemble-boxes on the numbers of `PredictionString`, image by image, the first ones."""
    import pandas as pd

    start = time.perf_counter()
    tables = [pd.read_csv(path) for path in sorted(folder.glob("model*.csv"))]
    reading = time.perf_counter() - start
    strings = []
    for row in range(count):
        lists: Lists = ([], [], [])
        for submission in tables:
            words = submission["PredictionString"].iloc[row].split()
            for column in lists:
                column.append([])
            for at in range(0, len(words), 6):
                label, score, x1, y1, x2, y2 = map(float, words[at : at + 6])
                lists[0][-1].append([x1 / WIDTH, y1 / HEIGHT, x2 / WIDTH, y2 / HEIGHT])
                lists[1][-1].append(score)
                lists[2][-1].append(int(label))
        words = []
        for box, score, label in zip(*ensemble_boxes.weighted_boxes_fusion(*lists, iou_thr=0.55), strict=True):
            words += [int(label), score, box[0] * WIDTH, box[1] * HEIGHT, box[2] * WIDTH, box[3] * HEIGHT]
        strings.append(" ".join(map(str, words)))
    out = pd.DataFrame({"PredictionString": strings, "image_id": tables[0]["image_id"][:count]})
    out.to_csv(folder / "theirs.csv", index=False)
    (folder / "times.json").write_text(json.dumps({"read_s": reading, "fuse_s": time.perf_counter() - start - reading}))


def measured(command: Sequence[str]) -> tuple[float, float]:
    """Wall seconds and peak MiB of a command on two cores."""
    environment = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    said = subprocess.check_output([sys.executable, "-c", LAUNCHER, *command], env=environment, text=True)
    seconds, mib = said.split()
    return round(float(seconds), 3), round(float(mib), 1)


if __name__ == "__main__":
    run(main)
