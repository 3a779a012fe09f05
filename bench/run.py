#!/usr/bin/python3
"""make bench: the store beside nginx serving the same bytes from a file, in one run on one machine.

Prints, per kind of request and number of clients: requests a second, p50 and p99, CPU-seconds of the
server per 1,000 requests, and the ratio to nginx. Options:

  --seconds 3            length of each measurement
  --only wine,checkout   kinds to measure: wine, list, search, suggest, checkout, open, recommend, recommend-large
                         (100,000 wines), train, train-large (minutes and gigabytes)
  --clients 1,16,64
  --json FILE            the figures, for comparing two runs
"""

import argparse
import json
import os
import pathlib
import random
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

import requests  # noqa: E402
from support import Store, run_program, x_wines  # noqa: E402

LOAD = ROOT / "build" / "bench" / "load"
TICKS = os.sysconf("SC_CLK_TCK")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def tree(pid):
    """The process and its children (nginx's workers)."""
    found = [pid]
    for task in pathlib.Path(f"/proc/{pid}/task").glob("*/children"):
        for child in task.read_text().split():
            found += tree(int(child))
    return found


def cpu_seconds(pid):
    total = 0
    for one in tree(pid):
        fields = pathlib.Path(f"/proc/{one}/stat").read_text().rsplit(")", 1)[1].split()
        total += int(fields[11]) + int(fields[12])
    return total / TICKS


