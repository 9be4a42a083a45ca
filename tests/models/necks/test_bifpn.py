import copy

import numpy as np
import pytest
import torch
from mmengine.registry import DefaultScope
from torch import Tensor

from mmdet_trash.errors import InputError
from mmdet_trash.models.necks import BiFPN
from mmdet_trash.models.necks.bifpn import FusionNode
from mmdet_trash.registry import MODELS
from tests.models.necks.necks import backbone_maps, equal, with_random_weights

CHANNELS = [4, 5, 6]


def c3_to_c5(height: int = 128, width: int = 256, batch: int = 2) -> list[Tensor]:
    """The backbone's maps of strides 8, 16 and 32."""
    return backbone_maps(height, width, batch, [3, *CHANNELS])[1:]


def tiny(**options) -> BiFPN:
    torch.manual_seed(0)
    return BiFPN(**{"in_channels": CHANNELS, "out_channels": 8, "stack_times": 2, **options})


def moved(neck: BiFPN) -> BiFPN:
    """Every weight and statistic differs from its initial value; fusion weights are positive."""
    with_random_weights(neck)
    generator = torch.Generator().manual_seed(1)
    for name, value in neck.state_dict().items():
        if "weights" in name or "running" in name:
            value.copy_(0.5 + torch.rand(value.shape, generator=generator))
    return neck


# The paper's section 3 again, in numpy.


def convolved(x: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """A 1x1 convolution."""
    return np.einsum("oi,nihw->nohw", weight[:, :, 0, 0], x)


def depthwise(x: np.ndarray, weight: np.ndarray) -> np.ndarray:
    height, width = x.shape[2:]
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    return sum(
        weight[:, 0, i, j][:, None, None] * padded[:, :, i : i + height, j : j + width]
        for i in range(3)
        for j in range(3)
    )


class Paper:
    """BiFPN of five levels over three maps, by the names of the state dict."""

    def __init__(self, neck: BiFPN) -> None:
        self.state = {name: value.double().numpy() for name, value in neck.state_dict().items()}

    def norm(self, x: np.ndarray, name: str) -> np.ndarray:
        scale = self.state[f"{name}.weight"] / np.sqrt(self.state[f"{name}.running_var"] + 1e-3)
        shift = self.state[f"{name}.bias"] - scale * self.state[f"{name}.running_mean"]
        return scale[:, None, None] * x + shift[:, None, None]

    def project(self, x: np.ndarray, name: str) -> np.ndarray:
        return self.norm(convolved(x, self.state[f"{name}.conv.weight"]), f"{name}.bn")

    def conv(self, name: str, *maps: np.ndarray) -> np.ndarray:
        """O = Conv(the sum of w_i I_i over the sum of w_j and epsilon)."""
        weights = self.state[f"{name}.fuse.weights"]
        fused = sum(w * m for w, m in zip(weights, maps, strict=True)) / (weights.sum() + 1e-4)
        fused = fused / (1 + np.exp(-fused))
        fused = depthwise(fused, self.state[f"{name}.conv.depthwise.weight"])
        return self.norm(convolved(fused, self.state[f"{name}.conv.pointwise.weight"]), f"{name}.norm")

    @staticmethod
    def up(x: np.ndarray) -> np.ndarray:
        return x.repeat(2, axis=2).repeat(2, axis=3)

    @staticmethod
    def down(x: np.ndarray) -> np.ndarray:
        padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)), constant_values=-np.inf)
        rows, columns = x.shape[2] // 2, x.shape[3] // 2
        windows = [padded[:, :, i : i + 2 * rows : 2, j : j + 2 * columns : 2] for i in range(3) for j in range(3)]
        return np.max(windows, axis=0)

    def __call__(self, c3: np.ndarray, c4: np.ndarray, c5: np.ndarray) -> list[np.ndarray]:
        p3, p4, p5 = (self.project(c, f"lateral_convs.{i}") for i, c in enumerate((c3, c4, c5)))
        p4_again, p5_again = (self.project(c, f"second_lateral_convs.{i}") for i, c in enumerate((c4, c5)))
        p6 = self.down(self.project(c5, "extra_conv"))
        p7 = self.down(p6)
        for number in range(2):
            name = f"layers.{number}"
            p6_td = self.conv(f"{name}.top_down.3", p6, self.up(p7))
            p5_td = self.conv(f"{name}.top_down.2", p5, self.up(p6_td))
            p4_td = self.conv(f"{name}.top_down.1", p4, self.up(p5_td))
            p3 = self.conv(f"{name}.top_down.0", p3, self.up(p4_td))
            p4 = self.conv(f"{name}.bottom_up.0", p4_again, p4_td, self.down(p3))
            p5 = self.conv(f"{name}.bottom_up.1", p5_again, p5_td, self.down(p4))
            p6 = self.conv(f"{name}.bottom_up.2", p6, p6_td, self.down(p5))
            p7 = self.conv(f"{name}.bottom_up.3", p7, self.down(p6))
            p4_again, p5_again = p4, p5
        return [p3, p4, p5, p6, p7]


