import copy
import sys
from pathlib import Path

import pytest
import torch

from mmdet_trash.engine.config import load_config, train_from_scratch
from mmdet_trash.errors import InputError
from mmdet_trash.models.backbones import HuggingFaceBackbone

transformers = pytest.importorskip("transformers")

ROOT = Path(__file__).resolve().parents[3]
CONVNEXT = {"model_type": "convnext", "hidden_sizes": [8, 16, 24, 32], "depths": [1, 1, 2, 1]}
SWIN = {"model_type": "swin", "embed_dim": 8, "depths": [1, 1, 2, 1], "num_heads": [1, 2, 4, 8], "window_size": 4}
RESNET = {"model_type": "resnet", "embedding_size": 8, "hidden_sizes": [8, 16, 24, 32], "depths": [1, 1, 1, 1]}
DINOV2 = {"model_type": "dinov2", "hidden_size": 16, "num_hidden_layers": 4, "num_attention_heads": 2, "image_size": 28}
FAMILIES = pytest.mark.parametrize("config", [CONVNEXT, SWIN, RESNET, DINOV2], ids=lambda config: config["model_type"])
HIERARCHICAL = pytest.mark.parametrize("config", [CONVNEXT, SWIN, RESNET], ids=lambda config: config["model_type"])


def pretrained(path: Path) -> dict:
    return {"type": "Pretrained", "checkpoint": str(path)}


@pytest.fixture
def classifier(tmp_path):
    """A folder with the weights of a classifier of the shape of CONVNEXT, and the classifier."""
    torch.manual_seed(7)
    settings = {key: value for key, value in CONVNEXT.items() if key != "model_type"}
    model = transformers.ConvNextForImageClassification(transformers.ConvNextConfig(**settings))
    model.save_pretrained(tmp_path / "classifier")
    return tmp_path / "classifier", model


@HIERARCHICAL
def test_maps_have_the_stages_strides_and_the_stated_channels(config):
    backbone = HuggingFaceBackbone(config, out_indices=(1, 3)).eval()
    maps = backbone(torch.rand(2, 3, 128, 192))
    assert [tuple(m.shape[2:]) for m in maps] == [(16, 24), (4, 6)]
    assert [m.shape[1] for m in maps] == backbone.channels


def test_a_plain_transformer_has_one_stride():
    maps = HuggingFaceBackbone(DINOV2).eval()(torch.rand(1, 3, 56, 84))
    assert [tuple(m.shape) for m in maps] == [(1, 16, 4, 6)] * 4


@HIERARCHICAL
@pytest.mark.parametrize("size", [(100, 130), (33, 64)])
def test_any_image_size_will_do(config, size):
    maps = HuggingFaceBackbone(config).eval()(torch.rand(1, 3, *size))
    for index, feature in enumerate(maps):
        assert all(abs(side - full / 2 ** (index + 2)) < 1 for side, full in zip(feature.shape[2:], size, strict=True))


@FAMILIES
def test_it_trains(config):
    torch.manual_seed(0)
    backbone = HuggingFaceBackbone(config).train()
    images, optimizer = torch.rand(2, 3, 64, 64), torch.optim.AdamW(backbone.parameters(), lr=0.02)
    losses = []
    for _ in range(10):
        loss = sum((m - 0.5).square().mean() for m in backbone(images))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.9 * losses[0]


@FAMILIES
def test_frozen_stages_stay_as_they_are(config):
    backbone = HuggingFaceBackbone(config, frozen_stages=2).train()
    sum(m.square().mean() for m in backbone(torch.rand(2, 3, 64, 64))).backward()
    frozen = {name for name, parameter in backbone.named_parameters() if not parameter.requires_grad}
    assert all(parameter.grad is None for name, parameter in backbone.named_parameters() if name in frozen)
    assert any("embed" in name for name in frozen)
    numbers = {part for name in frozen for part in name.split(".encoder.")[1:] for part in part.split(".")[1:2]}
    assert numbers == {"0", "1"}
    stem_only = HuggingFaceBackbone(config, frozen_stages=0)
    names = [name for name, parameter in stem_only.named_parameters() if not parameter.requires_grad]
    assert names and all("embed" in name for name in names)


def test_norms_keep_their_statistics_if_asked():
    images = torch.rand(2, 3, 64, 64)
    for norm_eval in (False, True):
        backbone = HuggingFaceBackbone(RESNET, norm_eval=norm_eval).train()
        before = copy.deepcopy(dict(backbone.named_buffers()))
        backbone(images)
        assert all(torch.equal(value, before[name]) for name, value in backbone.named_buffers()) == norm_eval


