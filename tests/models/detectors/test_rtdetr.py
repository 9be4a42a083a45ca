"""RT-DETR beside Hugging Face's, and what is ours alone: padding, and noise in training."""

import copy
from types import SimpleNamespace

import pytest
import torch
from mmdet.models.dense_heads import DETRHead
from mmdet.structures import DetDataSample
from mmengine.structures import InstanceData
from torch.testing import assert_close

from mmdet_trash.errors import InputError
from tests.configs.narrow import narrow
from tests.models.detectors.rtdetr_oracle import CHANNELS, CLASSES, LAYERS, QUERIES, WIDTH, as_ours, oracle
from tests.models.tiny_detectors import batch, build, losses_of, predictions_of, total, whole_cfg

CONFIG = "rtdetr/rtdetr_r18_72e_trash.py"
SIZE = (96, 128)
TOLERANCE = {"rtol": 1e-5, "atol": 1e-5}


def tiny_cfg():
    """The config's model at an eighth of its widths, of 60 queries and two layers."""
    model = whole_cfg(CONFIG)
    narrow(SimpleNamespace(model=model))
    del model.data_preprocessor["batch_augments"]
    return model


def oracle_cfg(expansion):
    """The config's model in the oracle's widths; of the backbone only its maps' channels matter."""
    model = whole_cfg(CONFIG)
    model.update(num_queries=QUERIES)
    model.backbone.update(base_channels=4)
    model.neck.update(in_channels=CHANNELS, out_channels=WIDTH, feedforward_channels=48, num_heads=4)
    model.neck.expansion = expansion
    model.decoder.num_layers = LAYERS
    layer = model.decoder.layer_cfg
    for attention in (layer.self_attn_cfg, layer.cross_attn_cfg):
        attention.update(embed_dims=WIDTH, num_heads=4)
    layer.ffn_cfg.update(embed_dims=WIDTH, feedforward_channels=40)
    model.bbox_head.update(embed_dims=WIDTH, num_classes=CLASSES)
    return model


def samples_of(size, batch_size=None):
    """Two images of a size, each with boxes, in a batch of perhaps another."""
    generator = torch.Generator().manual_seed(0)
    samples = []
    for count in (3, 1):
        sample = DetDataSample(metainfo={"img_shape": size, "batch_input_shape": batch_size or size})
        corners = torch.rand(count, 2, 2, generator=generator).sort(1)[0] * torch.tensor(size[::-1])
        labels = torch.randint(0, CLASSES, (count,), generator=generator)
        sample.gt_instances = InstanceData(bboxes=corners.flatten(1), labels=labels)
        samples.append(sample)
    return samples


@pytest.fixture(scope="module", params=[0.5, 1.0])
def both(request):
    """Theirs, ours with its weights, what theirs gives for two images, and the maps of its backbone."""
    theirs = oracle(request.param)
    ours = build(oracle_cfg(request.param)).eval().double()
    missing, unexpected = ours.load_state_dict(as_ours(theirs), strict=False)
    assert not unexpected and all(key.startswith("backbone.") for key in missing)
    images = torch.randn(2, 3, *SIZE, generator=torch.Generator().manual_seed(1), dtype=torch.double)
    maps = []
    handle = theirs.model.backbone.register_forward_hook(lambda *args: maps.extend(x for x, _ in args[2]))
    targets = [
        {"class_labels": sample.gt_instances.labels, "boxes": boxes_norm(sample).double()}
        for sample in samples_of(SIZE)
    ]
    with torch.no_grad():
        outputs = theirs(images, labels=targets)
    handle.remove()
    return SimpleNamespace(theirs=theirs, ours=ours, outputs=outputs, maps=maps)


def boxes_norm(sample):
    """True boxes, cxcywh from 0 to 1."""
    low, high = sample.gt_instances.bboxes.split(2, 1)
    return torch.cat([(low + high) / 2, high - low], 1) / torch.tensor(SIZE[::-1]).repeat(2)


@torch.no_grad()
def heads(model, maps, samples):
    """Logits and boxes of every layer."""
    return model.bbox_head(**model.forward_transformer(maps, samples))


@torch.no_grad()
def test_the_necks_maps_are_the_oracles(both):
    theirs = both.theirs.model
    expected = [
        conv(feature)
        for conv, feature in zip(theirs.decoder_input_proj, both.outputs.encoder_last_hidden_state, strict=True)
    ]
    for found, feature in zip(both.ours.neck(both.maps), expected, strict=True):
        assert_close(found, feature, **TOLERANCE)


@torch.no_grad()
def test_the_encoders_best_are_the_oracles(both):
    inputs, _ = both.ours.pre_transformer(both.ours.neck(both.maps), samples_of(SIZE))
    inputs, _ = both.ours.pre_decoder(**inputs)
    scores = both.ours.bbox_head.cls_branches[LAYERS](inputs["query"])
    assert_close(scores, both.outputs.enc_topk_logits, **TOLERANCE)
    assert_close(inputs["reference_points"], both.outputs.enc_topk_bboxes, **TOLERANCE)


def test_classes_and_boxes_of_every_layer_are_the_oracles(both):
    scores, boxes = heads(both.ours, both.ours.neck(both.maps), samples_of(SIZE))
    assert_close(scores.transpose(0, 1), both.outputs.intermediate_logits, **TOLERANCE)
    assert_close(boxes.transpose(0, 1), both.outputs.intermediate_reference_points, **TOLERANCE)
    spread = boxes.std((0, 1, 2))
    assert (spread > 1e-3).all() and scores.std() > 0.1


