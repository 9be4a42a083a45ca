import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mmdet_trash.errors import InputError
from mmdet_trash.models.necks import MLFPN
from mmdet_trash.models.necks.mlfpn import ThinnedU


def tiny(**options) -> MLFPN:
    torch.manual_seed(0)
    options = {"out_channels": 12, "num_outs": 4, "num_pyramids": 3, "feat_channels": 8, **options}
    return MLFPN([5, 6], **options).eval()


def maps(height: int = 16, width: int = 24) -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    coarser = (-(-height // 2), -(-width // 2))
    return [torch.randn(2, 5, height, width, generator=generator), torch.randn(2, 6, *coarser, generator=generator)]


def without_attention(neck: MLFPN) -> MLFPN:
    neck.attentions = nn.ModuleList(nn.Identity() for _ in neck.attentions)
    return neck


def conv(module: nn.Module, x: Tensor, **options: int) -> Tensor:
    """A convolution and ReLU; norms that have seen nothing scale by 1 / sqrt(1 + 1e-5)."""
    return (F.conv2d(x, module.conv.weight, **options) / (1 + 1e-5) ** 0.5).relu()


def test_a_thinned_u_is_the_papers():
    torch.manual_seed(0)
    u = ThinnedU(4, 3, 3, norm_cfg={"type": "BN"}, act_cfg={"type": "ReLU"}).eval()
    e1 = torch.randn(1, 4, 8, 12)
    e2 = conv(u.down_convs[0], e1, stride=2, padding=1)
    e3 = conv(u.down_convs[1], e2, stride=2, padding=1)
    d2 = e2 + conv(u.up_convs[1], e3, padding=1).repeat_interleave(2, 2).repeat_interleave(2, 3)
    d1 = e1 + conv(u.up_convs[0], d2, padding=1).repeat_interleave(2, 2).repeat_interleave(2, 3)
    for found, module, expected in zip(u(e1), u.out_convs, (d1, d2, e3), strict=True):
        torch.testing.assert_close(found, conv(module, expected))


def test_pyramids_read_the_fused_map_and_the_one_before():
    neck = without_attention(tiny())
    finer, coarser = maps()
    upsampled = conv(neck.coarser_conv, coarser).repeat_interleave(2, 2).repeat_interleave(2, 3)
    fused = torch.cat([conv(neck.finer_conv, finer, padding=1), upsampled], 1)
    first = neck.pyramids[0](conv(neck.reduce_convs[0], fused))
    second = neck.pyramids[1](torch.cat([conv(neck.reduce_convs[1], fused), first[0]], 1))
    third = neck.pyramids[2](torch.cat([conv(neck.reduce_convs[2], fused), second[0]], 1))
    for found, *expected in zip(neck(maps()), first, second, third, strict=True):
        torch.testing.assert_close(found, torch.cat(expected, 1))


def test_a_levels_channels_are_weighed():
    neck, plain = tiny(), without_attention(tiny())
    for attention, found, level in zip(neck.attentions, neck(maps()), plain(maps()), strict=True):
        torch.testing.assert_close(found, attention(level))
        assert not torch.equal(found, level)


@pytest.mark.parametrize("size", [(16, 24), (13, 7), (1, 1)])
def test_any_size_will_do(size):
    outs, sides = tiny()(maps(*size)), size
    for out in outs:
        assert tuple(out.shape) == (2, 12, *sides)
        sides = [-(-side // 2) for side in sides]


def test_a_gradient_reaches_every_weight():
    neck = tiny().train()
    sum((out * torch.linspace(-1, 1, out.numel()).view_as(out)).sum() for out in neck(maps())).backward()
    # The single unit between an attention's layers may be off.
    assert all(weight.grad is not None for weight in neck.parameters())
    assert all(weight.grad.any() for name, weight in neck.named_parameters() if "attentions" not in name)


@pytest.mark.parametrize(
    ("options", "named"), [({"out_channels": 13}, "out_channels"), ({"out_channels": 24}, "out_channels")]
)
def test_channels_that_do_not_fit_are_one_line(options, named):
    with pytest.raises(InputError, match=f"^{named}: ") as error:
        tiny(**options)
    assert "\n" not in str(error.value)


def test_three_maps_are_one_too_many():
    with pytest.raises(InputError, match=r"^in_channels: 3 maps are stated, 2 are fused$"):
        MLFPN([1, 2, 3])