def test_a_classifiers_weights_are_loaded(classifier):
    folder, model = classifier
    backbone = HuggingFaceBackbone(CONVNEXT, init_cfg=pretrained(folder))
    expected = {f"model.{key}": value for key, value in model.convnext.state_dict().items() if "encoder" in key}
    assert not all(torch.equal(backbone.state_dict()[key], value) for key, value in expected.items())
    backbone.init_weights()
    found = backbone.state_dict()
    assert all(torch.equal(found[key], value) for key, value in expected.items())
    images = torch.rand(1, 3, 64, 64)
    last = model.convnext.eval()(images, output_hidden_states=True).hidden_states[-1]
    norm = torch.nn.functional.layer_norm(last.permute(0, 2, 3, 1), (32,), eps=1e-6).permute(0, 3, 1, 2)
    torch.testing.assert_close(backbone.eval()(images)[-1], norm)


def test_weights_in_half_precision_are_loaded_in_full(classifier, tmp_path):
    classifier[1].half().save_pretrained(tmp_path / "half")
    backbone = HuggingFaceBackbone(CONVNEXT, init_cfg=pretrained(tmp_path / "half"))
    backbone.init_weights()
    assert {parameter.dtype for parameter in backbone.parameters()} == {torch.float32}


def test_a_folder_is_a_config_too(classifier):
    assert HuggingFaceBackbone(str(classifier[0])).channels == [8, 16, 24, 32]


@pytest.mark.parametrize("kind", ["convnext", "swin"])
def test_a_model_type_alone_is_a_config(kind):
    with torch.device("meta"):
        channels = HuggingFaceBackbone({"model_type": kind}).channels
    assert channels == [96, 192, 384, 768]


@pytest.mark.parametrize("config", [SWIN, {**CONVNEXT, "hidden_sizes": [8, 16, 24, 40]}], ids=["kind", "width"])
def test_weights_of_another_model_are_one_line(config, classifier):
    backbone = HuggingFaceBackbone(config, init_cfg=pretrained(classifier[0]))
    with pytest.raises(InputError, match=r"classifier: not the weights of this (swin|convnext)") as error:
        backbone.init_weights()
    assert "\n" not in str(error.value)


def test_weights_that_are_nowhere_are_one_line(tmp_path):
    backbone = HuggingFaceBackbone(CONVNEXT, init_cfg=pretrained(tmp_path / "none"))
    with pytest.raises(InputError, match="none: no folder of a model") as error:
        backbone.init_weights()
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"config": {}}, "config: model_type None"),
        ({"config": {"model_type": "resnext"}}, "config: model_type 'resnext'"),
        ({"config": {**CONVNEXT, "widths": 3}}, "config: convnext has no setting 'widths'"),
        ({"config": {**CONVNEXT, "hidden_sizes": "wide"}}, "config: .*hidden_sizes"),
        ({"config": {"model_type": "vit"}}, "out_indices: 0 is none of the 0 stages of vit"),
        ({"config": CONVNEXT, "out_indices": (0, 4)}, "out_indices: 4 is none of the 4 stages"),
        ({"config": "/nowhere"}, "/nowhere: no folder of a model"),
    ],
)
def test_a_mistake_is_one_line(arguments, named):
    with pytest.raises(InputError, match=f"^{named}") as error:
        HuggingFaceBackbone(**arguments)
    assert "\n" not in str(error.value)


def test_a_missing_package_is_one_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(InputError, match=r'pip install "mmdet-trash\[transformers\]"$'):
        HuggingFaceBackbone(CONVNEXT)


def test_from_scratch_a_config_needs_no_weights():
    cfg = load_config(str(ROOT / "configs/cascade_rcnn/cascade-rcnn_convnext-t_fpn_1x_trash.py"))
    assert cfg.model.backbone.init_cfg.checkpoint == "facebook/convnext-tiny-224"
    train_from_scratch(cfg)
    settings = dict(cfg.model.backbone)
    assert settings.pop("type") == "HuggingFaceBackbone"
    settings["config"].update(hidden_sizes=[8, 16, 24, 32], depths=[1, 1, 1, 1])
    backbone = HuggingFaceBackbone(**settings)
    before = copy.deepcopy(backbone.state_dict())
    backbone.init_weights()
    assert all(torch.equal(value, before[key]) for key, value in backbone.state_dict().items())


def test_the_configs_channels_are_the_backbones():
    cfg = load_config(str(ROOT / "configs/cascade_rcnn/cascade-rcnn_convnext-t_fpn_1x_trash.py"))
    backbone = HuggingFaceBackbone(cfg.convnext_t.config)
    assert backbone.channels == cfg.model.neck.in_channels
    assert 27.8e6 < sum(parameter.numel() for parameter in backbone.parameters()) < 27.9e6
