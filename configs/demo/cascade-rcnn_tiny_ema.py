# The demo's Cascade R-CNN with a moving average of its weights, set for some hundred steps; costs what the demo does.
_base_ = ["./cascade-rcnn_tiny.py", "../_base_/ema.py"]
custom_hooks = [dict(_base_.custom_hooks[0], gamma=100)]
