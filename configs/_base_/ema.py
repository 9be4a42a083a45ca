# A moving average of the weights, which is validated and saved in their place; momentum and gamma as RTMDet has them.
# A config with hooks of its own: custom_hooks = [*_base_.custom_hooks, dict(type=...)]. See docs/averaging.md.
custom_hooks = [
    # 49: before the hooks of the usual priority, so that they all see the same weights in a validation.
    dict(type="EMAHook", ema_type="ExpMomentumEMA", momentum=0.0002, gamma=2000, update_buffers=True, priority=49),
]
