# The demo's Cascade R-CNN, half its steps on images changed against it (self-adversarial training).
_base_ = "./cascade-rcnn_tiny.py"

custom_hooks = [dict(type="SelfAdversarialHook", prob=0.5, epsilon=4.0)]