@torch.no_grad()
def test_the_losses_are_the_oracles(both):
    head, outputs, samples = both.ours.bbox_head, both.outputs, samples_of(SIZE)
    truth = [sample.gt_instances for sample in samples], [sample.metainfo for sample in samples]
    # MMDetection's losses are of single precision.
    layers = [outputs.intermediate_logits, outputs.intermediate_reference_points]
    found = DETRHead.loss_by_feat(head, *(layer.transpose(0, 1).float() for layer in layers), *truth)
    encoder = head.loss_by_feat_single(outputs.enc_topk_logits.float(), outputs.enc_topk_bboxes.float(), *truth)
    theirs = {"cls": "vfl", "bbox": "bbox", "iou": "giou"}
    for number, (name, other) in enumerate(theirs.items()):
        mine = [*(found[f"d{layer}.loss_{name}"] for layer in range(LAYERS - 1)), encoder[number]]
        expected = [outputs.loss_dict[f"loss_{other}_aux_{layer}"] for layer in range(LAYERS)]
        mine.append(found[f"loss_{name}"])
        expected.append(outputs.loss_dict[f"loss_{other}"])
        assert_close(torch.stack([loss.squeeze() for loss in mine]).double(), torch.stack(expected), **TOLERANCE)


@pytest.fixture
def model():
    """Small, with boxes that are corrected and points that are not on a grid."""
    model = build(tiny_cfg())
    generator = torch.Generator().manual_seed(0)
    for branch in model.bbox_head.reg_branches:
        branch[-1].weight.data = torch.randn(branch[-1].weight.shape, generator=generator) * 0.3
    for layer in model.decoder.layers:
        layer.cross_attn.sampling_offsets.weight.data.normal_(generator=generator)
    return model


def necks_maps(height, width):
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(2, 32, height // s, width // s, generator=generator) for s in (8, 16, 32)]


@pytest.mark.parametrize("padded", [(96, 160), (160, 96), (128, 128)])
def test_the_decoder_does_not_see_padding(model, padded):
    size, maps = (96, 96), necks_maps(96, 96)
    # A pixel without content would be the first to be chosen.
    model.memory_trans_fc.bias.data.normal_(generator=torch.Generator().manual_seed(0))
    blank = model.memory_trans_norm(model.memory_trans_fc.bias).detach()
    model.bbox_head.cls_branches[-1].weight.data[0] = blank
    filled = [1e3 * feature for feature in necks_maps(*padded)]
    for feature, content in zip(filled, maps, strict=True):
        feature[..., : content.shape[2], : content.shape[3]] = content
    expected = heads(model.eval(), maps, samples_of(size))
    for found, alone in zip(heads(model, filled, samples_of(size, padded)), expected, strict=True):
        assert_close(found, alone, rtol=1e-4, atol=1e-4)


def test_true_boxes_do_not_leak_from_noise_to_queries(model):
    runs = []
    for seed in (0, 1):
        torch.manual_seed(seed)
        inputs = model.forward_transformer(necks_maps(96, 96), samples_of((96, 96)))
        runs.append((inputs["dn_meta"]["num_denoising_queries"], inputs["hidden_states"]))
    (noisy, one), (_, other) = runs
    assert noisy > 0 and not torch.equal(one[:, :, :noisy], other[:, :, :noisy])
    assert_close(one[:, :, noisy:], other[:, :, noisy:])


@pytest.mark.slow
def test_a_few_steps_change_every_weight_and_lower_the_loss():
    model = build(tiny_cfg()).train()
    before = {name: weight.detach().clone() for name, weight in model.named_parameters()}
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    found = []
    for _ in range(20):
        loss = total(losses_of(model))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        found.append(loss.item())
    assert found[-1] < 0.7 * found[0]
    assert [name for name, weight in model.named_parameters() if torch.equal(weight, before[name])] == []


def test_images_without_boxes_are_learned_from(model):
    losses = losses_of(model.train(), batch(boxes=((), ())))
    total(losses).backward()
    assert all(torch.isfinite(value).all() for value in losses.values())
    # No weight is left out, which would stop a training of several processes.
    assert model.dn_query_generator.label_embedding.weight.grad is not None


@pytest.mark.parametrize("size", [(64, 96), (70, 131)])
def test_images_of_any_size_are_predicted(model, size):
    for found in predictions_of(model, batch(size=size)):
        assert found["bboxes"].shape == (60, 4)
        assert (found["bboxes"] >= 0).all() and (found["bboxes"] <= torch.tensor(size[::-1]).repeat(2)).all()


def test_too_small_an_image_is_one_line(model):
    with pytest.raises(InputError, match=r"^num_queries: 60 are stated, .* 21 pixels") as error:
        predictions_of(model, batch(size=(32, 32)))
    assert "\n" not in str(error.value)


def test_merged_for_deployment_it_predicts_the_same(model):
    for _ in range(2):
        losses_of(model.train())  # statistics of its norms
    deployed = copy.deepcopy(model)
    deployed.switch_to_deploy()
    assert not any("branches.3x3" in key for key in deployed.state_dict())
    maps = [torch.randn(1, channels, side, side) for channels, side in ((16, 12), (32, 6), (64, 3))]
    for found, expected in zip(deployed.eval().neck(maps), model.eval().neck(maps), strict=True):
        assert_close(found, expected, rtol=1e-4, atol=1e-4)
