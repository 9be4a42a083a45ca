from mmdet_trash.models.layers import rename_keys

NAMES = {"high_lateral_conv.": "rfa.convs.", "high_lateral_conv_attention.0.": "rfa.fusion.squeeze."}


def test_beginnings_are_renamed_below_the_prefix_only():
    keys = [
        "neck.high_lateral_conv.0.weight",
        "neck.high_lateral_conv_attention.0.bias",
        "neck.fpn_convs.0.conv.weight",
        "neck.other.high_lateral_conv.0.weight",
        "high_lateral_conv.0.weight",
    ]
    state = {key: i for i, key in enumerate(keys)}
    rename_keys(state, "neck.", NAMES)
    assert state == {"neck.rfa.convs.0.weight": 0, "neck.rfa.fusion.squeeze.bias": 1} | {
        k: keys.index(k) for k in keys[2:]
    }


def test_our_own_keys_stay():
    state = {"rfa.convs.0.weight": 1}
    rename_keys(state, "", NAMES)
    assert state == {"rfa.convs.0.weight": 1}
