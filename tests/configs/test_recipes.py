"""The winning recipe: what it is said to be, and that its last command fuses what its others leave."""

import pytest
import torch
from mmengine.runner import load_checkpoint

from mmdet_trash.engine import config as configs
from mmdet_trash.engine.runner import build_model
from mmdet_trash.fusion.manifest import read_manifest
from mmdet_trash.predictions import ImageTable, write_predictions
from tests.builders import ROOT, coco, predictions, write_json
from tests.configs.narrow import narrow

WINNER = ROOT / "configs" / "recipes" / "2024-winner"
CONFIGS = sorted(WINNER.glob("*.py"))


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_a_swin_l_is_trained_from_480_to_1200_px_and_tested_in_four_views(path):
    cfg = configs.load_config(str(path))
    assert cfg.model.backbone.type == "SwinTransformer" and cfg.model.backbone.embed_dims == 192
    assert "not trained here" in path.read_text().splitlines()[0]
    whole, (small, _, again) = cfg.train_dataloader.dataset.pipeline[3].transforms
    sides = [side for side, _ in whole[0].scales]
    assert (min(sides), max(sides)) == (480, 1200) and again == whole[0]
    assert all(480 <= side <= 1200 for side, _ in small.scales)
    resizes, flips, _ = cfg.tta_pipeline[1].transforms
    assert [step.scale for step in resizes] == [(480, 480), (1200, 1200)]
    assert [step.prob for step in flips] == [0.0, 1.0]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["dino-5scale_swin-l", "atss_swin-l_dyhead"])
def test_weights_of_cocos_classes_load_but_for_the_class_layers(name, tmp_path):
    def build(classes):
        cfg = configs.load_config(str(WINNER / f"{name}.py"))
        configs.train_from_scratch(cfg)
        configs.set_heads(cfg, classes)
        narrow(cfg)
        return build_model(cfg)

    theirs, ours = (build([str(label) for label in range(count)]) for count in (80, 10))
    torch.save(theirs.state_dict(), tmp_path / "coco.pth")
    load_checkpoint(ours, str(tmp_path / "coco.pth"))
    loaded = theirs.state_dict()
    other = [key for key, value in ours.state_dict().items() if not torch.equal(value, loaded[key])]
    assert other and all("cls" in key or key == "dn_query_generator.label_embedding.weight" for key in other)


def test_the_fusion_is_what_the_teams_reported():
    settings = read_manifest(WINNER / "fusion.yaml").settings
    assert (settings.method, settings.within.method) == ("wbf", "wbf")
    assert settings.within.skip_box_thr == 0.05 and settings.weights == (0.717, 0.716, 0.666)
    assert 0.6 <= settings.iou_thr <= 0.7 and len(settings.weights) == len(CONFIGS)


def test_its_last_command_fuses_folds_first_and_then_models(tmp_path, tool):
    ann = coco(boxes=(), categories=range(10), folder="test/")
    write_json(tmp_path / "test.json", ann)
    images = ImageTable.from_coco(ann)
    groups = []
    for model in range(3):
        groups.append("--group")
        for fold in range(5):
            groups.append(tmp_path / f"{model}_{fold}.parquet")
            of_all = [(0, 3, 0.9, 10, 10, 50, 50), (1, 2, 0.04, 5, 5, 20, 20)][: 2 - model]
            of_one = [(1, 7, 0.2, 30, 30, 60, 60)] if (model, fold) == (0, 0) else []
            found = predictions(images, [*of_all, *of_one])
            write_predictions(found, groups[-1])
    out = tmp_path / "submission.csv"
    result = tool(
        "ensemble", "--config", WINNER / "fusion.yaml", *groups, "--ann", tmp_path / "test.json", "--out", out
    )
    assert result.code == 0, result.err
    _, first, second = out.read_text().splitlines()
    label, score, *box = first.split(",")[0].split()
    # The third model has found nothing, and weighs .666 of 2.099.
    assert label == "3" and float(score) == pytest.approx(0.9 * (0.717 + 0.716) / 2.099, abs=1e-4)
    assert [float(side) for side in box] == pytest.approx([10, 10, 50, 50])
    # What each fold has under .05 is left out; what one fold of fifteen has at .2 stays, however low it sinks.
    label, score, *_ = second.split(",")[0].split()
    assert label == "7" and float(score) == pytest.approx(0.2 / 5 * 0.717 / 2.099, abs=1e-4)
    assert len(second.split()) == 6
