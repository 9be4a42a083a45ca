"""Options that make the demo config small enough for a test: seconds on two cores."""

TINY = [
    "--cfg-options",
    "train_dataloader.batch_size=4",
    "train_dataloader.num_workers=0",
    "train_dataloader.persistent_workers=False",
    "val_dataloader.num_workers=0",
    "val_dataloader.persistent_workers=False",
    "test_dataloader.num_workers=0",
    "test_dataloader.persistent_workers=False",
    "train_cfg.max_epochs=2",
    "train_cfg.val_interval=1",
    "default_hooks.logger.interval=1",
    "model.backbone.base_channels=8",
    "model.neck.in_channels=[8,16,32,64]",
    "train_dataloader.dataset.pipeline.2.scale=(96,96)",
    "val_dataloader.dataset.pipeline.1.scale=(96,96)",
    "test_dataloader.dataset.pipeline.1.scale=(96,96)",
]
