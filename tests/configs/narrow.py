"""A config at an eighth of its widths: what is built of it is what trains, in seconds."""

from mmengine.config import Config

from mmdet_trash.engine.config import walk

BY = 8
WIDTHS = {
    *("base_channels", "embed_dims", "num_channels", "widen_factor", "groups", "num_groups", "hidden_sizes"),
    *("in_channels", "out_channels", "feat_channels", "conv_out_channels", "fc_out_channels"),
    *("feedforward_channels", "num_feats", "feat_channel", "stage_channels"),
}
"""Arguments that count channels, or groups of them."""
DEFAULTS = {
    "DetectoRS_ResNet": {"base_channels": 64},
    "HourglassNet": {"feat_channel": 256, "stage_channels": (256, 256, 384, 384, 384, 512)},
    "ResNet": {"base_channels": 64},
    "ResNeXt": {"base_channels": 64},
    "YOLOv7Backbone": {"widen_factor": 1.0},
}
"""Widths of backbones whose configs say nothing."""
OF_ONE_WIDTH = {"Darknet": None, "EfficientNet": [40, 112, 320]}
"""Backbones that have no argument of the kind, and the channels of the maps of their smallest."""


def narrow(cfg: Config) -> None:
    """Divide every width of a config's model by eight, and make it shallow where depth is an argument; in place.

    DETRs are left with as many queries as a small image has tokens.
    """
    model = cfg.model
    if model.backbone.type == "SSDVGG":
        return  # its widths are all in its code
    kept = None
    if model.backbone.type in OF_ONE_WIDTH:
        kept = OF_ONE_WIDTH[model.backbone.type] or model.neck.in_channels
    if model.backbone.type == "EfficientNet":
        model.backbone.arch = "b0"
    for node in walk(model):
        for key, width in DEFAULTS.get(node.get("type"), {}).items():
            node.setdefault(key, width)
    # These encode positions in 256 channels, whatever their width.
    of_256 = model.type == "ConditionalDETR" or (model.type == "DeformableDETR" and model.as_two_stage)
    for node in walk(model.backbone if of_256 else model):
        for key in WIDTHS & node.keys():
            node[key] = divided(node[key])
    if of_256:
        model.neck.in_channels = divided(model.neck.in_channels)
    if kept:
        model.neck.in_channels = kept
    if model.backbone.type == "SwinTransformer":
        model.backbone.depths = [2, 2, 2, 2]
    for part in ("encoder", "decoder"):
        if part in model:
            model[part].num_layers = 2
    if "num_queries" in model:
        model.num_queries = model.test_cfg.max_per_img = 60


def divided(width):
    if isinstance(width, (list, tuple)):
        return type(width)(divided(part) for part in width)
    if isinstance(width, int):
        return max(1, width // BY)
    return width and width / BY
