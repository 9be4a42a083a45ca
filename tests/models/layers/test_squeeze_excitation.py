import numpy as np
import torch

from mmdet_trash.models.layers import SELayer


def test_it_is_the_papers():
    torch.manual_seed(0)
    layer = SELayer(8, ratio=4).double()
    x = torch.randn(2, 8, 5, 7, dtype=torch.float64)
    state = {name: value.numpy() for name, value in layer.state_dict().items()}
    means = x.numpy().mean((2, 3))
    inner = np.maximum(means @ state["conv1.conv.weight"][:, :, 0, 0].T + state["conv1.conv.bias"], 0)
    weights = 1 / (1 + np.exp(-(inner @ state["conv2.conv.weight"][:, :, 0, 0].T + state["conv2.conv.bias"])))
    np.testing.assert_allclose(layer(x).detach().numpy(), x.numpy() * weights[:, :, None, None], rtol=1e-12)


def test_it_takes_fewer_channels_than_its_ratio():
    assert SELayer(4)(torch.rand(1, 4, 3, 3)).shape == (1, 4, 3, 3)
