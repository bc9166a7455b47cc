"""Seconds of CPU that the vendor's Python client takes for an event of these messages, the best of several runs."""
import json
import logging
import sys
import time

from massive.websocket import WebSocketClient
from massive.websocket.models import parse
from massive.websocket.models.common import Feed, Market

messages = open(sys.argv[1]).read().splitlines()
client = WebSocketClient(api_key="of-no-use", feed=Feed.Delayed, market=Market.Stocks)
logger = logging.getLogger("bench")
best = float("inf")
for _ in range(5):
    start = time.process_time()
    count = 0
    for message in messages:
        # What the client does with a message: see `connect` in its websocket/__init__.py.
        events = parse(json.loads(message), logger, Market.Stocks)
        count += len(events)
    best = min(best, (time.process_time() - start) / count)
print(best)
