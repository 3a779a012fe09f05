"""Ratings from elsewhere, training, lists for a file of shoppers, evaluation, versions: the commands
beside a running store, with X-Wines (or the like of it)."""

import contextlib
import csv
import math
import re
import subprocess
import threading
import time

import pytest

from postgres import Postgres
from support import PROGRAM, Store, eventually, x_wines, x_wines_generated


def learned_store(settings=()):
    """A store with the catalogue and the training period's ratings, and a model of them."""
    store = Store(demo=False, settings=settings)
    folder = x_wines()
    done = store.command("import", folder / "wines.csv", "--stock", "60")
    assert done.returncode == 0, done.stderr
    done = store.command("ratings", "import", folder / "ratings_train.csv")
    assert done.returncode == 0, done.stderr[:2000]
    done = store.command("train")
    assert done.returncode == 0, done.stderr
    return store


@pytest.fixture(scope="module")
def learned():
    store = learned_store()
    yield store
    store.remove()


@pytest.fixture(scope="module", params=["sqlite", "memory", "postgres"])
def learned_anywhere(request):
    """The same from each engine of the warehouse."""
    if request.param == "sqlite":
        yield request.getfixturevalue("learned")
        return
    with contextlib.ExitStack() as after:
        warehouse = "memory:"
        if request.param == "postgres":
            server = Postgres()
            after.callback(server.remove)
            warehouse = server.url
        store = learned_store([f"warehouse={warehouse}"])
        after.callback(store.remove)
        yield store


def rows(name):
    with open(x_wines() / name, newline="") as file:
        return list(csv.DictReader(file))


def metric(store, name):
    for line in store.client().get(store.url + "/metrics").text.splitlines():
        if line.startswith(name + " ") or line.startswith(name + "{"):
            return float(line.rsplit(" ", 1)[1])
    return None


def score(lists, truth):
    """Recall@20 and NDCG@10 as the ratings' README says, over shoppers with a list."""
    recall, ndcg = [], []
    for shopper, wanted in truth.items():
        hits = [wine in wanted for wine in lists[shopper][:20]]
        recall.append(sum(hits) / min(20, len(wanted)))
        gain = sum(1 / math.log2(i + 2) for i, hit in enumerate(hits[:10]) if hit)
        ndcg.append(gain / sum(1 / math.log2(i + 2) for i in range(min(10, len(wanted)))))
    return sum(recall) / len(recall), sum(ndcg) / len(ndcg)


def recommend(store, shoppers, path, *arguments):
    path.write_text("".join(f"{shopper}\n" for shopper in shoppers))
    done = store.command("recommend", "--users", path, *arguments)
    assert done.returncode == 0, done.stderr
    lists = {}
    for line in done.stdout.splitlines():
        shopper, wines = line.split("\t")
        lists[shopper] = wines.split(",")
    return lists, done


# ---------------------------------------------------------------- lists


def test_lists_foretell_what_is_rated_next(learned_anywhere, tmp_path):
    learned = learned_anywhere
    seen, truth = {}, {}
    for row in rows("ratings_train.csv"):
        seen.setdefault(row["UserID"], set()).add(row["WineID"])
    for row in rows("ratings_valid.csv"):
        if row["UserID"] in seen:
            truth.setdefault(row["UserID"], set()).add(row["WineID"])
    lists, done = recommend(learned, truth, tmp_path / "users", "--top", "20")
    assert not done.stderr
    assert set(lists) == set(truth)
    known = {row["WineID"] for row in rows("wines.csv")}
    for shopper, wines in lists.items():
        assert len(wines) == 20 and len(set(wines)) == 20
        assert set(wines) <= known
        assert not set(wines) & seen[shopper]
    popularity = {}
    for row in rows("ratings_train.csv"):
        popularity[row["WineID"]] = popularity.get(row["WineID"], 0) + 1
    ranked = sorted(popularity, key=lambda wine: (-popularity[wine], wine))
    popular = {s: [w for w in ranked if w not in seen[s]][:20] for s in truth}
    recall, ndcg = score(lists, truth)
    popular_recall, popular_ndcg = score(popular, truth)
    assert recall > popular_recall and ndcg > popular_ndcg
    if len(truth) == 5925:  # the real ones
        assert recall >= 0.320 and ndcg >= 0.124
        assert len({wine for wines in lists.values() for wine in wines}) >= 0.4 * len(known)


