"""Seconds from the first request for a chain to its JSON in Redis, with the vendor's Python client, the best of several."""
import dataclasses
import json
import sys
import time

import redis
from massive import RESTClient

base, port = sys.argv[1], int(sys.argv[2])
client = RESTClient(api_key="of-no-use", base=base)
store = redis.Redis(port=port)


def plain(value):
    return {k: v for k, v in vars(value).items() if v is not None}


best = float("inf")
for _ in range(3):
    start = time.perf_counter()
    contracts = list(client.list_snapshot_options_chain("SPY", params={"limit": 250}))
    store.set("peer:chain", json.dumps(contracts, default=plain))
    best = min(best, time.perf_counter() - start)
assert len(contracts) == 10_000, len(contracts)
print(best)
