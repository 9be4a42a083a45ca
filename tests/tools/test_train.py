"""Training and testing from the command line: the whole way, and every way it can end early."""

import csv
import json
import os
import pickle
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from tests.tiny import TINY

ROOT = Path(__file__).resolve().parents[2]
DEMO = ROOT / "configs" / "demo" / "cascade-rcnn_tiny.py"
SUBPROCESS = {"cwd": ROOT, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}


def scalars(work_dir):
    """What the training logged: `step`, `epoch`, `loss`, `lr` of each iteration, in order, over all runs."""
    lines = [
        json.loads(line)
        for path in sorted(work_dir.glob("*/vis_data/scalars.json"))
        for line in path.read_text().splitlines()
    ]
    return [line for line in lines if "loss" in line]


def train_command(data_root, work_dir, *options):
    paths = ["--data-root", data_root, "--from-scratch", "--work-dir", work_dir]
    return [sys.executable, "tools/train.py", str(DEMO), *map(str, paths), *TINY, *options]


@pytest.fixture(scope="module")
def trained(synthetic, tmp_path_factory):
    """A work dir after two epochs of the demo config on the synthetic images, at a tiny size."""
    work_dir = tmp_path_factory.mktemp("trained")
    command = [
        sys.executable,
        "tools/train.py",
        DEMO,
        "--data-root",
        synthetic,
        "--from-scratch",
        "--work-dir",
        work_dir,
    ]
    result = subprocess.run([*map(str, command), *TINY], **SUBPROCESS)
    assert result.returncode == 0, result.stdout[-2000:]
    return work_dir, result.stdout


@pytest.mark.slow
def test_training_leaves_checkpoints_and_a_log_of_scores(trained):
    work_dir, log = trained
    assert (work_dir / "last.pth").resolve() == work_dir / "epoch_2.pth"
    assert len(list(work_dir.glob("best_mAP50_epoch_*.pth"))) == 1
    assert [line["epoch"] for line in scalars(work_dir)] == [1] * 4 + [2] * 4
    for expected in ("mAP50: ", "mAP: ", "AP50/General trash: ", "AP50/Clothing: ", "│ Battery"):
        assert expected in log
    assert log.index("AP50/General trash") < log.index("AP50/Paper: ") < log.index("AP50/Clothing")


@pytest.mark.slow
def test_a_submission_has_a_row_an_image_in_order(trained, tool, synthetic, tmp_path):
    out = tmp_path / "submission.csv"
    args = (DEMO, trained[0] / "last.pth", "--data-root", synthetic, "--work-dir", tmp_path)
    result = tool("test", *args, "--split", "test", "--out", out, *TINY)
    assert result.code == 0, result.err
    rows = list(csv.reader(out.open()))
    assert rows[0] == ["PredictionString", "image_id"]
    images = json.loads((synthetic / "test.json").read_text())["images"]
    assert [row[1] for row in rows[1:]] == [image["file_name"] for image in images]
    for text, _ in rows[1:]:
        numbers = text.split()
        assert len(numbers) % 6 == 0
        for label, score, *box in (numbers[i : i + 6] for i in range(0, len(numbers), 6)):
            assert label in list("0123456789")
            assert 0 < float(score) <= 1
            x1, y1, x2, y2 = map(float, box)
            assert 0 <= x1 <= x2 <= 128 and 0 <= y1 <= y2 <= 128


