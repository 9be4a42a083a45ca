import json
from pathlib import Path

import pytest

from mmdet_trash.classes import CLASSES
from mmdet_trash.engine import config as configs
from mmdet_trash.errors import InputError

DEMO = str(Path(__file__).resolve().parents[2] / "configs" / "demo" / "cascade-rcnn_tiny.py")


@pytest.fixture
def cfg():
    return configs.load_config(DEMO)


def heads(cfg):
    return [head.num_classes for head in cfg.model.roi_head.bbox_head]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("model = dict(", "was never closed"),
        ("a = b", "'b' is not defined"),
        ("a = 1 / 0", "ZeroDivisionError"),
        ('_base_ = "./nowhere.py"', "nowhere.py"),
        (f'_base_ = "{DEMO}"\nmodel = dict(roi_head=dict(bbox_head=dict(a=1)))', "cannot inherit from base"),
    ],
)
def test_a_broken_config_is_one_line_that_names_it(tmp_path, text, message):
    path = tmp_path / "broken.py"
    path.write_text(text)
    with pytest.raises(InputError, match=message) as error:
        configs.load_config(str(path))
    assert "\n" not in str(error.value)


def test_a_missing_config_is_one_line():
    with pytest.raises(InputError, match=r"configs/none\.py"):
        configs.load_config("configs/none.py")


def test_options_that_do_not_fit_are_one_line():
    with pytest.raises(InputError, match="--cfg-options does not fit"):
        configs.load_config(DEMO, {"model.roi_head.bbox_head.7.num_classes": 3})


def test_the_data_root_reaches_every_dataset(cfg, tmp_path):
    cfg.train_dataloader.dataset = {"type": "RepeatDataset", "times": 2, "dataset": cfg.train_dataloader.dataset}
    configs.set_data_root(cfg, str(tmp_path))
    assert cfg.train_dataloader.dataset.dataset.data_root == str(tmp_path)
    assert cfg.val_dataloader.dataset.data_root == cfg.test_dataloader.dataset.data_root == str(tmp_path)


def test_the_data_root_may_come_from_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("TRASH_DATA_ROOT", str(tmp_path))
    assert configs.load_config(DEMO).train_dataloader.dataset.data_root == str(tmp_path)


def test_a_missing_data_root_says_how_to_name_it(cfg):
    with pytest.raises(InputError, match=r"nowhere: no such folder; .*--data-root or TRASH_DATA_ROOT"):
        configs.set_data_root(cfg, "nowhere")


def test_a_fold_replaces_the_holdout(cfg, tmp_path):
    for part in ("train", "val"):
        (tmp_path / f"{part}_fold3.json").touch()
    configs.set_fold(cfg, str(tmp_path), 3)
    assert cfg.train_dataloader.dataset.ann_file == str(tmp_path / "train_fold3.json")
    assert cfg.val_dataloader.dataset.ann_file == str(tmp_path / "val_fold3.json")
    assert cfg.train_dataloader.dataset.holdout is cfg.val_dataloader.dataset.holdout is None
    assert cfg.test_dataloader.dataset.ann_file == "test.json"
    with pytest.raises(InputError, match=r"train_fold4\.json: no such file"):
        configs.set_fold(cfg, str(tmp_path), 4)


def test_the_heads_take_the_class_count_of_the_data(cfg, dataset, edit_json):
    configs.set_data_root(cfg, str(dataset))
    configs.set_classes(cfg, configs.classes_of(cfg, "train_dataloader"), "val_dataloader", "train.json")
    assert heads(cfg) == [10, 10, 10]
    assert cfg.val_dataloader.dataset.metainfo.classes == CLASSES
    cfg.val_dataloader.dataset.pop("metainfo")

    def keep_three(coco):
        coco["categories"] = coco["categories"][:3]
        coco["annotations"] = [a for a in coco["annotations"] if a["category_id"] < 3]

    edit_json(dataset / "train.json", keep_three)
    names = tuple(c["name"] for c in json.loads((dataset / "train.json").read_text())["categories"])
    assert configs.classes_of(cfg, "train_dataloader") == configs.classes_of(cfg, "val_dataloader") == names
    configs.set_classes(cfg, names, "val_dataloader", "train.json")
    assert heads(cfg) == [3, 3, 3]


