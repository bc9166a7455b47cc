"""What one would write in an hour: redis-py, vaderSentiment and sumy's LexRank. Prints the seconds that it took.

usage: peer.py PORT ITEMS
"""

import json
import re
import sys
import time

import redis
from sumy.nlp.tokenizers import Tokenizer
from sumy.parsers.plaintext import PlaintextParser
from sumy.summarizers.lex_rank import LexRankSummarizer
from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer


class Splitter(Tokenizer):
    """sumy's own splitter needs data that has to be fetched."""

    def __init__(self):  # pylint: disable=super-init-not-called
        self._language = "english"

    def to_sentences(self, paragraph):
        return tuple(s for s in re.split(r"(?<=[.!?])\s+", paragraph) if s)

    def to_words(self, sentence):
        return tuple(re.findall(r"[^\W\d_]+", sentence))


def main():
    port, items = int(sys.argv[1]), int(sys.argv[2])
    store = redis.Redis(port=port, decode_responses=True)
    store.xgroup_create("peer:queue", "peer", id="0", mkstream=True)
    sentiment, splitter, rank = SentimentIntensityAnalyzer(), Splitter(), LexRankSummarizer()
    start, done = time.monotonic(), 0
    while done < items:
        for _, entries in store.xreadgroup("peer", "one", {"peer:queue": ">"}, count=64):
            for entry, fields in entries:
                item = store.hgetall("rss:item:" + fields["uid"])
                text = item["title"] + ". " + item["summary_text"]
                score = sentiment.polarity_scores(text)["compound"]
                parsed = PlaintextParser.from_string(text, splitter)
                summary = " ".join(str(s) for s in rank(parsed.document, 2))
                result = {"sentiment": score, "summary": summary}
                pipe = store.pipeline()
                pipe.hset("peer:analysis:" + fields["uid"], mapping=result)
                pipe.xack("peer:queue", "peer", entry)
                pipe.publish("peer:said", json.dumps(result))
                pipe.execute()
                done += 1
    print(time.monotonic() - start)


main()
