# Modulated deformable convolutions (arXiv 1811.11168) in the last three stages: what differs from ResNet-50.
r50_dcnv2 = dict(
    dcn=dict(type="DCNv2", deform_groups=1, fallback_on_stride=False),
    stage_with_dcn=(False, True, True, True),
)