@pytest.mark.slow
def test_every_format_holds_the_same_boxes_and_a_threshold_drops_some(trained, tool, synthetic, tmp_path):
    from mmdet_trash.annotations import load_annotations
    from mmdet_trash.predictions import ImageTable, read_submission

    args = (DEMO, trained[0] / "last.pth", "--data-root", synthetic, "--work-dir", tmp_path, "--split", "test")
    for ending in ("csv", "json", "pkl"):
        assert tool("test", *args, "--out", tmp_path / f"p.{ending}", *TINY).code == 0
    images = ImageTable.from_coco(load_annotations(synthetic / "test.json"))
    boxes = read_submission(tmp_path / "p.csv", images)
    assert len(boxes) > 20
    results = json.loads((tmp_path / "p.json").read_text())
    assert [result["category_id"] for result in results] == boxes.labels.tolist()
    dumped = pickle.loads((tmp_path / "p.pkl").read_bytes())
    assert torch.cat([sample["pred_instances"]["labels"] for sample in dumped]).tolist() == boxes.labels.tolist()

    scores = sorted(set(boxes.scores.tolist()))
    threshold = sum(scores[len(scores) // 2 :][:2]) / 2  # between two scores, whose last digit the text has rounded
    tool("test", *args, "--out", tmp_path / "few.csv", "--score-thr", threshold, *TINY)
    assert len(read_submission(tmp_path / "few.csv", images)) == (boxes.scores >= threshold).sum()


@pytest.mark.slow
def test_the_validation_score_is_that_of_training(trained, tool, synthetic, tmp_path):
    work_dir, log = trained
    last = next(line for line in log.splitlines() if "Epoch(val) [2]" in line and "mAP50" in line)
    result = tool("test", DEMO, work_dir / "last.pth", "--data-root", synthetic, "--work-dir", tmp_path, *TINY)
    assert result.code == 0
    line = next(line for line in result.out.splitlines() if "Epoch(test)" in line and "mAP50" in line)
    assert line.split("mAP50: ")[1].split()[0] == last.split("mAP50: ")[1].split()[0]


@pytest.mark.slow
def test_tta_predicts_too(trained, tool, synthetic, tmp_path):
    out = tmp_path / "tta.csv"
    args = (DEMO, trained[0] / "last.pth", "--data-root", synthetic, "--work-dir", tmp_path, "--split", "test", "--tta")
    small = [f"tta_pipeline.1.transforms.0.{i}.scale=({size},{size})" for i, size in enumerate((64, 96, 128))]
    result = tool("test", *args, "--out", out, *TINY, *small)
    assert result.code == 0, result.err
    assert len(out.read_text().splitlines()) == 6


@pytest.mark.slow
def test_categories_in_another_order_are_tested_alike(trained, tool, dataset, edit_json, tmp_path):
    """The same classes under other ids: boxes keep their class, and are written with the file's own ids."""

    def reverse(coco):
        for category in coco["categories"]:
            category["id"] = 20 - category["id"]

    args = (trained[0] / "last.pth", "--data-root", dataset, "--work-dir", tmp_path, "--split", "test")
    labels = []
    for name in ("before", "after"):
        assert tool("test", DEMO, *args, "--out", tmp_path / f"{name}.json", *TINY).code == 0
        labels.append([result["category_id"] for result in json.loads((tmp_path / f"{name}.json").read_text())])
        edit_json(dataset / "test.json", reverse)
    assert labels[1] == [20 - label for label in labels[0]]


@pytest.mark.slow
def test_a_killed_run_resumes_at_its_last_checkpoint(synthetic, tmp_path):
    """kill -9 within the third epoch: six epochs in the end, each logged, the schedule going on where it was."""
    command = [
        sys.executable,
        "tools/train.py",
        DEMO,
        "--data-root",
        synthetic,
        "--from-scratch",
        "--work-dir",
        tmp_path,
    ]
    command = [*map(str, command), *TINY, "train_cfg.max_epochs=6", "train_cfg.val_interval=3"]
    process = subprocess.Popen(command, **SUBPROCESS)
    for line in process.stdout:
        if "Epoch(train) [3][2/4]" in line:
            process.send_signal(signal.SIGKILL)
            break
    assert process.wait() == -signal.SIGKILL
    process.stdout.close()
    before = scalars(tmp_path)
    assert max(line["epoch"] for line in before) == 3
    assert not (tmp_path / "epoch_3.pth").exists()

    time.sleep(1)  # a second run of the same second would share the first one's log folder
    resumed = subprocess.run([*command, "--resume"], **SUBPROCESS)
    assert resumed.returncode == 0, resumed.stdout[-2000:]
    assert (tmp_path / "last.pth").resolve() == tmp_path / "epoch_6.pth"
    after = scalars(tmp_path)[len(before) :]
    assert [line["epoch"] for line in after] == [3] * 4 + [4] * 4 + [5] * 4 + [6] * 4
    assert [line["step"] for line in after] == list(range(9, 25))
    rates = {line["step"]: line["lr"] for line in before}
    assert all(rates[line["step"]] == pytest.approx(line["lr"]) for line in after if line["step"] in rates)
    fresh = [line["loss"] for line in before][:2]
    assert max(line["loss"] for line in after) < min(fresh), "the loss goes on where it was, it does not start anew"


@pytest.mark.slow
def test_resume_without_a_checkpoint_starts_anew(tool, synthetic, tmp_path):
    args = ("--data-root", synthetic, "--from-scratch", "--work-dir", tmp_path / "new", "--resume")
    result = tool("train", DEMO, *args, *TINY, "train_cfg.max_epochs=1")
    assert result.code == 0, result.err
    assert (tmp_path / "new" / "epoch_1.pth").is_file()


@pytest.mark.slow
def test_two_processes_train_together(synthetic, tmp_path):
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2"]
    args = ["--data-root", synthetic, "--from-scratch", "--work-dir", tmp_path, "--launcher", "pytorch"]
    command = [*launch, "tools/train.py", DEMO, *args, *TINY, "train_cfg.max_epochs=1"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    result = subprocess.run([*map(str, command)], **SUBPROCESS, env=environment)
    assert result.returncode == 0, result.stdout[-2000:]
    assert (tmp_path / "epoch_1.pth").is_file()
    # 15 or so images, 4 an image step of each of 2 processes.
    assert len(scalars(tmp_path)) == 2
    assert "LR is set based on batch size of 8" in result.stdout


@pytest.mark.slow
def test_folds_are_trained_and_validated(tool, dataset, tmp_path):
    coco = json.loads((dataset / "train.json").read_text())
    folds = tmp_path / "folds"
    folds.mkdir()
    for part, chosen in (("train", range(12)), ("val", range(12, 20))):
        images = [image for image in coco["images"] if image["id"] in chosen]
        annotations = [a for a in coco["annotations"] if a["image_id"] in chosen]
        content = {**coco, "images": images, "annotations": annotations}
        (folds / f"{part}_fold1.json").write_text(json.dumps(content))
    args = (
        "--data-root",
        dataset,
        "--folds-dir",
        folds,
        "--fold",
        1,
        "--from-scratch",
        "--work-dir",
        tmp_path / "work",
    )
    result = tool("train", DEMO, *args, *TINY, "train_cfg.max_epochs=1")
    assert result.code == 0, result.err
    assert "train_fold1.json: 12 images" in result.out
    assert "val_fold1.json: 8 images" in result.out


@pytest.mark.slow
def test_a_full_disk_while_saving_keeps_the_previous_checkpoint(tool, synthetic, tmp_path, monkeypatch):
    """The second save fails as on a full disk: the system refuses to let any file grow beyond 50 kB."""
    from mmengine.hooks import IterTimerHook

    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before_train_epoch = IterTimerHook.before_train_epoch

    def fill_disk(self, runner):
        before_train_epoch(self, runner)
        if runner.epoch == 1:
            resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, hard))

    monkeypatch.setattr(IterTimerHook, "before_train_epoch", fill_disk)
    try:
        options = ("default_hooks.checkpoint.max_keep_ckpts=1", "train_cfg.val_interval=9")
        args = ("--data-root", synthetic, "--from-scratch", "--work-dir", tmp_path)
        result = tool("train", DEMO, *args, *TINY, *options)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, hard))
    assert result.code == 2
    assert result.err.splitlines()[-1].startswith(f"error: {tmp_path}/epoch_2.pth: cannot write: ")
    assert "Traceback" not in result.err
    assert sorted(path.name for path in tmp_path.glob("*.pth")) == ["epoch_1.pth", "last.pth"]
    from mmdet_trash.engine.checkpoint import load_local

    assert load_local(str(tmp_path / "last.pth"))["meta"]["epoch"] == 1