def test_the_unknown_get_what_is_popular(learned, tmp_path):
    lists, done = recommend(learned, ["nobody-1", "nobody-2"], tmp_path / "users", "--top", "5")
    assert lists["nobody-1"] == lists["nobody-2"] and len(lists["nobody-1"]) == 5
    assert "2 of 2 shoppers are unknown" in done.stderr


def test_lists_as_of_a_moment_know_nothing_newer(learned, tmp_path):
    ratings = sorted(rows("ratings_train.csv"), key=lambda row: row["Date"])
    moment = ratings[len(ratings) // 2]["Date"]
    shopper = ratings[0]["UserID"]
    early = {row["UserID"] for row in ratings if row["Date"] < moment}
    late = next((row["UserID"] for row in ratings if row["UserID"] not in early), "nobody-yet")
    lists, done = recommend(
        learned, [shopper, late], tmp_path / "users", "--as-of", moment.replace(" ", "T") + "Z")
    assert "1 of 2 shoppers are unknown" in done.stderr
    before = {row["WineID"] for row in ratings if row["UserID"] == shopper and row["Date"] < moment}
    after = {row["WineID"] for row in ratings if row["UserID"] == shopper} - before
    assert not set(lists[shopper]) & before
    same, _ = recommend(learned, [shopper, late], tmp_path / "users", "--as-of", moment)
    assert same == lists
    now, _ = recommend(learned, [shopper], tmp_path / "users")
    assert not set(now[shopper]) & (before | after)


@pytest.mark.parametrize(
    "text, arguments, part",
    [
        ("a b\n", [], "line 1 is no shopper's id"),
        ("x\n" + "y" * 27 + "\n", [], "line 2 is no shopper's id"),
        ("x\n", ["--top", "0"], "--top"),
        ("x\n", ["--top", "101"], "--top"),
        ("x\n", ["--top", "many"], "--top"),
        ("x\n", ["--as-of", "yesterday"], "--as-of"),
        ("x\n", ["--as-of", "2020-02-30"], "--as-of"),
    ],
)
def test_a_bad_question_for_lists(learned, tmp_path, text, arguments, part):
    (tmp_path / "users").write_text(text)
    done = learned.command("recommend", "--users", tmp_path / "users", *arguments)
    assert done.returncode == 1 and part in done.stderr, done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_lists_for_a_file_that_is_not_there(learned, tmp_path):
    done = learned.command("recommend", "--users", tmp_path / "nothing")
    assert done.returncode == 1 and "nothing" in done.stderr
    assert learned.command("recommend").returncode == 2


def test_without_a_model_the_remedy_is_named(start_store, tmp_path):
    store = start_store(demo=True)
    (tmp_path / "users").write_text("x\n")
    done = store.command("recommend", "--users", tmp_path / "users")
    assert done.returncode == 1 and "winestore train" in done.stderr
    done = store.command("train")
    assert done.returncode == 1 and "nothing to learn from" in done.stderr
    assert "no model is trained yet" in store.command("models").stdout
    assert store.command("models", "rollback").returncode == 1


# ---------------------------------------------------------------- ratings


def rating_file(path, *lines, header="UserID,WineID,Rating,Vintage,Date"):
    path.write_text("\n".join([header, *lines]) + "\n")
    return path


def test_bad_ratings_keep_the_file_out(learned, tmp_path):
    wine = rows("wines.csv")[0]["WineID"]
    path = rating_file(
        tmp_path / "ratings.csv",
        f"anna,{wine},4.5,2019,2020-08-25 02:29:49",
        f"anna,{wine},0,2019,2020-08-25 02:29:49",
        f"anna,{wine},6,2019,2020-08-25 02:29:49",
        f"anna,{wine},five,2019,2020-08-25 02:29:49",
        f"anna,{wine},4.2,2019,2020-08-25 02:29:49",
        f"anna,{wine},nan,2019,2020-08-25 02:29:49",
        f"anna,999999999,4,2019,2020-08-25 02:29:49",
        f"anna,{wine},4,2019,2999-01-01 00:00:00",
        f"anna,{wine},4,2019,yesterday",
        f"anna,{wine},4,MMXIX,2020-08-25 02:29:49",
        f",{wine},4,2019,2020-08-25 02:29:49",
        f"anna moreau,{wine},4,2019,2020-08-25 02:29:49",
        f"anna,{wine},4",
        f'anna,{wine},4,2019,"2020-08-25',
    )
    done = learned.command("ratings", "import", path)
    assert done.returncode == 1
    told = {int(line): field for line, field in re.findall(r"ratings\.csv:(\d+): (\w+)", done.stderr)}
    assert told == {3: "Rating", 4: "Rating", 5: "Rating", 6: "Rating", 7: "Rating", 8: "WineID", 9: "Date",
                    10: "Date", 11: "Vintage", 12: "UserID", 13: "UserID", 14: "row", 15: told[15]}
    assert "nothing was loaded" in done.stderr and "--keep-good" in done.stderr
    lists, done = recommend(learned, ["anna"], tmp_path / "users")
    assert "1 of 1 shoppers are unknown" in done.stderr
    done = learned.command("ratings", "import", path, "--keep-good")
    assert done.returncode == 1 and "1 ratings" in done.stdout and "13 rejected" in done.stdout
    lists, done = recommend(learned, ["anna"], tmp_path / "users")
    assert not done.stderr and wine not in lists["anna"]


def test_ratings_twice_are_ratings_once(learned_anywhere, tmp_path):
    learned = learned_anywhere
    wines = [row["WineID"] for row in rows("wines.csv")[:6]]
    path = rating_file(
        tmp_path / "ratings.csv", *(f"bella,{wine},4,,2020-08-25 02:29:49" for wine in wines))
    before = int(re.search(r"(\d+) events", learned.command("train").stdout).group(1))
    for _ in range(2):
        assert learned.command("ratings", "import", path).returncode == 0
    after = int(re.search(r"(\d+) events", learned.command("train").stdout).group(1))
    assert after == before + len(wines)


@pytest.mark.parametrize(
    "content, part",
    [
        (b"", "empty"),
        (b"WineID,WineName\n1,x\n", "UserID"),
        (b"UserID,WineID,Rating\n", "Date"),
        (b"\x00\x01\x02\x03", ""),
        (b"UserID,WineID,Rating,Date\na,\xff\xfe,4,2020-01-01\n", "rejected"),
    ],
)
def test_a_file_that_holds_no_ratings(learned, tmp_path, content, part):
    (tmp_path / "ratings.csv").write_bytes(content)
    done = learned.command("ratings", "import", tmp_path / "ratings.csv")
    assert done.returncode == 1
    assert part in done.stderr or "nothing was loaded" in done.stderr, done.stderr
    assert learned.process.poll() is None


def test_ratings_take_a_regular_file_and_that_alone(learned, tmp_path):
    assert learned.command("ratings", "import", tmp_path).returncode == 1
    assert learned.command("ratings", "import").returncode == 2
    assert learned.command("ratings", "export", "x").returncode == 2
    assert learned.command("ratings", "import", tmp_path / "nothing.csv").returncode == 1


# ---------------------------------------------------------------- evaluation and versions


def test_evaluation_stands_beside_the_baselines(learned):
    done = learned.command("evaluate", "--truth", x_wines() / "ratings_valid.csv", timeout=300)
    assert done.returncode == 0, done.stderr
    figures = {}
    for line in done.stdout.splitlines():
        found = re.match(r"(trained, one event|trained|item-kNN|popularity)\s+(0\.\d+)", line)
        if found:
            figures[found.group(1)] = float(found.group(2))
    assert figures["item-kNN"] > figures["popularity"] and figures["trained"] > figures["popularity"]
    if x_wines() != x_wines_generated():  # tastes that never change are item-kNN's
        assert figures["trained"] > figures["item-kNN"]
    assert figures["trained, one event"] > figures["popularity"]
    fresh = re.search(r"new wines\s+(0\.\d+)", done.stdout)
    assert fresh and float(fresh.group(1)) >= 0.5
    version = metric(learned, "recommendation_model_version")
    assert learned.command("evaluate", "--holdout", "2").returncode == 1
    assert metric(learned, "recommendation_model_version") == version  # nothing was kept


def test_versions_are_kept_and_gone_back_to(learned, tmp_path):
    learned.command("train")
    listed = learned.command("models").stdout.splitlines()
    assert listed[0].startswith("*") and len(listed) >= 2
    newest = int(listed[0].split()[1])
    assert metric(learned, "recommendation_model_version") == newest
    done = learned.command("models", "rollback")
    assert done.returncode == 0, done.stderr
    assert metric(learned, "recommendation_model_version") == newest - 1
    assert learned.command("models", "use", str(newest)).returncode == 0
    assert metric(learned, "recommendation_model_version") == newest
    done = learned.command("models", "use", "4711")
    assert done.returncode == 1 and "there is no model 4711" in done.stderr
    assert learned.command("models", "use", "x").returncode == 1
    assert learned.command("models", "forget").returncode == 2


def test_two_trainings_of_the_same_are_the_same_file(learned):
    learned.command("train")
    learned.command("train")
    parts = sorted(learned.data.glob("blobs/models/*/part-000"))[-2:]
    assert len(parts) == 2
    # Type and etag stand behind the bytes; the etag follows from them.
    assert parts[0].read_bytes() == parts[1].read_bytes()


def test_a_broken_model_is_refused_and_the_last_good_one_serves(tmp_path):
    store = Store(demo=False)
    try:
        folder = x_wines()
        store.command("import", folder / "wines.csv", "--stock", "60")
        path = rating_file(
            tmp_path / "ratings.csv",
            *(f"s{i % 9},{row['WineID']},4,,2020-08-25" for i, row in enumerate(rows("wines.csv")[:60])))
        assert store.command("ratings", "import", path).returncode == 0
        assert store.command("train").returncode == 0
        assert store.command("train").returncode == 0
        store.stop()
        part = store.data / "blobs/models/00000002/part-000"
        part.write_bytes(part.read_bytes()[: part.stat().st_size // 2])
        store.start()
        eventually(lambda: metric(store, "recommendation_model_version") == 1)
        assert metric(store, "recommendation_models_refused_total") >= 1
        assert "model 2 is refused" in store.logged()
        answer = store.client().get(store.api + "/recommendations")
        assert answer.status_code == 200 and answer.json()["items"]
    finally:
        store.remove()


def test_one_training_at_a_time(learned):
    results = []
    threads = [threading.Thread(target=lambda: results.append(learned.command("train"))) for _ in range(3)]
    for thread in threads:
        thread.start()
        time.sleep(0.05)
    for thread in threads:
        thread.join()
    assert any(done.returncode == 0 for done in results)
    for done in results:
        assert done.returncode == 0 or "a training is running" in done.stderr


def test_the_store_stops_while_it_trains(tmp_path):
    store = Store(demo=False)
    try:
        folder = x_wines()
        store.command("import", folder / "wines.csv", "--stock", "60")
        store.command("ratings", "import", folder / "ratings_train.csv")
        training = subprocess.Popen(
            [str(PROGRAM), "train", "--data", str(store.data)], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        time.sleep(0.3)
        assert store.stop(timeout=120) == 0
        training.communicate(timeout=60)
        store.start()
        assert store.client().get(store.api + "/recommendations").status_code == 200
    finally:
        store.remove()
