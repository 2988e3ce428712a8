import logging

import pytest

from numlean.distributed.local_workers import kept_workers

distributed = pytest.importorskip("distributed", reason="the dask extra is not installed")


def test_a_worker_that_dask_gives_up_is_replaced():
    import dask

    quiet = {"silence_logs": logging.CRITICAL, "dashboard_address": "127.0.0.1:0"}
    with (
        dask.config.set({"distributed.deploy.lost-worker-timeout": "100ms"}),
        distributed.LocalCluster(n_workers=1, threads_per_worker=1, **quiet) as cluster,
        kept_workers(cluster, 1),
        distributed.Client(cluster) as client,
    ):
        (given_up,) = cluster.workers.values()
        cluster.sync(given_up.close)
        assert client.submit(abs, -3).result() == 3
        assert given_up not in cluster.workers.values()