def rss_mb(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", status).group(1)) / 1024


def load(pid, port, clients, seconds, *arguments):
    before = cpu_seconds(pid)
    done = subprocess.run(
        [LOAD, "--port", str(port), "--clients", str(clients), "--seconds", str(seconds), *map(str, arguments)],
        capture_output=True,
        text=True,
    )
    if done.returncode:
        sys.exit(f"load: {done.stderr}")
    result = json.loads(done.stdout)
    result["cpu_per_1000"] = (cpu_seconds(pid) - before) / max(result["count"], 1) * 1000
    return result


class Nginx:
    def __init__(self, folder):
        self.folder = folder
        (folder / "files").mkdir()
        self.port = free_port()
        (folder / "nginx.conf").write_text(
            f"""daemon off; worker_processes 2; pid {folder}/pid; error_log {folder}/error.log;
            events {{ worker_connections 1024; }}
            http {{ access_log off; keepalive_requests 1000000000; sendfile on; tcp_nopush on; open_file_cache max=2000;
              client_body_temp_path {folder}/t1; proxy_temp_path {folder}/t2; fastcgi_temp_path {folder}/t3;
              uwsgi_temp_path {folder}/t4; scgi_temp_path {folder}/t5;
              server {{ listen 127.0.0.1:{self.port}; root {folder}/files; default_type application/json; }} }}"""
        )
        self.process = subprocess.Popen(["/usr/sbin/nginx", "-p", folder, "-c", folder / "nginx.conf"])
        for _ in range(100):
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
                break
            except OSError:
                time.sleep(0.05)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()


def start_store(folder):
    store = Store(data=folder / "data", demo=False)
    # X-Wines has a few spirits beyond what a wine's strength may be: --keep-good leaves them out.
    done = store.command("import", x_wines() / "wines.csv", "--stock", "10000000", "--keep-good")
    print(done.stdout.strip().splitlines()[-1] if done.stdout else done.stderr)
    return store


def all_wines(store):
    wines, cursor = [], None
    while True:
        query = {"limit": 100, "sort": "name", **({"cursor": cursor} if cursor else {})}
        page = requests.get(store.api + "/wines", params=query, timeout=30).json()
        wines += page["items"]
        cursor = page["next_cursor"]
        if not cursor:
            return wines


def searches(wines):
    """At least 1,000 distinct queries: words of the catalogue, alone, in pairs, cut short and misspelt, with filters."""
    chance = random.Random(11)
    words = sorted({w for wine in wines for w in re.findall(r"\w{4,}", f"{wine['name']} {wine['winery']} {wine['region']}")})
    countries = sorted({wine["country"] for wine in wines})
    found = set()
    while len(found) < 2000:
        text = chance.choice(words)
        kind = chance.random()
        if kind < 0.3:
            text += " " + chance.choice(words)
        elif kind < 0.5:
            text = text[: max(3, len(text) - 2)]
        elif kind < 0.65:
            at = chance.randrange(1, len(text) - 1)
            text = text[:at] + text[at + 1 :]
        query = f"/api/v1/wines?q={requests.utils.quote(text)}"
        if chance.random() < 0.3:
            query += "&type=Red"
        if chance.random() < 0.2:
            query += "&country=" + requests.utils.quote(chance.choice(countries))
        found.add(query)
    return sorted(found, key=lambda _: chance.random())


def lists(wines):
    chance = random.Random(13)
    countries = sorted({wine["country"] for wine in wines})
    found = ["/api/v1/wines"]
    for sort in ("price", "-price", "rating", "newest", "name"):
        found.append(f"/api/v1/wines?sort={sort}")
        for country in countries:
            found.append(f"/api/v1/wines?sort={sort}&country={requests.utils.quote(country)}")
        for low in range(500, 6000, 250):
            found.append(f"/api/v1/wines?sort={sort}&min_price={low}&in_stock=true")
    chance.shuffle(found)
    return found


def suggestions(wines):
    words = sorted({w for wine in wines for w in re.findall(r"\w{4,}", f"{wine['name']} {wine['winery']}")})
    chance = random.Random(17)
    return [
        "/api/v1/wines/suggest?q=" + requests.utils.quote(chance.choice(words)[: chance.randint(2, 5)]) for _ in range(2000)
    ]


def sessions(store, count):
    """Tokens of shoppers made beforehand."""

    def one(_):
        return store.shopper(email=f"bench-{secrets.token_hex(8)}@example.com").token

    with ThreadPoolExecutor(4) as pool:
        return list(pool.map(one, range(count)))


def shoppers_with_a_taste(store, ids, count):
    """Tokens of shoppers who have looked at some wines, rated some and put one in the basket."""
    chance = random.Random(3)
    tokens = sessions(store, count)
    for i, token in enumerate(tokens):
        headers = {"Authorization": f"Bearer {token}"}
        seen = chance.sample(ids, 5 + i % 40)
        views = [{"type": "activity.viewed", "wine_id": wine} for wine in seen]
        requests.post(store.api + "/events", json={"events": views}, headers=headers, timeout=30)
        for wine in seen[:3]:
            stars = {"stars": 3 + i % 3}
            requests.post(f"{store.api}/wines/{wine}/ratings", json=stars, headers=headers, timeout=30)
        requests.put(f"{store.api}/cart/items/{seen[0]}", json={"quantity": 1}, headers=headers, timeout=30)
    return tokens


def recommend(store, folder, ids, seconds, wines=""):
    """Lists in an open loop, for shoppers with a taste; and how soon an event is in the next list."""
    pid, port = store.process.pid, int(store.url.rsplit(":", 1)[1])
    token_file, paths = folder / "tasters", folder / "recommend.paths"
    token_file.write_text("\n".join(shoppers_with_a_taste(store, ids, 128)) + "\n")
    time.sleep(2)
    figures = {}
    for kind, path in (
        ("personal", "/api/v1/recommendations?limit=20"),
        ("basket", "/api/v1/recommendations?list=basket&limit=20"),
        ("similar", f"/api/v1/wines/{ids[0]}/similar"),
    ):
        paths.write_text(path + "\n")
        result = load(pid, port, 128, seconds * 2, "--paths", paths, "--tokens", token_file, "--rate", 500)
        show(f"{kind} 500/s", 128, result)
        figures[f"recommend{wines}/{kind}"] = {"store": result}
    middle, worst = freshness(store, ids)
    print(f"                  an event is in the next list after {middle:.0f} ms (median of 40), {worst:.0f} ms at most; "
          f"RSS {rss_mb(pid):.0f} MB")
    figures[f"recommend{wines}/fresh_ms"] = [middle, worst]
    return figures


def learn(store, *commands):
    for command in commands:
        done = store.command(*command, timeout=1800)
        if done.returncode:
            sys.exit(done.stderr[:2000])
        print(f"                  {done.stdout.strip().splitlines()[-1]}")


def freshness(store, ids, trials=40):
    """Milliseconds from an event's post until the shopper's list is theirs."""
    chance, found = random.Random(29), []
    for token in sessions(store, trials):
        shopper = requests.Session()
        shopper.headers["Authorization"] = f"Bearer {token}"
        began = time.monotonic()
        event = {"type": "activity.viewed", "wine_id": chance.choice(ids)}
        shopper.post(store.api + "/events", json={"events": [event]}, timeout=30).raise_for_status()
        while not shopper.get(store.api + "/recommendations", timeout=30).json()["personal"]:
            if time.monotonic() - began > 30:
                break
        found.append((time.monotonic() - began) * 1000)
    found.sort()
    return found[len(found) // 2], found[-1]


def large_store(folder, wines=100_000, shoppers=20_000, ratings=300_000):
    """A store with a generated catalogue and generated ratings of it, trained."""
    chance = random.Random(31)
    types, grapes = ["Red", "White", "Sparkling", "Rosé"], [f"Grape {chr(65 + i // 10)}{chr(97 + i % 10)}" for i in range(80)]
    with open(folder / "large.csv", "w") as file:
        file.write("sku,name,winery,type,country,region,appellation,grapes,abv,price,stock\n")
        for i in range(wines):
            file.write(f"g-{i},Cuvée {i},House {i % 9000},{types[i % 4]},Country {i % 30},Region {i % 700},"
                       f"Appellation {i % 2000},{grapes[i % 80]},{11 + i % 40 / 10:.1f},{6 + i % 900 / 10:.2f},100000\n")
    with open(folder / "large-ratings.csv", "w") as file:
        file.write("UserID,WineID,Rating,Date\n")
        for i in range(ratings):
            shopper, wine = chance.randrange(shoppers), int(wines ** chance.random()) - 1
            wine = wine // 80 * 80 + shopper % 80 if i % 3 else wine
            file.write(f"u{shopper},g-{min(wine, wines - 1)},{chance.randrange(4, 11) / 2},"
                       f"2026-{1 + i * 6 // ratings:02d}-{1 + i % 28:02d}\n")
    store = Store(data=folder / "large", demo=False)
    learn(store, ("import", folder / "large.csv"), ("ratings", "import", folder / "large-ratings.csv"), ("train",))
    return store


def train(kinds):
    for kind, arguments in (("train", ["x-wines"]), ("train", ["--threads", "2", "10000", "60000", "1000000"]),
                            ("train-large", ["--threads", "2", "100000", "500000", "20000000"])):
        if kind in kinds:
            done = subprocess.run([ROOT / "build" / "bench" / "bench_train", *arguments], capture_output=True, text=True,
                                  env={**os.environ, "XWINES": str(x_wines())})
            print(f"train {' '.join(arguments)}\n" + "".join("  " + line + "\n" for line in done.stdout.splitlines()), end="")


def backlog(store, admin):
    items = {item["name"]: item for item in admin.get("/admin/queues").json()["items"]}
    return {name: item["ready"] + item["in_flight"] for name, item in items.items()}


def drain(store, admin):
    """Mail written a second while the backlog of the run is worked off."""
    began, first = time.monotonic(), backlog(store, admin).get("mail", 0)
    left = first
    while left and time.monotonic() - began < 8:
        time.sleep(0.25)
        left = backlog(store, admin).get("mail", 0)
    spent = time.monotonic() - began
    return first, (first - left) / spent if spent > 0.1 else 0


def metric(store, name, labels=""):
    text = requests.get(store.url + "/metrics", timeout=30).text
    return sum(float(m.group(1)) for m in re.finditer(rf"^{name}{re.escape(labels)} ([0-9.e+-]+)$", text, re.M))


def events(store):
    return metric(store, "stream_consumer_events_total", '{result="read"}')


def show(kind, clients, result, nginx=None):
    line = (
        f"{kind:<15}{clients:>4}  {result['per_second']:>9.0f}/s  p50 {result['p50_ms']:>7.3f}  p99 {result['p99_ms']:>8.3f} ms"
        f"  CPU {result['cpu_per_1000']:.4f} s/1000"
    )
    if nginx:
        line += f"   nginx {nginx['per_second']:>7.0f}/s  CPU {nginx['cpu_per_1000']:.4f}"
        line += f"   per CPU-second {nginx['cpu_per_1000'] / result['cpu_per_1000']:.2f} x nginx"
    if result["errors"] or result["refused"]:
        line += f"   ERRORS {result['errors']} refused {result['refused']}: {result['first_error']}"
    print(line, flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--only", default="wine,list,search,suggest,checkout,open,recommend,recommend-large,train,train-large")
    parser.add_argument("--clients", default="1,16,64")
    parser.add_argument("--json")
    options = parser.parse_args()
    kinds = options.only.split(",")
    clients = [int(c) for c in options.clients.split(",")]
    folder = pathlib.Path(tempfile.mkdtemp(prefix="winestore-bench-"))
    figures = {}
    store, nginx = start_store(folder), Nginx(folder)
    pid, port = store.process.pid, int(store.url.rsplit(":", 1)[1])
    try:
        wines = all_wines(store)
        chance = random.Random(5)
        ids = [wine["id"] for wine in wines]
        chance.shuffle(ids)
        time.sleep(3)
        after_import = rss_mb(pid)
        store.stop()
        store.start()
        pid, port = store.process.pid, int(store.url.rsplit(":", 1)[1])
        time.sleep(2)
        print(f"{len(wines)} wines; idle RSS {rss_mb(pid):.1f} MB ({after_import:.1f} MB after the import beside); "
              f"load generator and servers share {os.cpu_count()} cores")
        paths = {
            "wine": [f"/api/v1/wines/{i}" for i in ids],
            "list": lists(wines),
            "search": searches(wines),
            "suggest": suggestions(wines),
        }
        for kind in ("wine", "list", "search", "suggest"):
            if kind not in kinds:
                continue
            own, other = folder / f"{kind}.paths", folder / f"{kind}.files"
            own.write_text("\n".join(paths[kind]) + "\n")
            names = []
            for i, path in enumerate(paths[kind][:300]):
                (folder / "files" / f"{kind}{i}.json").write_bytes(requests.get(store.url + path, timeout=30).content)
                names.append(f"/{kind}{i}.json")
            other.write_text("\n".join(names) + "\n")
            for count in clients:
                ours = load(pid, port, count, options.seconds, "--paths", own)
                theirs = load(nginx.process.pid, nginx.port, count, options.seconds, "--paths", other)
                show(kind, count, ours, theirs)
                figures[f"{kind}/{count}"] = {"store": ours, "nginx": theirs}
        if "checkout" in kinds or "open" in kinds:
            admin = store.admin()
            wine_file, token_file = folder / "wines", folder / "tokens"
            wine_file.write_text("\n".join(ids) + "\n")
            token_file.write_text("\n".join(sessions(store, 256)) + "\n")
            arguments = ("--checkout", "--wines", wine_file, "--tokens", token_file)
        if "checkout" in kinds:
            for count in clients:
                before, began = events(store), time.monotonic()
                result = load(pid, port, count, options.seconds, *arguments)
                during = (events(store) - before) / (time.monotonic() - began)
                show("checkout", count, result)
                print(f"                  steps: cart {result['cart_ms']:.2f}, order {result['order_ms']:.2f}, wait {result['wait_ms']:.2f} ms")
                waiting, rate = drain(store, admin)
                total = events(store) - before
                result |= {"mail_waiting": waiting, "mail_per_second": rate, "events_per_second": during}
                figures[f"checkout/{count}"] = {"store": result}
                print(f"                  mail: {waiting} waited after the run, {rate:.0f}/s since; stream: {during:.0f} events/s during it, {total:.0f} in all; RSS {rss_mb(pid):.1f} MB")
        if "open" in kinds:
            result = load(pid, port, 256, options.seconds * 2, *arguments, "--rate", 1000)
            show("open 1000/s", 256, result)
            figures["open/1000"] = {"store": result}
        if "recommend" in kinds:
            learn(store, ("ratings", "import", x_wines() / "ratings_train.csv"), ("train",))
            figures |= recommend(store, folder, ids, options.seconds)
        store.stop()
        store.start()
        print(f"second start: ready in {store.started_in * 1000:.0f} ms (process start to listening); RSS {rss_mb(store.process.pid):.1f} MB")
        figures["restart_ms"] = store.started_in * 1000
        if "recommend-large" in kinds:
            store.remove()
            store = large_store(folder)
            page = requests.get(store.api + "/wines?limit=100&sort=price", timeout=60).json()
            figures |= recommend(store, folder, [wine["id"] for wine in page["items"]], options.seconds, " 100,000 wines")
        train(kinds)
    finally:
        store.remove()
        nginx.stop()
        shutil.rmtree(folder, ignore_errors=True)
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
