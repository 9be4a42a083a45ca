"""Counting without data, beside PyTorch's counter in a real forward pass, sums by hand and published figures."""

import copy

import mmcv._ext
import pytest
import torch
from mmengine.config import Config
from torch.utils.flop_counter import FlopCounterMode

from mmdet_trash.engine.complexity import blank_sample, complexity, image_size
from mmdet_trash.engine.config import load_config, walk
from mmdet_trash.engine.runner import build_model
from mmdet_trash.errors import InputError
from mmdet_trash.registry import MODELS
from tests.builders import ROOT
from tests.models.tiny_detectors import tiny_cfg

SIZE = (192, 160)
FASTER = "faster_rcnn/faster-rcnn_r50_fpn_1x_trash.py"
DINO = "demo/dino_tiny.py"
REAL = [
    "demo/faster-rcnn_tiny.py",
    "demo/cascade-rcnn_tiny.py",
    "demo/augfpn/all.py",
    "demo/yolov7_tiny.py",
    "yolox/yolox_tiny_trash.py",
    "rtmdet/rtmdet_tiny_trash.py",
    "yolof/yolof_r50_c5_1x_trash.py",
    "efficientdet/efficientdet_d0_trash.py",
    "conditional_detr/conditional-detr_r50_50e_trash.py",
    "retinanet/retinanet_swin-t_fpn_1x_trash.py",
]


def config(name, **options):
    return load_config(str(ROOT / "configs" / name), options)


def of_model(kind):
    return Config({"default_scope": "mmdet_trash", "model": tiny_cfg(kind)})


def real_macs(cfg, size=SIZE):
    """Multiply-accumulates of a forward pass over noise, in which suppression spares all boxes."""
    torch.manual_seed(0)
    model = build_model(copy.deepcopy(cfg)).eval().requires_grad_(False)
    with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        model(torch.rand(1, 3, size[1], size[0]), [blank_sample(*size)], mode="tensor")
    return counter.get_total_flops() // 2, sum(parameter.numel() for parameter in model.parameters())


def spare_all(cfg):
    """Have no box suppressed."""
    for node in walk(cfg.model):
        if "iou_threshold" in node:
            node["iou_threshold"] = 2.0
    return cfg


@pytest.mark.parametrize("name", [*REAL, "mask", "fcos", "atss"])
def test_it_counts_what_a_real_forward_pass_multiplies(name):
    cfg = spare_all(config(name) if "/" in name else of_model(name))
    found = complexity(cfg, SIZE)
    assert (found.macs, found.parameters) == real_macs(cfg, found.size)


def test_deformable_attention_counts_by_its_weighted_sums():
    cfg = config(DINO)
    encoder, decoder = cfg.model.encoder, cfg.model.decoder
    width = encoder.layer_cfg.self_attn_cfg.embed_dims
    levels = encoder.layer_cfg.self_attn_cfg.num_levels
    cells = sum(192 * 160 // stride**2 for stride in (8, 16, 32, 64)[:levels])
    queries = encoder.num_layers * cells + decoder.num_layers * cfg.model.num_queries
    points = 4
    assert complexity(cfg, SIZE).macs - real_macs(cfg)[0] == queries * width * levels * points


@pytest.mark.parametrize(("kind", "per_tap"), [("DCN", 2), ("DCNv2", 3)])
def test_a_deformable_convolution_counts_as_an_ordinary_one_and_its_offsets(kind, per_tap):
    plain = complexity(config(FASTER), (256, 128)).macs
    stages = {"model.backbone.dcn": {"type": kind, "deform_groups": 1}}
    stages["model.backbone.stage_with_dcn"] = (False, False, False, True)
    # The last stage's three 3x3 convolutions of 512 channels; the first halves the map as it goes.
    offsets = 3 * (8 * 4) * (per_tap * 9) * (512 * 9)
    assert complexity(config(FASTER, **stages), (256, 128)).macs == plain + offsets


def test_two_stages_have_the_proposals_that_the_config_allows():
    fewer, more = (complexity(config(FASTER, **{"model.test_cfg.rpn.max_per_img": n})).macs for n in (100, 1000))
    outputs = 11 + 4 * 10
    assert more - fewer == 900 * (256 * 7 * 7 * 1024 + 1024 * 1024 + 1024 * outputs)


@pytest.mark.parametrize(
    ("name", "size", "published"),
    [
        # MMDetection's documentation: https://mmdetection.readthedocs.io/en/latest/user_guides/useful_tools.html
        ("retinanet/retinanet_r50_fpn_1x_trash.py", (1280, 800), 239.3),
        (FASTER, (1280, 800), 207.1),
        ("rtmdet/rtmdet_s_trash.py", (640, 640), 14.8),  # its RTMDet page
        ("yolox/yolox_s_trash.py", (640, 640), 26.8 / 2),  # arXiv 2107.08430, table 3
        ("yolov3/yolov3_d53_trash.py", (608, 608), 140.69 / 2),  # https://pjreddie.com/darknet/yolo
        ("dino/dino-4scale_r50_1x_trash.py", (1280, 800), 279),  # arXiv 2203.03605, table 1
    ],
)
def test_it_agrees_with_published_figures(name, size, published):
    cfg = config(name)
    for node in walk(cfg.model):
        if "num_classes" in node:
            node["num_classes"] = 80
    assert complexity(cfg, size).macs / 1e9 == pytest.approx(published, rel=0.005)


def test_the_size_is_that_of_the_validation_padded_as_the_detector_does():
    assert image_size(config("yolox/yolox_tiny_trash.py")) == (640, 640)
    assert image_size(config(FASTER)) == (1024, 1024)
    own = config(FASTER, **{"val_dataloader.dataset.pipeline": [{"type": "Resize", "scale": (800, 640)}]})
    assert image_size(own) == (800, 640)
    assert complexity(config(FASTER), (1000, 600)).size == (1024, 608)


def test_the_config_and_the_operators_stay_as_they_were():
    cfg = config("demo/faster-rcnn_tiny.py")
    before, nms, autocast = cfg.pretty_text, mmcv._ext.nms, torch.autocast
    assert complexity(cfg) == complexity(cfg)
    assert (cfg.pretty_text, mmcv._ext.nms, torch.autocast) == (before, nms, autocast)
    assert torch.zeros(1).device.type == "cpu"


def test_what_asks_for_a_number_of_the_image_is_not_counted_and_says_so(monkeypatch, caplog):
    cfg = config("yolox/yolox_tiny_trash.py")
    parameters = complexity(cfg, SIZE).parameters
    monkeypatch.setattr(MODELS.get("mmdet.YOLOX"), "_forward", lambda self, images, samples: images.sum().item())
    assert complexity(cfg, SIZE) == (SIZE, parameters, None)
    assert "YOLOX: cannot be counted: " in caplog.text


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model": None}, "it has no model"),
        (
            {"val_dataloader.dataset.pipeline": [], "test_pipeline": [{"type": "Resize", "scale": 1024}]},
            "it validates without a Resize to a width and height; --size says",
        ),
        ({"model.neck.type": "FPM"}, "model type 'FPM' is unknown; did you mean"),
    ],
)
def test_a_wrong_config_is_one_line(change, message):
    with pytest.raises(InputError, match=message):
        complexity(config("demo/faster-rcnn_tiny.py", **change))
