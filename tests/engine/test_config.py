import json
from pathlib import Path

import pytest

from mmdet_trash.classes import CLASSES
from mmdet_trash.engine import config as configs
from mmdet_trash.engine.runner import build_train_dataset
from mmdet_trash.errors import InputError
from tests.builders import write_json

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


@pytest.fixture
def with_pseudo(dataset, tmp_path):
    """The config of docs/pseudo_labels.md over the demo's, on the dataset; folds in `folds/`, a pseudo file a fold."""
    path = tmp_path / "mine.py"
    path.write_text(
        f"""_base_ = {str(DEMO)!r}
train_dataloader = dict(dataset=dict(extra_ann_files=["pseudo/pseudo_fold{{fold}}.json"]))
"""
    )
    whole = json.loads((dataset / "train.json").read_text())
    for fold, held_out in enumerate((range(10), range(10, 20))):
        for part in ("train", "val"):
            chosen = {i for i in range(20) if (i in held_out) == (part == "val")}
            images = [image for image in whole["images"] if image["id"] in chosen]
            annotations = [a for a in whole["annotations"] if a["image_id"] in chosen]
            content = {**whole, "images": images, "annotations": annotations}
            write_json(tmp_path / "folds" / f"{part}_fold{fold}.json", content)
        pseudo_labels(dataset, fold, {"fold": fold})
    cfg = configs.load_config(str(path))
    configs.set_data_root(cfg, str(dataset))
    return cfg


def pseudo_labels(dataset, fold, origin, images=slice(0, 5)):
    content = json.loads((dataset / "test.json").read_text())
    content["images"] = content["images"][images]
    content["annotations"] = [
        {"id": i, "image_id": image["id"], "category_id": fold, "bbox": [10, 10, 40, 40]}
        for i, image in enumerate(content["images"])
    ]
    content["info"] = {"pseudo_labels": origin}
    return write_json(dataset / "pseudo" / f"pseudo_fold{fold}.json", content)


@pytest.mark.parametrize("fold", [0, 1])
def test_a_fold_trains_on_its_own_pseudo_labels(with_pseudo, dataset, tmp_path, fold):
    configs.set_fold(with_pseudo, str(tmp_path / "folds"), fold)
    assert with_pseudo.train_dataloader.dataset.extra_ann_files == [str(dataset / f"pseudo/pseudo_fold{fold}.json")]
    loaded = build_train_dataset(with_pseudo)
    infos = [loaded.get_data_info(index) for index in range(len(loaded))]
    pseudo = [info for info in infos if "/test/" in info["img_path"]]
    assert [info["instances"][0]["bbox_label"] for info in pseudo] == [fold] * 5
    trained = {info["img_id"] for info in infos if "/train/" in info["img_path"]}
    assert trained <= set(range(10, 20) if fold == 0 else range(10))
    assert len(infos) == len(trained) + 5


@pytest.mark.parametrize("origin", [{"fold": 0}, {"fold": None}])
def test_pseudo_labels_by_models_that_saw_the_validation_are_refused(with_pseudo, dataset, tmp_path, origin):
    path = pseudo_labels(dataset, 1, origin)
    with pytest.raises(InputError) as error:
        configs.set_fold(with_pseudo, str(tmp_path / "folds"), 1)
    assert str(error.value) == (
        f"{path}: its pseudo labels are of fold {origin['fold']}, made by models that may have learnt from fold 1's "
        "validation images; those of fold 1's own model are right"
    )


def test_an_extra_file_with_a_validation_image_is_refused(with_pseudo, dataset, tmp_path):
    val = json.loads((tmp_path / "folds" / "val_fold1.json").read_text())
    write_json(dataset / "pseudo" / "pseudo_fold1.json", val)
    with pytest.raises(InputError, match=r"image 10 'train/0010\.jpg' is one that .*val_fold1\.json validates on"):
        configs.set_fold(with_pseudo, str(tmp_path / "folds"), 1)


def test_a_missing_extra_file_or_one_that_is_no_list_is_one_line(with_pseudo, dataset, tmp_path):
    (dataset / "pseudo" / "pseudo_fold1.json").unlink()
    with pytest.raises(InputError, match=r"pseudo/pseudo_fold1\.json: no such file$"):
        configs.set_fold(with_pseudo, str(tmp_path / "folds"), 1)
    with_pseudo.train_dataloader.dataset.extra_ann_files = "pseudo.json"
    with pytest.raises(InputError, match=r"^extra_ann_files: 'pseudo\.json' is no list"):
        configs.set_fold(with_pseudo, str(tmp_path / "folds"), 1)


def test_without_folds_pseudo_labels_of_any_fold_are_trained_on(with_pseudo, dataset):
    with_pseudo.train_dataloader.dataset.extra_ann_files = ["pseudo/pseudo_fold0.json"]
    paths = [build_train_dataset(with_pseudo).get_data_info(index)["img_path"] for index in (0, -1)]
    assert ["/test/" in path for path in paths] == [False, True]
