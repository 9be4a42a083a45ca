# What every run shares: registry scope, hooks, logs, environment.
default_scope = "mmdet_trash"
custom_imports = dict(imports=["mmdet_trash.registry"], allow_failed_imports=False)

default_hooks = dict(
    timer=dict(type="IterTimerHook"),
    logger=dict(type="LoggerHook", interval=50),
    param_scheduler=dict(type="ParamSchedulerHook"),
    # The newest two, and the best by mAP50.
    checkpoint=dict(type="CheckpointHook", interval=1, max_keep_ckpts=2, save_best="mAP50", rule="greater"),
    sampler_seed=dict(type="DistSamplerSeedHook"),
    visualization=dict(type="DetVisualizationHook"),
    # Samples that follow from the seed; with close=N, none are mixed in the last N epochs.
    augmentation=dict(type="AugmentationHook"),
)

env_cfg = dict(
    cudnn_benchmark=False,
    mp_cfg=dict(mp_start_method="fork", opencv_num_threads=0),
    dist_cfg=dict(backend="nccl"),
)

# Another of MMEngine's backends: visualizer = dict(vis_backends=[dict(type="WandbVisBackend")]) in your config.
vis_backends = [dict(type="LocalVisBackend"), dict(type="TensorboardVisBackend")]
visualizer = dict(type="DetLocalVisualizer", vis_backends=vis_backends)
log_processor = dict(type="LogProcessor", window_size=50, by_epoch=True)

log_level = "INFO"
load_from = None
resume = False
randomness = dict(seed=0)
