"""A Ray cluster, for what can be spread over machines."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from mmdet_trash.errors import InputError


@contextmanager
def ray_cluster(address: str | None = None) -> Iterator[Any]:
    """Connect to a Ray cluster and give Ray itself; one that is connected already is used and left as it is.

    Args:
        address: of the cluster; a local one is started, and ended, if None.

    Raises:
        InputError: when Ray is not installed, or the cluster cannot be reached.
    """
    try:
        import ray
    except ImportError:
        raise InputError("--engine ray needs Ray: pip install 'mmdet-trash[ray]'") from None
    started = not ray.is_initialized()
    if started:
        try:
            ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR, include_dashboard=False)
        except (ConnectionError, ValueError, RuntimeError) as error:
            raise InputError(f"Ray cluster {address!r}: {str(error).splitlines()[0]}") from None
    try:
        yield ray
    finally:
        if started:
            ray.shutdown()
