"""What feedparser makes of documents: reads, for each, its length in ASCII digits, a newline and the bytes; prints one
line of JSON, the list of its items, each as the list of its guid, its link and its texts with their types."""

import json
import sys

import feedparser

while size := sys.stdin.buffer.readline():
    body = sys.stdin.buffer.read(int(size))
    try:
        entries = feedparser.parse(body, sanitize_html=False, resolve_relative_uris=False).entries
    except Exception:  # It gives up on some of them.
        entries = []
    items = []
    for entry in entries:
        texts = [entry.get("title_detail"), entry.get("summary_detail"), *entry.get("content", ())]
        texts = [(text.get("value"), text.get("type")) for text in texts if text]
        items.append([entry.get("id"), entry.get("link"), texts])
    # Half a surrogate pair is no text for others.
    line = json.dumps(items, ensure_ascii=False).encode("utf-8", "replace")
    sys.stdout.buffer.write(line + b"\n")
    sys.stdout.buffer.flush()
