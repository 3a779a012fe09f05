"""The product service over HTTP: finding wines, rating them, the back office, imports and exports."""

import csv
import io
import struct
import threading
import time
import zlib

import pytest
from support import ROOT, assert_problem, run_program, x_wines, x_wines_generated

UNKNOWN = "01J9ZQ4T8M3V5X7Y9A1B2C3D4E"


def get(store, path, **keywords):
    return store.client().get(store.api + path, timeout=30, **keywords)


def wait_until(check, seconds=90):
    deadline = time.monotonic() + seconds
    while not (found := check()) and time.monotonic() < deadline:
        time.sleep(0.02)
    return found


@pytest.fixture(scope="module")
def admin(store):
    return store.admin()


@pytest.fixture
def new_wine(admin):
    """Adds a wine; returns it as the back office sees it."""
    count = iter(range(1000))

    def add(**fields):
        wine = {
            "name": f"Les Genêts {time.monotonic_ns()}-{next(count)}",
            "winery": "Maison Tournebise",
            "type": "White",
            "country": "France",
            "region": "Loire",
            "grapes": ["Chenin Blanc"],
            "vintage": 2021,
            "bottle_ml": 750,
            "abv": 12.5,
            "price": {"amount": 2450, "currency": "EUR"},
            "stock": 60,
            **fields,
        }
        answer = admin.post("/admin/wines", json=wine)
        assert answer.status_code == 201, answer.text
        return answer.json()

    return add


# ---- finding


def test_list_has_facets_that_add_up(store):
    page = get(store, "/wines", params={"limit": 100}).json()
    assert page["total"] >= 100
    assert sum(value["count"] for value in page["facets"]["type"]) == page["total"]
    reds = get(store, "/wines", params={"type": "Red"}).json()
    assert {item["type"] for item in reds["items"]} == {"Red"}
    # A facet ignores its own filter, others do not.
    assert len(reds["facets"]["type"]) == len(page["facets"]["type"])
    assert sum(value["count"] for value in reds["facets"]["type"]) == page["total"]
    counted = {value["value"]: value["count"] for value in reds["facets"]["country"]}
    for country, count in list(counted.items())[:5]:
        both = get(store, "/wines", params={"type": "Red", "country": country}).json()
        assert both["total"] == count


@pytest.mark.parametrize("sort", ["relevance", "price", "-price", "rating", "newest", "name"])
def test_paging_shows_each_group_once(store, sort):
    seen, cursor, total = [], None, None
    while True:
        params = {"sort": sort, "limit": 37, **({"cursor": cursor} if cursor else {})}
        page = get(store, "/wines", params=params).json()
        total = page["total"]
        seen += [item["group_id"] for item in page["items"]]
        cursor = page["next_cursor"]
        if not cursor:
            break
    assert len(seen) == len(set(seen)) == total


def test_prices_bound_and_sort(store):
    page = get(store, "/wines", params={"min_price": 1000, "max_price": 2000, "sort": "price"}).json()
    amounts = [item["price"]["amount"] for item in page["items"]]
    assert amounts and amounts == sorted(amounts) and 1000 <= amounts[0] and amounts[-1] <= 2000


@pytest.mark.parametrize(
    "query, status, code, field",
    [
        ("limit=0", 422, "invalid_field", "limit"),
        ("limit=two", 400, "malformed_parameter", "limit"),
        ("sort=cheap", 422, "invalid_field", "sort"),
        ("type=Orange", 422, "invalid_field", "type"),
        ("vintage=old", 422, "invalid_field", "vintage"),
        ("max_price=1&min_price=2", 422, "invalid_field", "max_price"),
        ("in_stock=perhaps", 400, "malformed_parameter", "in_stock"),
        ("cursor=AAAA", 400, "malformed_parameter", "cursor"),
        ("q=" + "a" * 201, 422, "invalid_field", "q"),
        ("&".join(f"country=c{i}" for i in range(21)), 422, "invalid_field", "country"),
    ],
)
def test_bad_queries_name_the_parameter(store, query, status, code, field):
    assert_problem(get(store, "/wines?" + query), status, code, field)