def last_line(result):
    assert result.code == 2, result.out + result.err
    assert "Traceback" not in result.err
    return result.err.splitlines()[-1]


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("model.backbone.type=ResNett", "error: config: model type 'ResNett' is unknown; did you mean 'ResNet'?"),
        ("model.roi_head.type=CascadRoIHead", "did you mean 'CascadeRoIHead'?"),
        (
            "train_dataloader.dataset.type=TrashDatset",
            "dataset type 'TrashDatset' is unknown; did you mean 'TrashDataset'?",
        ),
        ("train_dataloader.dataset.pipeline.0.type=LoadImageFromFil", "did you mean 'LoadImageFromFile'?"),
        ("val_evaluator.type=TrashMetrics", "metric type 'TrashMetrics' is unknown; did you mean 'TrashMetric'?"),
        ("optim_wrapper.optimizer.type=AdamWW", "did you mean 'AdamW'?"),
        ("model.backbone.depht=18", "error: config: ResNet takes no argument 'depht'"),
    ],
)
def test_a_misspelled_name_in_a_config_suggests_the_nearest(tool, synthetic, tmp_path, option, message):
    args = ("--data-root", synthetic, "--from-scratch", "--work-dir", tmp_path)
    assert message in last_line(tool("train", DEMO, *args, *TINY, option))


