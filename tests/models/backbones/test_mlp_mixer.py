import numpy as np
import pytest
import torch
from scipy.special import erf

from mmdet_trash.models.backbones import MLPMixer
from mmdet_trash.models.backbones.mlp_mixer import MixerLayer, tokens_of, windows_of


def tiny(**options) -> MLPMixer:
    torch.manual_seed(0)
    return MLPMixer(**{"embed_dims": [8, 12, 16, 20], "depths": [2, 1, 2, 1], "window_size": 4, **options})


def test_a_map_of_one_window_goes_through_the_papers_layer():
    torch.manual_seed(0)
    layer = MixerLayer(5, 4).double()
    state = {name: value.numpy() for name, value in layer.state_dict().items()}
    x = torch.randn(16, 5, dtype=torch.float64)

    def norm(x: np.ndarray) -> np.ndarray:
        return (x - x.mean(1, keepdims=True)) / np.sqrt(x.var(1, keepdims=True) + 1e-5)

    def gelu(x: np.ndarray) -> np.ndarray:
        return x * (1 + erf(x / np.sqrt(2))) / 2

    def linear(name: str, x: np.ndarray) -> np.ndarray:
        return state[f"{name}.weight"] @ x + state[f"{name}.bias"][:, None]

    # Equation 1: U = X + W2 gelu(W1 norm(X)) over tokens, Y = U + W4 gelu(W3 norm(U)) over channels.
    u = x.numpy() + linear("mix_tokens.2", gelu(linear("mix_tokens.0", norm(x.numpy()))))
    y = u + linear("mix_channels.2", gelu(linear("mix_channels.0", norm(u).T))).T
    np.testing.assert_allclose(layer(x.reshape(1, 4, 4, 5)).detach().numpy().reshape(16, 5), y, rtol=1e-10)


@pytest.mark.parametrize("shift", [0, 2])
@pytest.mark.parametrize("shape", [(8, 12), (7, 5), (1, 9)])
def test_windows_are_squares_and_come_together_again(shape, shift):
    x = torch.randn(2, *shape, 3)
    windows = windows_of(x, 4, shift)
    assert windows.shape == (2, *(-(-(side + shift) // 4) for side in shape), 16, 3)
    assert torch.equal(tokens_of(windows, x.shape[1:3], 4, shift), x)
    assert windows.sum().item() == pytest.approx(x.sum().item(), abs=1e-4), "the rest is zeros"
    inner = windows[:, 0, 0].reshape(2, 4, 4, 3)[:, shift:, shift:]
    assert torch.equal(inner[:, : shape[0], : shape[1]], x[:, : 4 - shift, : 4 - shift])


def reached(layer: MixerLayer, row: int, column: int) -> set[tuple[int, int]]:
    """The tokens of a 12x12 map that change when one does."""
    x = torch.randn(1, 12, 12, 6)
    y = x.clone()
    y[:, row, column] = torch.randn(6)
    return {tuple(place) for place in (layer(x) - layer(y)).abs().sum(-1)[0].nonzero().tolist()}


def test_a_layer_mixes_within_its_windows():
    torch.manual_seed(0)
    assert reached(MixerLayer(6, 4), 5, 9) == {(i, j) for i in range(4, 8) for j in range(8, 12)}
    assert reached(MixerLayer(6, 4, shifted=True), 5, 11) == {(i, j) for i in range(2, 6) for j in range(10, 12)}


@pytest.mark.parametrize("size", [(128, 192), (100, 130), (33, 7)])
def test_any_image_size_will_do(size):
    maps = tiny()(torch.rand(2, 3, *size))
    assert [m.shape[1] for m in maps] == [8, 12, 16, 20]
    for index, feature in enumerate(maps):
        assert tuple(feature.shape[2:]) == tuple(-(-side // (4 << index)) for side in size)


def test_what_lies_beyond_a_window_changes_nothing_within():
    backbone = tiny(out_indices=(0,), depths=[1, 1, 1, 1]).eval()
    image = torch.rand(1, 3, 64, 64)
    wider = torch.cat([image, torch.rand(1, 3, 64, 32)], 3)
    torch.testing.assert_close(backbone(wider)[0][..., :16], backbone(image)[0])


def test_it_trains():
    backbone, images = tiny(drop_path_rate=0.0).train(), torch.rand(2, 3, 64, 64)
    optimizer, losses = torch.optim.AdamW(backbone.parameters(), lr=0.02), []
    for _ in range(10):
        loss = sum((m - 0.5).square().mean() for m in backbone(images))
        optimizer.zero_grad()
        loss.backward()
        assert all(parameter.grad is not None for parameter in backbone.parameters())
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.8 * losses[0]


def test_frozen_stages_stay_as_they_are():
    backbone = tiny(frozen_stages=1).train()
    learns = {name: parameter.requires_grad for name, parameter in backbone.named_parameters() if "stages" in name}
    assert all(wanted == (int(name.split(".")[1]) > 1) for name, wanted in learns.items())
    assert [stage.training for stage in backbone.stages] == [False, False, True, True]
