"""kill -9 at random moments while events stream in. Afterwards the warehouse has each event that was
acknowledged, once, and each shopper's in their order, whoever of the consumers loaded it."""

import random
import sqlite3
import threading
import time

import requests

KILLS = 6
SENDERS = 6
EACH = 10  # events of a request


class Sender(threading.Thread):
    """Reports searches that no other has, without end; never the same twice, since it cannot know."""

    def __init__(self, number, client, stopping):
        super().__init__(daemon=True)
        self.number, self.client, self.stopping = number, client, stopping
        self.acknowledged, self.unknown = [], set()
        self.next = 0

    def run(self):
        while not self.stopping.is_set():
            queries = [f"s{self.number}n{self.next + i}" for i in range(EACH)]
            self.next += EACH
            events = [{"type": "activity.searched", "query": query, "results": 1} for query in queries]
            try:
                answer = self.client.post("/events", json={"events": events})
            except requests.RequestException:
                self.unknown.update(queries)
                time.sleep(0.02)
                continue
            if answer.status_code == 202:
                self.acknowledged += queries
            else:
                self.unknown.update(queries)
                time.sleep(0.02)


def metric(store, name):
    text = requests.get(store.url + "/metrics", timeout=10).text
    return sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if line.startswith(name))


def searches(store):
    """As an analyst sees them, in the order of their loading."""
    with sqlite3.connect(f"file:{store.data}/warehouse.db?mode=ro", uri=True) as warehouse:
        return [row[0] for row in warehouse.execute("SELECT query FROM fact_search ORDER BY rowid")]


def loaded(store, expected, seconds=60):
    deadline = time.monotonic() + seconds
    while True:
        found = searches(store)
        if expected <= set(found) or time.monotonic() > deadline:
            return found
        time.sleep(0.2)


def test_kills_under_load_lose_no_event_and_count_none_twice(start_store):
    store = start_store(demo=True, settings=["stream.consumers=3"])
    store.environment["PORT"] = store.url.rsplit(":", 1)[1]  # the same address after each restart
    stopping = threading.Event()
    senders = [Sender(i, store.shopper(), stopping) for i in range(SENDERS)]
    for sender in senders:
        sender.start()
    chance = random.Random()
    for _ in range(KILLS):
        time.sleep(chance.uniform(0.3, 1.5))
        store.kill()
        store.start()
    time.sleep(0.5)
    stopping.set()
    for sender in senders:
        sender.join(30)

    acknowledged = {query for sender in senders for query in sender.acknowledged}
    unknown = set().union(*(sender.unknown for sender in senders))
    assert len(acknowledged) > 1000
    found = loaded(store, acknowledged)
    assert acknowledged - set(found) == set(), "an acknowledged event is gone"
    assert len(found) == len(set(found)), "an event counts twice"
    assert set(found) <= acknowledged | unknown
    for sender in senders:
        mine = [int(query.split("n")[1]) for query in found if query.startswith(f"s{sender.number}n")]
        assert mine == sorted(mine), "a shopper's events came out of their order"
    assert metric(store, 'stream_consumer_events_total{result="passed_by"}') == 0
    assert metric(store, "stream_consumer_warehouse_away") == 0
    assert metric(store, "stream_consumer_shards") == 4
    print(f"{len(acknowledged)} events acknowledged, {len(set(found) & unknown)} of {len(unknown)} others kept")
