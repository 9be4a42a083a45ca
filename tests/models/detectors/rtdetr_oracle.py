"""Hugging Face's RT-DETR, small, with random weights, and the same weights under our names."""

import re

import torch
from torch import Tensor, nn
from transformers import RTDetrConfig, RTDetrForObjectDetection, RTDetrResNetConfig

CHANNELS, WIDTH, CLASSES, QUERIES, LAYERS = [16, 24, 32], 32, 5, 20, 3

NAMES = {
    r"model\.encoder_input_proj\.(\d)\.0\.": r"neck.input_convs.\1.conv.",
    r"model\.encoder_input_proj\.(\d)\.1\.": r"neck.input_convs.\1.bn.",
    r"model\.decoder_input_proj\.(\d)\.0\.": r"neck.out_convs.\1.conv.",
    r"model\.decoder_input_proj\.(\d)\.1\.": r"neck.out_convs.\1.bn.",
    r"model\.encoder\.aifi\.0\.layers\.0\.": "neck.transformer.",
    r"model\.encoder\.lateral_convs\.": "neck.lateral_convs.",
    r"model\.encoder\.downsample_convs\.": "neck.downsample.",
    r"model\.encoder\.fpn_blocks\.": "neck.top_down.",
    r"model\.encoder\.pan_blocks\.": "neck.bottom_up.",
    r"model\.enc_output\.0\.": "memory_trans_fc.",
    r"model\.enc_output\.1\.": "memory_trans_norm.",
    r"model\.enc_score_head\.": f"bbox_head.cls_branches.{LAYERS}.",
    r"model\.enc_bbox_head\.": f"bbox_head.reg_branches.{LAYERS}.",
    r"model\.decoder\.class_embed\.": "bbox_head.cls_branches.",
    r"model\.decoder\.bbox_embed\.": "bbox_head.reg_branches.",
    r"model\.decoder\.query_pos_head\.": "decoder.ref_point_head.",
    r"model\.decoder\.layers\.": "decoder.layers.",
    r"model\.denoising_class_embed\.": "dn_query_generator.label_embedding.",
}
"""Beginnings of a key, theirs to ours."""
PARTS = {
    r"\.bottlenecks\.(\d)\.conv1\.conv\.": r".blocks.\1.branches.3x3.0.",
    r"\.bottlenecks\.(\d)\.conv1\.norm\.": r".blocks.\1.branches.3x3.1.",
    r"\.bottlenecks\.(\d)\.conv2\.conv\.": r".blocks.\1.branches.1x1.0.",
    r"\.bottlenecks\.(\d)\.conv2\.norm\.": r".blocks.\1.branches.1x1.1.",
    r"(top_down|bottom_up)\.(\d)\.conv1\.": r"\1.\2.main_conv.",
    r"(top_down|bottom_up)\.(\d)\.conv2\.": r"\1.\2.short_conv.",
    r"(top_down|bottom_up)\.(\d)\.conv3\.": r"\1.\2.final_conv.",
    r"(_conv|_convs\.\d|downsample\.\d)\.norm\.": r"\1.bn.",
    r"self_attn_layer_norm": "norms.0",
    r"encoder_attn_layer_norm": "norms.1",
    r"(neck\.transformer)\.final_layer_norm": r"\1.norms.1",
    r"final_layer_norm": "norms.2",
    r"encoder_attn\.": "cross_attn.",
    r"self_attn\.o_proj": "self_attn.attn.out_proj",
    r"mlp\.fc1": "ffn.layers.0.0",
    r"mlp\.fc2": "ffn.layers.1",
    r"(reg_branches\.\d)\.layers\.0": r"\1.0",
    r"(reg_branches\.\d)\.layers\.1": r"\1.2",
    r"(reg_branches\.\d)\.layers\.2": r"\1.4",
}
"""Within a key."""


def oracle(expansion: float, seed: int = 0) -> RTDetrForObjectDetection:
    """A model in double precision and evaluation, every weight drawn at random."""
    backbone = RTDetrResNetConfig(
        embedding_size=8,
        hidden_sizes=[8, *CHANNELS],
        depths=[1, 1, 1, 1],
        layer_type="basic",
        out_features=["stage2", "stage3", "stage4"],
    )
    config = RTDetrConfig(
        backbone_config=backbone,
        d_model=WIDTH,
        encoder_hidden_dim=WIDTH,
        encoder_in_channels=CHANNELS,
        encoder_ffn_dim=48,
        encoder_attention_heads=4,
        decoder_in_channels=[WIDTH] * 3,
        decoder_ffn_dim=40,
        decoder_layers=LAYERS,
        decoder_attention_heads=4,
        hidden_expansion=expansion,
        num_queries=QUERIES,
        num_labels=CLASSES,
    )
    model = RTDetrForObjectDetection(config).double().eval()
    generator = torch.Generator().manual_seed(seed)
    for name, weight in model.state_dict().items():
        if not weight.is_floating_point():
            continue
        drawn = torch.randn(weight.shape, generator=generator, dtype=torch.double)
        if weight.dim() > 1:
            weight.copy_(drawn / weight[0].numel() ** 0.5)
        elif name.endswith("running_var"):
            weight.copy_(drawn.square() + 0.5)
        else:
            weight.copy_((1 if name.endswith("norm.weight") else 0) + 0.3 * drawn)
    return model


def as_ours(model: nn.Module) -> dict[str, Tensor]:
    """Its weights but the backbone's, as :class:`RTDETR` calls them."""
    ours = {}
    for key, value in model.state_dict().items():
        if key.startswith("model.backbone"):
            continue
        for part in (NAMES, PARTS):
            for theirs, name in part.items():
                key = re.sub(theirs, name, key)
        ours[key] = value
    for key in [key for key in ours if ".q_proj." in key]:
        joined = torch.cat([ours.pop(key.replace(".q_proj.", f".{part}_proj.")) for part in "qkv"])
        ours[key.replace(".q_proj.", ".attn.in_proj_")] = joined
    # They number these from the coarsest level, and have a row for no class.
    swapped = {key: re.sub(r"\.([01])\.", lambda m: f".{1 - int(m[1])}.", key, count=1) for key in ours}
    of_top_down = ("neck.lateral_convs.", "neck.top_down.")
    ours = {swapped[key] if key.startswith(of_top_down) else key: value for key, value in ours.items()}
    label_embedding = "dn_query_generator.label_embedding.weight"
    return {**ours, label_embedding: ours[label_embedding][:CLASSES]}
