"""Seconds of CPU that the vendor's Python client takes to make its objects of these pages, the best of several runs."""
import json
import sys
import time

from massive.rest.models.snapshot import OptionContractSnapshot

pages = [open(name, "rb").read() for name in sys.argv[1:]]
best = float("inf")
for _ in range(7):
    start = time.process_time()
    contracts = []
    for page in pages:
        # What the client does with a response: see `_decode` and `_paginate_iter` in its rest/base.py.
        decoded = json.loads(page.decode("utf-8"))
        contracts.extend(OptionContractSnapshot.from_dict(item) for item in decoded["results"])
    best = min(best, time.process_time() - start)
assert len(contracts) == 10_000, len(contracts)
print(best)
