from typing import Any

import torch
from mmdet.models.layers import MLP, DeformableDetrTransformerDecoder, inverse_sigmoid
from torch import Tensor, nn


class RTDETRDecoder(DeformableDetrTransformerDecoder):
    """Deformable DETR's decoder whose queries are told their box itself, through an MLP, before every layer.

    The decoder of `RT-DETR <https://arxiv.org/abs/2304.08069>`_, as in its release: DINO's without sines of the boxes
    and without a last norm. Arguments are those of MMDetection's, with `post_norm_cfg=None`.
    """

    def _init_layers(self) -> None:
        super()._init_layers()
        self.ref_point_head = MLP(4, 2 * self.embed_dims, self.embed_dims, 2)

    def forward(
        self,
        query: Tensor,
        reference_points: Tensor,
        valid_ratios: Tensor,
        reg_branches: nn.ModuleList,
        **inputs: Any,
    ) -> tuple[Tensor, Tensor]:
        """Correct the boxes of queries, layer by layer.

        Args:
            query: (N, Q, C).
            reference_points: their boxes (N, Q, 4), cxcywh from 0 to 1 of the image without padding.
            valid_ratios: (N, levels, 2), how much of each map's width and height is image.
            reg_branches: from a layer's queries to the logits of their boxes' corrections.
            **inputs: what else the layers take: the memory as `value`, masks, and the levels' sizes.

        Returns:
            Queries after each layer (layers, N, Q, C), and boxes before the first and after each
            (layers + 1, N, Q, 4).
        """
        scale = torch.cat([valid_ratios, valid_ratios], -1)[:, None]
        states, references = [], [reference_points]
        for number, layer in enumerate(self.layers):
            query = layer(
                query,
                query_pos=self.ref_point_head(reference_points),
                reference_points=reference_points[:, :, None] * scale,
                valid_ratios=valid_ratios,
                **inputs,
            )
            refined = (reg_branches[number](query) + inverse_sigmoid(reference_points)).sigmoid()
            states.append(query)
            references.append(refined)
            reference_points = refined.detach()
        return torch.stack(states), torch.stack(references)
