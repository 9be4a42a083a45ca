"""YOLOv7 against the numbers of its release, and its weights on their way to ours."""

import pytest
import torch
from mmengine.runner import load_checkpoint

from mmdet_trash.engine.checkpoint import load_weights, use_safe_loaders
from mmdet_trash.errors import InputError
from mmdet_trash.models.detectors import convert_official_state_dict
from tests.models.golden import TOLERANCE, load_golden, load_json, official_weights, relative_error
from tests.models.tiny_detectors import build, whole_cfg
from tests.release_files import save_release

SIZES = ["tiny", "l"]
CONFIGS = {size: f"yolov7/yolov7_{size}_trash.py" for size in SIZES}
PARAMETERS = {"tiny": 6.04e6, "l": 37.2e6}


@pytest.fixture(scope="module", params=SIZES)
def size(request):
    return request.param


@pytest.fixture(scope="module")
def weights(size):
    """Weights under the release's keys."""
    return official_weights(load_json(f"yolov7_{size}", "keys"))


@pytest.fixture(scope="module")
def golden(size):
    return load_golden(f"yolov7_{size}")


@pytest.fixture
def model(size, golden, weights):
    cfg = whole_cfg(CONFIGS[size])
    cfg.bbox_head.anchors = (golden["anchors"] * golden["stride"][:, None, None]).tolist()
    model = build(cfg)
    load_weights(model, weights, "release.pt")
    return model.eval()


def raw_of(model, images):
    with torch.no_grad():
        return model._forward(images)[0]


def images_of(golden):
    import numpy as np

    draw = np.random.default_rng(int(golden["input_seed"]))
    return torch.tensor(draw.uniform(0, 1, golden["input_shape"].tolist()), dtype=torch.float32)


def test_it_predicts_what_the_release_predicts(model, golden):
    maps = raw_of(model, images_of(golden))
    for level, raw in enumerate(model.bbox_head.by_anchor(maps)):
        assert relative_error(raw, golden[f"raw{level}"]) < TOLERANCE
    torch.testing.assert_close(model.bbox_head.decode(maps), golden["decoded"], rtol=1e-4, atol=1e-4)


def test_it_has_as_many_parameters_as_the_release(model, size):
    assert sum(p.numel() for p in model.parameters()) == pytest.approx(PARAMETERS[size], rel=2e-3)


def test_deployed_it_predicts_the_same_with_plain_convolutions(model, golden):
    images = images_of(golden)
    expected = raw_of(model, images)
    model.switch_to_deploy()
    kinds = {type(module).__name__ for module in model.modules()}
    assert not kinds & {"BatchNorm2d", "BatchNorm"} and "Conv2d" in kinds
    for found, wanted in zip(raw_of(model, images), expected, strict=True):
        assert relative_error(found, wanted) < TOLERANCE
    model.switch_to_deploy()
    for found, wanted in zip(raw_of(model, images), expected, strict=True):
        assert relative_error(found, wanted) < TOLERANCE


def test_every_weight_of_the_release_but_the_anchors_becomes_one_of_ours(size, weights):
    converted = convert_official_state_dict(weights)
    own = build(whole_cfg(CONFIGS[size])).state_dict()
    assert {key: value.shape for key, value in converted.items()} == {key: value.shape for key, value in own.items()}
    assert len(converted) == len([key for key in weights if "anchor" not in key])


def test_keys_that_are_not_the_releases_are_named(size, weights):
    without = {key: value for key, value in weights.items() if not key.startswith("model.4.")}
    with pytest.raises(InputError, match=rf"weights: \d+ layers before the head, YOLOv7-{size} has \d+"):
        convert_official_state_dict(without)
    with pytest.raises(InputError, match=r"weights: neither of YOLOv7-tiny nor of YOLOv7"):
        convert_official_state_dict({"model.0.conv.weight": torch.zeros(1)})
    head = max(int(key.split(".")[1]) for key in weights)
    for extra in ("extra", "model.0.weird", f"model.{head}.zz", f"model.{head}.zz.0.q", f"model.{head}.m.7.bias"):
        with pytest.raises(InputError, match=rf"weights: {extra} is none of YOLOv7-{size}'s"):
            convert_official_state_dict({**weights, extra: torch.zeros(1)})
    less = {key: value for key, value in weights.items() if key != "model.0.bn.bias"}
    with pytest.raises(InputError, match=rf"weights: backbone.stages.0.0.bn.bias of YOLOv7-{size} is not among them"):
        convert_official_state_dict(less)


def test_without_implicit_knowledge_the_head_is_a_plain_convolution(model, weights):
    plain = {key: value for key, value in weights.items() if ".ia." not in key and ".im." not in key}
    load_weights(model, plain, "release.pt")
    for conv in model.bbox_head.convs:
        x = torch.randn(1, conv.conv.in_channels, 2, 2)
        assert torch.equal(conv(x), conv.conv(x))


@pytest.fixture
def release(weights, tmp_path):
    use_safe_loaders()  # as a run does
    return save_release(weights, tmp_path / "release.pt")


def converted_of(weights):
    """What a file of the release, in half precision, becomes."""
    converted = convert_official_state_dict(weights)
    return {key: value.half().float() if value.is_floating_point() else value for key, value in converted.items()}


def test_a_file_of_the_release_loads_by_init_cfg_and_by_load_from(size, weights, release):
    cfg = whole_cfg(CONFIGS[size])
    cfg.init_cfg = {"type": "Pretrained", "checkpoint": release}
    by_init = build(cfg)
    by_load = build(whole_cfg(CONFIGS[size]))
    load_checkpoint(by_load, release, map_location="cpu", strict=True)
    expected = converted_of(weights)
    for model in (by_init, by_load):
        assert all(torch.equal(value, expected[key]) for key, value in model.state_dict().items())


@pytest.mark.parametrize("converted", [False, True])
def test_another_number_of_classes_leaves_the_head_fresh_and_says_so(converted, size, weights, release, monkeypatch):
    lines = []
    monkeypatch.setattr("mmdet_trash.models.detectors.yolov7.print_log", lambda text, **_: lines.append(text))
    cfg = whole_cfg(CONFIGS[size])
    cfg.bbox_head.num_classes = 3
    model = build(cfg)
    fresh = {key: value.clone() for key, value in model.state_dict().items()}
    expected = converted_of(weights)
    if converted:
        torch.save({"state_dict": expected}, release)
    load_checkpoint(model, release, map_location="cpu")
    (line,) = lines
    assert line == "weights of 10 classes for a model of 3: the head's last convolutions stay as they were drawn"
    for key, value in model.state_dict().items():
        of_classes = key.startswith("bbox_head.convs.") and not key.endswith("added")
        assert torch.equal(value, fresh[key] if of_classes else expected[key]), key
    model.load_state_dict(expected, strict=False)  # which would raise for a shape


def test_weights_of_another_size_are_one_line(size, release):
    (other,) = set(SIZES) - {size}
    model = build(whole_cfg(CONFIGS[other]))
    with pytest.raises(InputError, match=r"weights: \S+ of the release is \(.*\), the model's is .*; is it the other"):
        load_checkpoint(model, release, map_location="cpu")