def test_a_validation_file_of_other_classes_is_refused(cfg, dataset, edit_json):
    configs.set_data_root(cfg, str(dataset))
    classes = configs.classes_of(cfg, "train_dataloader")
    edit_json(dataset / "train.json", lambda coco: coco["categories"][3].update(name="Tin"))
    with pytest.raises(InputError, match=r"has 10 classes \(.*Tin.*\), the training data has 10 \(.*Metal"):
        configs.set_classes(cfg, classes, "val_dataloader", "the training data")


def test_an_unlabelled_file_without_categories_takes_the_models(cfg, dataset, edit_json):
    configs.set_data_root(cfg, str(dataset))
    edit_json(dataset / "test.json", lambda coco: coco.pop("categories"))
    configs.set_classes(cfg, ("can", "bag"), "test_dataloader", "x.pth")
    assert cfg.test_dataloader.dataset.metainfo.classes == ("can", "bag")
    assert heads(cfg) == [2, 2, 2]


def test_initial_weights_are_taken_out_of_a_list_too(cfg):
    kaiming = {"type": "Kaiming", "layer": "Conv2d"}
    cfg.model.backbone.init_cfg = [kaiming, {"type": "Pretrained", "checkpoint": "x.pth"}]
    configs.train_from_scratch(cfg)
    assert cfg.model.backbone.init_cfg == [kaiming]


def test_predictions_are_written_by_our_metric_alone(cfg):
    cfg.test_evaluator = [{"type": "CocoMetric"}, {"type": "TrashMetric"}]
    configs.write_predictions_to(cfg, "out.csv", 0.1)
    assert cfg.test_evaluator[0] == {"type": "CocoMetric"}
    assert cfg.test_evaluator[1] == {"type": "TrashMetric", "out": "out.csv", "score_thr": 0.1}
    cfg.test_evaluator = {"type": "CocoMetric"}
    with pytest.raises(InputError, match="test_evaluator has no TrashMetric"):
        configs.write_predictions_to(cfg, None, 0.0)


def test_a_config_without_a_dataset_is_one_line(cfg):
    cfg.pop("train_dataloader")
    with pytest.raises(InputError, match="train_dataloader has no dataset"):
        configs.classes_of(cfg, "train_dataloader")


def test_classes_that_the_config_states_win(cfg, dataset):
    configs.set_data_root(cfg, str(dataset))
    cfg.train_dataloader.dataset.metainfo = {"classes": ("a", "b")}
    assert configs.classes_of(cfg, "train_dataloader") == ("a", "b")


def test_mixed_precision_needs_a_gpu(cfg, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(InputError, match="--amp needs a GPU"):
        configs.use_amp(cfg)
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    configs.use_amp(cfg)
    assert cfg.optim_wrapper.type == "AmpOptimWrapper"


def test_tta_wraps_the_model(cfg):
    detector = cfg.model.type
    configs.use_tta(cfg)
    assert (cfg.model.type, cfg.model.module.type) == ("FusionTTA", detector)
    assert cfg.test_dataloader.dataset.pipeline == cfg.tta_pipeline
    cfg.pop("tta_model")
    with pytest.raises(InputError, match="--tta needs tta_model"):
        configs.use_tta(cfg)


def test_a_config_may_build_its_pipeline_from_a_table(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(
        f"""_base_ = {str(DEMO)!r}
from mmdet_trash.datasets.transforms import HYP, yolo_pipeline

train_dataloader = dict(dataset=dict(pipeline=yolo_pipeline({{**HYP, "scale": 0.5}}, img_scale=(256, 256))))
"""
    )
    mosaic, *others = configs.load_config(str(path)).train_dataloader.dataset.pipeline
    assert (mosaic.type, mosaic.scale, mosaic.img_scale) == ("Mosaic", 0.5, (256, 256))
    assert [step.type for step in others] == ["MixUp", "HSVJitter", "CopyPaste", "RandomFlip", "PackDetInputs"]


def test_the_training_data_may_take_another_pipeline_of_the_config(cfg):
    configs.use_pipeline(cfg, "test_pipeline")
    assert cfg.train_dataloader.dataset.pipeline == cfg.test_pipeline
    for wrong in ("none", "model", "img_scale.x", "test_pipeline.0"):
        with pytest.raises(InputError, match=rf"^--pipeline {wrong}: the config has no such pipeline"):
            configs.use_pipeline(cfg, wrong)
