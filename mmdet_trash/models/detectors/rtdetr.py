from collections.abc import Sequence
from typing import Any

import torch
from mmcv.ops import MultiScaleDeformableAttention
from mmdet.models.detectors import DINO
from mmdet.models.detectors.base_detr import DetectionTransformer
from mmdet.structures import SampleList
from torch import Tensor, nn
from torch.nn import functional as F

from mmdet_trash.errors import InputError
from mmdet_trash.models.layers import RepConv, RTDETRDecoder
from mmdet_trash.registry import MODELS


@MODELS.register_module()
class RTDETR(DINO):
    """`RT-DETR <https://arxiv.org/abs/2304.08069>`_: DINO whose encoder is its neck, a hybrid of convolutions and AIFI.

    Queries start as the neck's best pixels, and the decoder is a :class:`~mmdet_trash.models.layers.RTDETRDecoder`.
    Noise, head and matching are DINO's. The release knows images of one size only; here the decoder leaves out what
    pads a smaller image, while the neck, as any neck, does not tell it apart.

    Args:
        *args: as for MMDetection's `DINO`, without `encoder` and `positional_encoding`.
        **kwargs: as `args`.

    Raises:
        InputError: for images of fewer pixels of the neck than there are queries.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, with_box_refine=True, as_two_stage=True, **kwargs)

    def _init_layers(self) -> None:
        self.decoder = RTDETRDecoder(**self.decoder)
        self.embed_dims = self.decoder.embed_dims
        self.memory_trans_fc = nn.Linear(self.embed_dims, self.embed_dims)
        self.memory_trans_norm = nn.LayerNorm(self.embed_dims)

    def init_weights(self) -> None:
        """Draw what is not pretrained, the decoder as DINO's."""
        DetectionTransformer.init_weights(self)
        for weight in [*self.decoder.parameters(), self.memory_trans_fc.weight]:
            if weight.dim() > 1:
                nn.init.xavier_uniform_(weight)
        for module in self.decoder.modules():
            if isinstance(module, MultiScaleDeformableAttention):
                module.init_weights()

    def switch_to_deploy(self) -> None:
        """Merge the neck's parallel branches into plain convolutions, for inference."""
        for module in list(self.modules()):
            if isinstance(module, RepConv):
                module.switch_to_deploy()

    def pre_transformer(
        self, mlvl_feats: Sequence[Tensor], batch_data_samples: SampleList
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Join the neck's maps, (N, C, H, W) each, to one memory.

        Returns:
            The inputs of :meth:`pre_decoder` and of the decoder. `memory` is (N, pixels, C), `memory_mask` (N, pixels),
            true where an image is padded, or None where none is.
        """
        memory = torch.cat([feature.flatten(2).transpose(1, 2) for feature in mlvl_feats], 1)
        spatial_shapes = torch.tensor([feature.shape[-2:] for feature in mlvl_feats]).to(memory.device)
        level_start_index = torch.cat([spatial_shapes.new_zeros(1), spatial_shapes.prod(1).cumsum(0)[:-1]])
        valid_ratios = memory.new_ones(len(memory), len(mlvl_feats), 2)
        memory_mask = None
        if (padding := _padding(batch_data_samples)) is not None:
            masks = [F.interpolate(padding.to(memory), size=feature.shape[-2:])[:, 0].bool() for feature in mlvl_feats]
            memory_mask = torch.cat([mask.flatten(1) for mask in masks], 1)
            valid_ratios = torch.stack([self.get_valid_ratio(mask) for mask in masks], 1)
        shared = {"memory_mask": memory_mask, "spatial_shapes": spatial_shapes}
        return {"memory": memory, **shared}, {
            **shared,
            "level_start_index": level_start_index,
            "valid_ratios": valid_ratios,
        }

    def forward_encoder(self, **inputs: Any) -> dict[str, Any]:
        """Hand on: the neck has encoded already."""
        return inputs

    def pre_decoder(
        self,
        memory: Tensor,
        memory_mask: Tensor | None,
        spatial_shapes: Tensor,
        batch_data_samples: SampleList | None = None,
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Select as queries the pixels whose class is surest, with the boxes that they predict.

        Args:
            memory: (N, pixels, C).
            memory_mask: (N, pixels), true where an image is padded.
            spatial_shapes: (levels, 2), height and width of each level.
            batch_data_samples: what noise is added to, in training.

        Returns:
            The inputs of the decoder and, in training, of the head's loss.
        """
        if memory.shape[1] < self.num_queries:
            raise InputError(
                f"num_queries: {self.num_queries} are stated, the images have {memory.shape[1]} pixels in the neck; "
                "larger images or fewer queries are right"
            )
        # Anchors are centred on pixels, of 0.05 * 2^level of the image.
        features, anchors = self.gen_encoder_output_proposals(memory, memory_mask, spatial_shapes)
        branch = self.decoder.num_layers
        scores = self.bbox_head.cls_branches[branch](features)
        best = scores.max(-1)[0]
        if memory_mask is not None:
            best = best.masked_fill(memory_mask, -torch.inf)
        chosen = best.topk(self.num_queries, dim=1)[1][..., None]
        scores, features, anchors = (
            each.gather(1, chosen.expand(-1, -1, each.shape[-1])) for each in (scores, features, anchors)
        )
        boxes = (self.bbox_head.reg_branches[branch](features) + anchors).sigmoid()
        query, reference_points, dn_mask, losses = features.detach(), boxes.detach(), None, {}
        if self.training:
            dn_query, dn_logits, dn_mask, dn_meta = self.dn_query_generator(batch_data_samples)
            query = torch.cat([dn_query, query], 1)
            reference_points = torch.cat([dn_logits.sigmoid(), reference_points], 1)
            losses = {"enc_outputs_class": scores, "enc_outputs_coord": boxes, "dn_meta": dn_meta}
        return {"query": query, "memory": memory, "reference_points": reference_points, "dn_mask": dn_mask}, losses


def _padding(samples: SampleList) -> Tensor | None:
    """Which pixels pad images to the batch's size: (N, 1, H, W), 1 where they do; None when none does."""
    size = tuple(samples[0].batch_input_shape)
    shapes = [tuple(sample.img_shape[:2]) for sample in samples]
    if all(shape == size for shape in shapes):
        return None
    padding = torch.ones(len(shapes), 1, *size)
    for mask, (height, width) in zip(padding, shapes, strict=True):
        mask[:, :height, :width] = 0
    return padding