@pytest.mark.parametrize("q", ['"', "(", "*", "a OR b", "-x", "\\", ">=", "~~", "a:b", "%", "'; --", "日本", "𝔸"])
def test_search_syntax_is_text(store, q):
    assert get(store, "/wines", params={"q": q}).status_code == 200
    assert get(store, "/wines/suggest", params={"q": q}).status_code == 200


def test_a_wine_is_revalidated_until_it_changes(store, new_wine, admin):
    wine = new_wine()
    first = get(store, f"/wines/{wine['id']}")
    assert first.headers["Cache-Control"] == "no-cache"
    tag = {"If-None-Match": first.headers["ETag"]}
    again = get(store, f"/wines/{wine['id']}", headers=tag)
    assert again.status_code == 304 and not again.content
    admin.post(f"/admin/wines/{wine['id']}/stock", json={"change": 1, "reason": "found"})
    assert get(store, f"/wines/{wine['id']}", headers=tag).json()["available"] == 61


def test_unknown_wines_are_404(store):
    for id in (UNKNOWN, "1", "%00", "x" * 300):
        assert get(store, f"/wines/{id}").status_code in (400, 404)
    assert_problem(get(store, f"/wines/{UNKNOWN}"), 404, "not_found")
    assert_problem(get(store, f"/wines/{UNKNOWN}/ratings"), 404, "not_found")


# ---- freshness


def test_a_change_is_found_within_a_second(store, new_wine, admin):
    word = f"zyx{time.monotonic_ns()}"
    wine = new_wine(name=f"Cuvée {word}")

    def found(word):
        return get(store, "/wines", params={"q": word}).json()["total"]

    assert wait_until(lambda: found(word) == 1)
    other = f"wvu{time.monotonic_ns()}"
    body = {key: wine[key] for key in ("name", "winery", "type", "country", "region", "bottle_ml", "abv", "price")}
    answer = admin.put(
        f"/admin/wines/{wine['id']}", json={**body, "name": f"Cuvée {other}"}, headers={"If-Match": '"1"'}
    )
    assert answer.status_code == 200 and answer.headers["ETag"] == '"2"'
    assert wait_until(lambda: found(other) == 1)
    assert found(word) == 0
    assert admin.delete(f"/admin/wines/{wine['id']}", headers={"If-Match": '"2"'}).status_code == 204
    assert wait_until(lambda: found(other) == 0)
    assert_problem(get(store, f"/wines/{wine['id']}"), 410, "withdrawn")


def test_a_sold_out_wine_is_found_sold_out(store, new_wine):
    word = f"tsr{time.monotonic_ns()}"
    wine = new_wine(name=f"Cuvée {word}", stock=2)
    assert wait_until(lambda: get(store, "/wines", params={"q": word, "in_stock": "true"}).json()["total"])
    shopper = store.shopper()
    assert shopper.put_in_cart(wine["id"], 2).status_code == 200
    order = shopper.order()
    assert order.status_code == 201, order.text
    assert shopper.settled(order.json()["id"])["status"] == "confirmed"
    assert wait_until(
        lambda: get(store, "/wines", params={"q": word, "in_stock": "true"}).json()["total"] == 0
    )
    assert get(store, f"/wines/{wine['id']}").json()["available"] == 0


# ---- ratings


