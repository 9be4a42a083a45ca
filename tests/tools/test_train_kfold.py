"""The k-fold run from the command line: the whole way, and killed on the way."""

import csv
import hashlib
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
import yaml

from mmdet_trash.annotations import load_annotations
from mmdet_trash.evaluation import evaluate_coco
from mmdet_trash.ledger import read_ledger
from mmdet_trash.predictions import ImageTable, read_predictions
from tests.tiny import TINY

ROOT = Path(__file__).resolve().parents[2]
DEMO = ROOT / "configs" / "demo" / "cascade-rcnn_tiny.py"
FEW = [*TINY, "train_cfg.max_epochs=3", "train_dataloader.batch_size=3"]


def command(data_root, work_dir, *options):
    given = {
        "--data-root": data_root,
        "--folds-dir": data_root / "folds",
        "--work-dir": work_dir,
        "--test-gt": data_root / "test_truth.json",
        "--ledger": work_dir.parent / "ledger.csv",
    }
    paths = [str(part) for pair in given.items() for part in pair]
    return [sys.executable, "tools/train_kfold.py", str(DEMO), *paths, "--from-scratch", *map(str, options), *FEW]


def output_of(*arguments):
    result = subprocess.run(
        command(*arguments), cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=600
    )
    return result.returncode, result.stdout


def wait_for(path, process, seconds=300):
    """Wait until a process has written a file."""
    end = time.monotonic() + seconds
    while not path.exists():
        assert process.poll() is None, "it ended before it was killed"
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.fixture(scope="module")
def data(synthetic, tmp_path_factory):
    """Two folds of the synthetic images."""
    root = tmp_path_factory.mktemp("kfold") / "data"
    root.mkdir()
    for path in synthetic.iterdir():
        (root / path.name).symlink_to(path)
    arguments = ["--ann", root / "train.json", "--out-dir", root / "folds", "--folds", 2]
    subprocess.run([sys.executable, "tools/kfold.py", *map(str, arguments)], cwd=ROOT, check=True, capture_output=True)
    return root


@pytest.fixture(scope="module")
def whole(data, tmp_path_factory):
    """A run that nothing disturbed, and what it printed."""
    work_dir = tmp_path_factory.mktemp("whole") / "run"
    code, printed = output_of(data, work_dir)
    assert code == 0, printed[-3000:]
    return work_dir, printed


@pytest.mark.slow
def test_a_run_leaves_out_of_fold_predictions_a_submission_and_a_record(whole, data):
    work_dir, printed = whole
    truth = load_annotations(data / "train.json")
    oof = read_predictions(work_dir / "oof.parquet", ImageTable.from_coco(truth))
    assert json.loads((work_dir / "oof_truth.json").read_text())["annotations"] == truth["annotations"]
    record = yaml.safe_load((work_dir / "run.yaml").read_text())
    assert record["map50"]["pooled"] == pytest.approx(evaluate_coco(truth, oof, "pycocotools").summary["mAP50"])
    for fold in range(2):
        val = load_annotations(data / "folds" / f"val_fold{fold}.json")
        images = ImageTable.from_coco(val)
        own = read_predictions(work_dir / f"fold{fold}" / "val.parquet", images)
        assert np.array_equal(own.scores, oof.over(images).scores)
        assert record["map50"]["folds"][fold] == evaluate_coco(val, own, "pycocotools").summary["mAP50"]
    assert record["inputs"]["seeds"] == [0, 1]
    assert record["map50"]["mean"] == np.mean(record["map50"]["folds"])

    rows = list(csv.reader((work_dir / "submission.csv").open()))
    names = [image["file_name"] for image in load_annotations(data / "test.json")["images"]]
    assert [row[1] for row in rows] == ["image_id", *names]
    known = load_annotations(data / "test_truth.json")
    fused = read_predictions(work_dir / "submission.csv", ImageTable.from_coco(known))
    assert record["map50"]["fused"] == pytest.approx(evaluate_coco(known, fused).summary["mAP50"])
    assert f"{record['map50']['fused']:.4f}" in printed

    for entry in (*record["outputs"], *record["checkpoints"], record["inputs"]["test"]):
        assert hashlib.sha256(Path(entry["file"]).read_bytes()).hexdigest() == entry["sha256"]
    (row,) = read_ledger(work_dir.parent / "ledger.csv")
    assert (row["file"], row["cv"]) == (str(work_dir / "submission.csv"), f"{record['map50']['pooled']:.5f}")


@pytest.mark.slow
def test_the_manifest_beside_the_submission_makes_the_same_bytes(whole, tool, tmp_path):
    work_dir, _ = whole
    out = tmp_path / "again.csv"
    result = tool("ensemble", "--config", work_dir / "submission.csv.yaml", "--out", out)
    assert result.code == 0, result.err
    assert out.read_bytes() == (work_dir / "submission.csv").read_bytes()


@pytest.mark.slow
def test_a_run_that_is_through_is_not_begun_again_and_refuses_other_inputs(whole, data, tool, tmp_path):
    work_dir, _ = whole
    before = {path: path.stat().st_mtime_ns for path in work_dir.glob("fold*/*")}
    arguments = command(data, work_dir)[2:]
    result = tool("train_kfold", *arguments)
    assert result.code == 2 and f"{work_dir}: holds a run; --resume goes on with it" in result.err
    result = tool("train_kfold", *arguments, "optim_wrapper.optimizer.lr=0.5", "--resume")
    assert result.code == 2
    assert "--resume with other inputs: config.optim_wrapper.optimizer.lr is 0.5, was 0.001; another" in result.err
    result = tool("train_kfold", *arguments, "--resume", "--checkpoint", "last")
    assert result.code == 2 and "inputs.checkpoint is 'last', was 'best'" in result.err
    result = tool("train_kfold", *arguments, "--resume")
    assert result.code == 0 and "fused" in result.out
    assert {path: path.stat().st_mtime_ns for path in work_dir.glob("fold*/*")} == before
    assert len(read_ledger(work_dir.parent / "ledger.csv")) == 1