def test_two_layers_are_the_papers():
    neck = moved(tiny()).double().eval()
    inputs = [feature.double() for feature in c3_to_c5()]
    for found, expected in zip(neck(inputs), Paper(neck)(*(i.numpy() for i in inputs)), strict=True):
        np.testing.assert_allclose(found.detach().numpy(), expected, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("fusion", ["fast", "softmax", "sum"])
def test_a_gradient_reaches_every_weight(fusion):
    neck = tiny(fusion=fusion)
    outs = neck(c3_to_c5())
    sum((out * torch.linspace(-1, 1, out.numel()).view_as(out)).sum() for out in outs).backward()
    assert all(parameter.grad is not None and parameter.grad.any() for parameter in neck.parameters())


def test_a_map_with_a_negative_weight_is_not_read():
    node = FusionNode(3, 4, "fast", {"type": "BN"}, {"type": "SiLU"}).eval()
    node.fuse.weights.data[1] = -0.5
    maps = [torch.randn(1, 4, 6, 6) for _ in range(3)]
    before = node(*maps)
    assert torch.equal(node(maps[0], maps[1] + 7, maps[2]), before)
    assert not torch.equal(node(maps[0] + 7, maps[1], maps[2]), before)


@pytest.mark.parametrize("num_outs", [3, 4, 5, 6])
@pytest.mark.parametrize("size", [(128, 192), (96, 96), (100, 333), (65, 130), (33, 7)])
def test_any_size_and_number_of_levels_will_do(num_outs, size):
    inputs = c3_to_c5(*size)
    outs = tiny(num_outs=num_outs).eval()(inputs)
    sizes = [feature.shape[2:] for feature in inputs]
    while len(sizes) < num_outs:
        sizes.append([-(-side // 2) for side in sizes[-1]])
    assert [tuple(out.shape) for out in outs] == [(2, 8, *size) for size in sizes]
    assert all(torch.isfinite(out).all() for out in outs)


def test_a_backbone_may_round_sides_down():
    inputs = [torch.randn(1, c, s, s) for c, s in zip(CHANNELS, (27, 13, 6), strict=True)]
    assert [out.shape[-1] for out in tiny().eval()(inputs)] == [27, 13, 6, 3, 2]


def test_start_level_leaves_finer_maps_out():
    neck, whole = tiny(), tiny(in_channels=[3, *CHANNELS], start_level=1)
    whole.load_state_dict(neck.state_dict())
    inputs = backbone_maps(128, 256, channels=[3, *CHANNELS])
    assert equal(whole.eval()(inputs), neck.eval()(inputs[1:]))


def test_a_state_dict_makes_a_copy():
    neck, twin = moved(tiny()).eval(), tiny().eval()
    inputs = c3_to_c5()
    assert not equal(twin(inputs), neck(inputs))
    twin.load_state_dict(copy.deepcopy(neck.state_dict()), strict=True)
    assert equal(twin(inputs), neck(inputs))


def test_a_config_builds_it_in_our_scope():
    cfg = {"type": "BiFPN", "in_channels": CHANNELS, "out_channels": 8, "fusion": "softmax"}
    with DefaultScope.overwrite_default_scope("mmdet_trash"):
        neck = MODELS.build(cfg)
    neck.init_weights()
    assert type(neck) is BiFPN and len(neck(c3_to_c5())) == 5


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"start_level": 3}, "start_level"),
        ({"start_level": -1}, "start_level"),
        ({"num_outs": 2}, "num_outs"),
        ({"in_channels": [4], "num_outs": 1}, "num_outs"),
        ({"stack_times": 0}, "stack_times"),
        ({"fusion": "mean"}, "fusion"),
    ],
)
def test_an_argument_that_cannot_be_is_named_in_one_line(options, named):
    with pytest.raises(InputError, match=f"^{named}: ") as error:
        tiny(**options)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("sizes", "named"),
    [((16, 8), "in_channels"), ((16, 8, 8), "inputs"), ((16, 8, 2), "inputs"), ((4, 8, 16), "inputs")],
)
def test_maps_of_another_backbone_are_named_in_one_line(sizes, named):
    inputs = [torch.zeros(1, 4, side, side) for side in sizes]
    with pytest.raises(InputError, match=f"^{named}: ") as error:
        tiny(in_channels=[4, 4, 4])(inputs)
    assert "\n" not in str(error.value)