def test_ratings_show_a_first_name_and_replace_each_other(store, new_wine):
    wine = new_wine()
    path = f"/wines/{wine['id']}/ratings"
    assert_problem(store.client().post(store.api + path, json={"stars": 4}, timeout=30), 401, "unauthenticated")
    ada = store.shopper(name="Ada Moreau")
    for stars in (0, 5.5, 4.2, "five", None):
        assert_problem(ada.post(path, json={"stars": stars}), 422, "invalid_field", "stars")
    assert ada.post(path, json={"stars": 2}).status_code == 201
    given = ada.post(path, json={"stars": 4.5, "note": "<b>Sour</b> cherry"})
    assert given.status_code == 201
    assert given.json()["author"] == "Ada"
    bob = store.shopper(name="Bob")
    bob.post(path, json={"stars": 4})
    page = get(store, path).json()
    assert page["count"] == 2 and page["mean"] == 4.25
    assert [(item["author"], item["stars"]) for item in page["items"]] == [("Bob", 4), ("Ada", 4.5)]
    assert get(store, f"/wines/{wine['id']}").json()["rating"] == {"mean": 4.25, "count": 2}
    assert len(ada.get("/me/export").json()["ratings"]) == 1


def test_an_erased_shoppers_notes_are_gone_and_the_stars_stay(store, new_wine):
    wine = new_wine()
    path = f"/wines/{wine['id']}/ratings"
    secret = f"secret{time.monotonic_ns()}"
    shopper = store.shopper(name="Ada Moreau")
    assert shopper.post(path, json={"stars": 3, "note": f"{secret} at first"}).status_code == 201
    assert shopper.post(path, json={"stars": 4, "note": f"{secret} " * 60}).status_code == 201
    assert shopper.delete("/me", json={"password": shopper.password}).status_code == 204
    assert wait_until(lambda: get(store, path).json()["items"][0]["note"] is None)
    page = get(store, path).json()
    assert [(item["stars"], item["author"]) for item in page["items"]] == [(4, "A shopper")]
    assert page["mean"] == 4 and page["count"] == 1

    def holding():
        return [file for file in store.data.rglob("*") if file.is_file() and secret.encode() in file.read_bytes()]

    assert wait_until(lambda: not holding()), holding()


# ---- the back office


def test_the_back_office_is_closed_to_shoppers(store):
    assert_problem(get(store, "/admin/wines"), 401, "unauthenticated")
    shopper = store.shopper()
    assert_problem(shopper.get("/admin/wines"), 403, "forbidden")
    assert_problem(shopper.post(f"/admin/wines/{UNKNOWN}/stock", json={"change": 1, "reason": "x"}), 403, "forbidden")


def test_stock_cannot_be_taken_from_orders(store, new_wine, admin):
    wine = new_wine(stock=5)
    shopper = store.shopper()
    shopper.put_in_cart(wine["id"], 2)
    assert shopper.settled(shopper.order().json()["id"])["status"] == "confirmed"
    stock = admin.post(f"/admin/wines/{wine['id']}/stock", json={"change": -1, "reason": "broken"}).json()
    assert (stock["on_hand"], stock["available"], stock["reserved"]) == (4, 2, 2)
    refused = admin.post(f"/admin/wines/{wine['id']}/stock", json={"change": -3, "reason": "broken"})
    assert_problem(refused, 409, "out_of_stock")