BROKEN = {
    "cut in half": (lambda text: text[: len(text) // 2], "train.json: not whole JSON"),
    "boxes as text": (lambda text: text.replace('"bbox": [', '"bbox": ["1", '), "annotation 1: has bbox ['1', "),
    "not a number": (lambda text: text.replace('"bbox": [', '"bbox": [NaN, ', 1), "annotation 1: has bbox [nan, "),
    "duplicate ids": (lambda text: text.replace('"id": 2,', '"id": 1,'), "1: this id stands more than once"),
    "unknown category": (
        lambda text: text.replace('"category_id": ', '"category_id": 4'),
        "is no category of this file",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_annotation_file_stops_before_training(tool, dataset, tmp_path, name):
    change, message = BROKEN[name]
    path = dataset / "train.json"
    text = json.dumps(json.loads(path.read_text()))
    path.write_text(change(text))
    result = tool("train", DEMO, "--data-root", dataset, "--from-scratch", "--work-dir", tmp_path / "work")
    assert message in last_line(result)
    assert not (tmp_path / "work").exists()


def test_an_image_of_another_size_stops_before_training(tool, dataset, tmp_path, edit_json):
    edit_json(dataset / "train.json", lambda coco: [image.update(width=640) for image in coco["images"]])
    result = tool("train", DEMO, "--data-root", dataset, "--from-scratch", "--work-dir", tmp_path / "work", *TINY)
    assert "0000.jpg: is 128x128, the annotations say 640x128" in last_line(result)


def test_a_work_dir_that_cannot_be_written_is_one_line(tool, synthetic, tmp_path):
    (tmp_path / "file").touch()
    args = ("--data-root", synthetic, "--from-scratch", "--work-dir", tmp_path / "file" / "work")
    assert "file/work/checkpoint: cannot write here: Not a directory" in last_line(tool("train", DEMO, *args))


def test_a_missing_data_root_says_how_to_name_it(tool, tmp_path):
    assert "nowhere: no such folder; say where" in last_line(tool("train", DEMO, "--data-root", tmp_path / "nowhere"))


def test_a_fold_needs_its_folder(tool):
    assert "--folds-dir and --fold go together" in last_line(tool("train", DEMO, "--fold", 1))


@pytest.mark.slow
@pytest.mark.parametrize(("split", "file"), [("val", "train.json"), ("test", "test.json")])
def test_a_checkpoint_of_other_classes_is_one_line(trained, tool, dataset, edit_json, tmp_path, split, file):
    def keep_three(coco):
        coco["categories"] = coco["categories"][:3]
        coco["annotations"] = [a for a in coco["annotations"] if a["category_id"] < 3]

    edit_json(dataset / file, keep_three)
    args = (trained[0] / "last.pth", "--data-root", dataset, "--work-dir", tmp_path, "--split", split, *TINY)
    line = last_line(tool("test", DEMO, *args))
    assert f"{file}: has 3 classes (General trash, Paper, Paper pack), " in line
    assert "last.pth has 10 (General trash, Paper, " in line


@pytest.mark.slow
def test_a_truncated_image_is_an_error_in_test(trained, tool, synthetic, tmp_path):
    data = tmp_path / "data"
    (data / "test").mkdir(parents=True)
    (data / "train").symlink_to(synthetic / "train")
    for name in ("train.json", "test.json"):
        (data / name).symlink_to(synthetic / name)
    for image in (synthetic / "test").glob("*.jpg"):
        content = image.read_bytes()
        (data / "test" / image.name).write_bytes(content[:-900] if image.stem == "0002" else content)
    out = tmp_path / "submission.csv"
    args = (trained[0] / "last.pth", "--data-root", data, "--work-dir", tmp_path, "--split", "test", "--out", out)
    assert "test/0002.jpg: image file is truncated" in last_line(tool("test", DEMO, *args, *TINY))
    assert not out.exists()


def test_an_unknown_ending_is_refused_before_anything_runs(tool, tmp_path):
    result = tool("test", DEMO, tmp_path / "none.pth", "--out", "submission.xlsx")
    assert "submission.xlsx: unknown ending for predictions, one of .csv, .json, .pkl, .parquet is right" in last_line(
        result
    )