@pytest.mark.slow
def test_killed_in_fold_1_it_goes_on_from_there_and_leaves_fold_0_alone(data, tmp_path):
    work_dir = tmp_path / "run"
    # The first process of fold 0 is killed too: the runner starts another, which goes on from its checkpoint.
    log = tmp_path / "log.txt"  # a pipe that nobody reads would stop it
    with (
        log.open("wb") as output,
        subprocess.Popen(command(data, work_dir), cwd=ROOT, stdout=output, stderr=output) as runner,
    ):
        try:
            wait_for(work_dir / "fold0" / "epoch_1.pth", runner)
            trainer = next(p for p in psutil.Process(runner.pid).children() if "spawn_main" in " ".join(p.cmdline()))
            trainer.send_signal(signal.SIGKILL)
            wait_for(work_dir / "fold1" / "epoch_1.pth", runner)
            children = psutil.Process(runner.pid).children(recursive=True)
        finally:
            runner.kill()
    printed = log.read_text()
    assert "fold0: going on from epoch_1.pth" in printed and "fold 0: done" in printed
    _, alive = psutil.wait_procs(children, timeout=20)
    assert not alive
    assert not (work_dir / "submission.csv").exists()
    before = {path: path.stat().st_mtime_ns for path in (work_dir / "fold0").rglob("*")}

    code, printed = output_of(data, work_dir, "--resume")
    assert code == 0, printed[-3000:]
    assert {path: path.stat().st_mtime_ns for path in (work_dir / "fold0").rglob("*")} == before
    assert "fold1: going on from epoch_" in printed
    images = ImageTable.from_coco(load_annotations(data / "train.json"))
    oof = read_predictions(work_dir / "oof.parquet", images)
    assert len(np.unique(oof.image_index)) == len(images)
    assert {path.stem for path in (work_dir / "fold1").glob("epoch_*.pth")} == {"epoch_2", "epoch_3"}
    assert len((work_dir / "submission.csv").read_text().splitlines()) == 6


@pytest.mark.slow
def test_a_lost_worker_of_a_ray_cluster_is_replaced_from_its_checkpoint(whole, data, tmp_path):
    work_dir = tmp_path / "run"
    log = tmp_path / "log.txt"
    with (
        log.open("wb") as output,
        subprocess.Popen(command(data, work_dir, "--engine", "ray"), cwd=ROOT, stdout=output, stderr=output) as runner,
    ):
        try:
            wait_for(work_dir / "fold0" / "epoch_1.pth", runner)
            workers = psutil.Process(runner.pid).children(recursive=True)
            busy = [p for p in workers if p.name().startswith("ray::run_fold")]
            max(busy, key=lambda p: str(work_dir / "fold0") in str(p.open_files())).send_signal(signal.SIGKILL)
            runner.wait(600)
        finally:
            runner.kill()
    assert runner.returncode == 0, log.read_text()[-3000:]
    logs = sorted((work_dir / "fold0").glob("*/*.log"))
    assert len(logs) == 2 and "resumed epoch: " in logs[1].read_text()
    images = ImageTable.from_coco(load_annotations(data / "train.json"))
    ours, theirs = (read_predictions(place / "oof.parquet", images) for place in (work_dir, whole[0]))
    assert len(np.unique(ours.image_index)) == len(np.unique(theirs.image_index))
    assert (work_dir / "submission.csv").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda folds: (folds / "val_fold1.json").unlink(), "has not as many train_fold as val_fold files"),
        (lambda folds: [path.unlink() for path in folds.glob("val*")], "has no val_fold0.json; tools/kfold.py writes"),
    ],
)
def test_folds_that_are_not_whole_are_refused_before_anything_is_trained(change, message, data, tool, tmp_path):
    folds = tmp_path / "folds"
    folds.mkdir()
    for path in (data / "folds").iterdir():
        (folds / path.name).write_bytes(path.read_bytes())
    change(folds)
    result = tool("train_kfold", *command(data, tmp_path / "run")[2:], "--folds-dir", folds)
    assert result.code == 2 and message in result.err
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_a_fold_that_fails_does_not_stop_the_others_and_its_fault_is_told(data, tool, tmp_path):
    folds = tmp_path / "folds"
    folds.mkdir()
    for path in (data / "folds").iterdir():
        (folds / path.name).write_bytes(path.read_bytes())
    train = json.loads((folds / "train_fold0.json").read_text())
    train["images"][0]["file_name"] = "train/none.jpg"
    (folds / "train_fold0.json").write_text(json.dumps(train))
    arguments = command(data, tmp_path / "run")[2:]
    result = tool("train_kfold", *arguments, "--folds-dir", folds)
    assert result.code == 2
    assert "error: fold 0: " in result.err and "train/none.jpg: no such file" in result.err
    assert "--resume goes on with what is left" in result.err
    assert (tmp_path / "run" / "fold1" / "test.parquet").exists()
