import copy

import pytest
import torch
from mmengine.registry import DefaultScope

from mmdet_trash.errors import InputError
from mmdet_trash.models.necks import LevelPlugins
from mmdet_trash.registry import MODELS


def pyramid() -> list[torch.Tensor]:
    return [torch.randn(2, 8, side, side) for side in (8, 4, 2)]


@pytest.mark.parametrize(
    ("levels", "changed"), [(None, {0, 1, 2}), ([-1], {2}), ([0, -1], {0, 2}), ([1], {1}), ([2, -1], {2}), ([], set())]
)
def test_the_layer_is_on_the_stated_levels(levels, changed):
    neck, maps = LevelPlugins(8, 3, {"type": "SELayer"}, levels), pyramid()
    outs = neck(maps)
    assert type(outs) is tuple
    assert {i for i, (out, level) in enumerate(zip(outs, maps, strict=True)) if not torch.equal(out, level)} == changed
    for level in changed:
        torch.testing.assert_close(outs[level], neck.plugins[str(level)](maps[level]))


@pytest.mark.parametrize("plugin", ["SPP", "CBAM", "SELayer", "ContextBlock"])
def test_a_config_puts_it_behind_another_neck(plugin):
    options = {"ratio": 0.5} if plugin == "ContextBlock" else {}
    cfg = [
        {"type": "FPN", "in_channels": [3, 4], "out_channels": 8, "num_outs": 3},
        {"type": "LevelPlugins", "in_channels": 8, "num_levels": 3, "plugin": {"type": plugin, **options}},
    ]
    before = copy.deepcopy(cfg)
    with DefaultScope.overwrite_default_scope("mmdet_trash"):
        neck = MODELS.build(cfg)
    assert cfg == before
    neck.init_weights()
    outs = neck([torch.rand(1, 3, 8, 8), torch.rand(1, 4, 4, 4)])
    assert [tuple(out.shape) for out in outs] == [(1, 8, side, side) for side in (8, 4, 2)]
    weights = [list(layer.parameters()) for layer in neck[1].plugins.values()]
    assert len({id(parameter) for own in weights for parameter in own}) == 3 * len(weights[0]), "each level its own"


def test_a_level_that_is_not_there_is_one_line():
    with pytest.raises(InputError, match=r"^levels: 3 is none of the pyramid's 3$"):
        LevelPlugins(8, 3, {"type": "CBAM"}, [3])


@pytest.mark.parametrize("plugin", [{"type": "CBAM"}, {"type": "SELayer"}, {"type": "DropBlock", "drop_prob": 0.5}])
def test_a_resnet_takes_the_layer_in_its_blocks(plugin):
    if plugin["type"] == "DropBlock":
        plugin = {**plugin, "block_size": 3, "warmup_iters": 0}
    cfg = {
        "type": "ResNet",
        "depth": 50,
        "base_channels": 8,
        "plugins": [{"cfg": plugin, "stages": (False, False, True, True), "position": "after_conv3"}],
    }
    torch.manual_seed(0)
    with DefaultScope.overwrite_default_scope("mmdet_trash"):
        resnet = MODELS.build(cfg)
    layers = [name for name, module in resnet.named_modules() if type(module).__name__ == plugin["type"]]
    assert len(layers) == 6 + 3 and all(name.startswith(("layer3", "layer4")) for name in layers)
    images = torch.rand(1, 3, 96, 96)
    resnet.train()
    for norm in resnet.modules():
        if isinstance(norm, torch.nn.BatchNorm2d):
            norm.eval()
    first, second = resnet(images), resnet(images)
    same = [torch.equal(a, b) for a, b in zip(first, second, strict=True)]
    assert same == [True, True, *[plugin["type"] != "DropBlock"] * 2]
    resnet.eval()
    assert all(map(torch.equal, resnet(images), resnet(images)))