def test_two_editors_do_not_overwrite_each_other(store, new_wine, admin):
    wine = new_wine()
    body = {key: wine[key] for key in ("name", "winery", "type", "country", "region", "bottle_ml", "abv", "price")}
    answers = []

    def edit(name):
        client = store.admin()
        answers.append(
            client.put(
                f"/admin/wines/{wine['id']}", json={**body, "name": name}, headers={"If-Match": '"1"'}
            ).status_code
        )

    threads = [threading.Thread(target=edit, args=(f"Name {i}",)) for i in range(4)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert sorted(answers) == [200, 409, 409, 409]
    assert_problem(admin.put(f"/admin/wines/{wine['id']}", json=body), 400, "malformed_header", "If-Match")


def png(width, height):
    def chunk(kind, data):
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = zlib.compress(b"".join(b"\0" + b"\x80\x10\x30" * width for _ in range(height)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def test_what_is_no_picture_is_refused(store, new_wine, admin):
    path = f"/admin/wines/{new_wine()['id']}/images"
    jpeg = {"Content-Type": "image/jpeg"}
    assert_problem(admin.post(path, data=b"GIF89a", headers={"Content-Type": "image/gif"}), 415)
    assert_problem(admin.post(path, data=b"<svg/>", headers=jpeg), 422, "invalid_image")
    assert_problem(admin.post(path, data=b"", headers=jpeg), 422, "invalid_image")
    bomb = bytearray(png(1, 1))
    bomb[16:24] = struct.pack(">II", 60000, 60000)
    assert_problem(admin.post(path, data=bytes(bomb), headers={"Content-Type": "image/png"}), 422, "invalid_image")
    assert_problem(admin.post(path, data=png(2, 2) + b"\0" * (10 << 20), headers={"Content-Type": "image/png"}), 413)
    unknown = admin.post(f"/admin/wines/{UNKNOWN}/images", data=png(2, 2), headers={"Content-Type": "image/png"})
    assert_problem(unknown, 404, "not_found")


def test_a_picture_becomes_three_sizes(store, new_wine, admin):
    wine = new_wine()
    path = f"/admin/wines/{wine['id']}/images"
    tag = {"If-None-Match": get(store, f"/wines/{wine['id']}").headers["ETag"]}
    kept = admin.post(path, data=png(1200, 1600), headers={"Content-Type": "image/png"})
    assert kept.status_code == 202 and kept.json()["status"] == "pending"
    shown = wait_until(lambda: get(store, f"/wines/{wine['id']}").json()["images"])
    widths = [image["width"] for image in shown]
    assert len(shown) == 3 and widths == sorted(widths)
    for image in shown:
        answer = store.client().get(store.url + image["url"], timeout=30)
        assert answer.status_code == 200 and answer.content[8:12] == b"WEBP"
    assert get(store, f"/wines/{wine['id']}", headers=tag).status_code == 200
    uploads = admin.get(f"/admin/wines/{wine['id']}").json()["uploads"]
    assert uploads[0]["id"] == kept.json()["id"] and uploads[0]["status"] == "done"
    # The head of a picture, and nothing behind it.
    admin.post(path, data=png(1200, 1600)[:60], headers={"Content-Type": "image/png"})
    failed = wait_until(
        lambda: (found := admin.get(f"/admin/wines/{wine['id']}").json()["uploads"])[0]["status"] == "failed" and found[0],
        seconds=90,
    )
    assert failed and failed["reason"]
    assert get(store, f"/wines/{wine['id']}").json()["images"] == shown
    assert admin.delete(path).status_code == 204
    assert get(store, f"/wines/{wine['id']}").json()["images"] == []


# ---- the catalogue file


def rows(text):
    return list(csv.DictReader(io.StringIO(text)))


def test_export_comes_back_as_it_was(start_store, tmp_path):
    store = start_store()
    path = tmp_path / "out.csv"
    exported = store.command("export")
    assert exported.returncode == 0, exported.stderr
    text = exported.stdout
    assert len(rows(text)) == 225
    path.write_text(text)
    again = store.command("import", path)
    assert again.returncode == 0, again.stderr
    assert "0 new, 0 changed, 225 as before" in again.stdout
    assert store.command("export").stdout == text
    given = {row["sku"]: row for row in rows((ROOT / "demo" / "catalogue.csv").read_text())}
    for row in rows(text):
        for name, value in given[row["sku"]].items():
            if name not in ("price", "abv", "sugar_g_l", "group"):
                assert row[name] == value, (row["sku"], name)


def test_bad_rows_are_reported_and_keep_the_file_out(start_store, tmp_path):
    store = start_store(demo=False)
    path = tmp_path / "bad.csv"
    header = "sku,name,winery,type,country,region,abv,price,stock\n"
    path.write_bytes(
        header.encode()
        + b"a,A,W,Red,France,Loire,13,9.50,6\n"
        + b"b,B,W,Orange,France,Loire,13,9.50,6\n"
        + b"c,C,W,Red,France,Loire,13,9.505,6\n"
        + b"d,D\xff,W,Red,France,Loire,13,9.50,6\n"
        + b"e,E\x00,W,Red,France,Loire,13,9.50,6\n"
        + b"a,A,W,Red,France,Loire,13,9.50,6\n"
        + b'f,"F,W,Red,France,Loire,13,9.50,6\n'
    )
    refused = store.command("import", path)
    assert refused.returncode != 0
    for line, field in ((3, "type"), (4, "price"), (5, ""), (6, ""), (7, "sku"), (8, "")):
        assert f"bad.csv:{line}:" in refused.stderr and field in refused.stderr
    assert get(store, "/wines").json()["total"] == 0
    kept = store.command("import", path, "--keep-good")
    assert "1 new" in kept.stdout and "6 rejected" in kept.stdout
    assert wait_until(lambda: get(store, "/wines").json()["total"] == 1)
    for text in ("", "sku\n", "sku,name,colour\n"):
        path.write_text(text)
        assert store.command("import", path).returncode != 0
    assert store.command("import", tmp_path / "nowhere.csv").returncode != 0


@pytest.mark.parametrize("find", [x_wines, x_wines_generated])
def test_x_wines_loads_by_its_header(start_store, find):
    wines = find() / "wines.csv"
    store = start_store(demo=False)
    loaded = store.command("import", wines, "--stock", "24", "--price-min", "7", "--price-max", "70")
    assert loaded.returncode == 0, loaded.stderr
    assert "1007 new" in loaded.stdout
    page = get(store, "/wines", params={"sort": "price"}).json()
    assert page["total"] == 1007
    assert page["facets"]["price"]["min"] >= 700 and page["facets"]["price"]["max"] <= 7000
    again = store.command("import", wines, "--stock", "24", "--price-min", "7", "--price-max", "70")
    assert "0 new, 0 changed, 1007 as before" in again.stdout


def test_a_killed_import_leaves_all_or_nothing(start_store, tmp_path):
    store = start_store(demo=False)
    path = tmp_path / "many.csv"
    count = 20000
    with path.open("w") as file:
        file.write("sku,name,winery,type,country,region,abv,price,stock\n")
        for i in range(count):
            file.write(f"s{i},Name {i},Winery {i % 97},Red,France,Loire,13,9.50,6\n")
    totals = set()
    for delay in (0.15, 0.3, 0.5, 0.8):
        loader = threading.Thread(target=store.command, args=("import", path))
        loader.start()
        time.sleep(delay)
        store.kill()
        loader.join()
        store.start()
        totals.add(len(rows(store.command("export").stdout)))
    assert totals <= {0, count}
    assert store.command("import", path).returncode == 0
    assert wait_until(lambda: get(store, "/wines").json().get("total") == count)


def test_the_index_is_rebuilt_after_a_kill(start_store):
    store = start_store()
    total = get(store, "/wines").json()["total"]
    store.kill()
    store.start()
    # Wines are served at once; lists and texts come back on their own.
    wine = wait_until(lambda: get(store, "/wines").json().get("items"))[0]
    assert get(store, f"/wines/{wine['id']}").status_code == 200

    def searched():
        answer = get(store, "/wines", params={"q": "pinot"})
        if answer.status_code == 503:
            assert_problem(answer, 503, "search_rebuilding")
            assert int(answer.headers["Retry-After"]) >= 1
        return answer.status_code == 200 and answer.json()["total"]

    assert wait_until(searched)
    assert get(store, "/wines").json()["total"] == total
    assert store.stop() == 0
    store.start()
    assert get(store, "/wines", params={"q": "pinot"}).status_code == 200


def test_import_help_is_there():
    assert "import" in run_program("import", "--help").stdout + run_program("import", "--help").stderr
