import torch
from mmdet.models import backbones
from mmengine.registry import DefaultScope

from mmdet_trash.models.backbones import ResNetV1d
from mmdet_trash.registry import MODELS


def timms(state_dict):
    """The weights under the keys of timm's `resnet18d`, with its classifier."""
    names = {f"stem.{place}.": f"conv1.{place}." for place in (0, 1, 3, 4, 6)} | {"stem.7.": "bn1."}
    renamed = {}
    for key, value in state_dict.items():
        name = next((name for name in names if key.startswith(name)), "")
        renamed[names.get(name, "") + key.removeprefix(name)] = value
    return {**renamed, "fc.weight": torch.zeros(1000, 32), "fc.bias": torch.zeros(1000)}


def test_timms_weights_load_as_they_are(tmp_path):
    torch.manual_seed(0)
    theirs = backbones.ResNetV1d(depth=18, base_channels=4)
    for value in theirs.state_dict().values():
        value.copy_(torch.rand(value.shape))
    weights = timms(theirs.state_dict())
    assert not any(key.startswith("stem") for key in weights)
    torch.save(weights, tmp_path / "resnet18d.pth")
    cfg = {"type": "ResNetV1d", "depth": 18, "base_channels": 4}
    with DefaultScope.overwrite_default_scope("mmdet_trash"):
        ours = MODELS.build({**cfg, "init_cfg": {"type": "Pretrained", "checkpoint": str(tmp_path / "resnet18d.pth")}})
    ours.init_weights()
    assert type(ours) is ResNetV1d
    for key, value in ours.state_dict().items():
        assert torch.equal(value, theirs.state_dict()[key]), key


def test_mmdetections_own_weights_load():
    theirs, ours = (kind(depth=18, base_channels=4) for kind in (backbones.ResNetV1d, ResNetV1d))
    ours.load_state_dict(theirs.state_dict(), strict=True)
    for backbone in (ours, theirs):
        backbone.eval()
    image = torch.rand(1, 3, 64, 64)
    assert all(map(torch.equal, ours(image), theirs(image)))
