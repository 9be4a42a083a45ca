# ConvNeXt-T (arXiv 2201.03545) of Hugging Face's transformers, with the weights of ImageNet-1k. In place of another:
# model = dict(backbone=dict(_base_.convnext_t, _delete_=True), neck=dict(in_channels=_base_.convnext_t_channels))
convnext_t = dict(
    type="HuggingFaceBackbone",
    config=dict(
        model_type="convnext",
        hidden_sizes=[96, 192, 384, 768],
        depths=[3, 3, 9, 3],
        drop_path_rate=0.4,
    ),
    init_cfg=dict(type="Pretrained", checkpoint="facebook/convnext-tiny-224"),
)
convnext_t_channels = [96, 192, 384, 768]
