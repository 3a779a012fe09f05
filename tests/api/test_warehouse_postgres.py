"""The whole store with its warehouse in PostgreSQL: what happens arrives there, and the shop sells on
while the server is away."""

import time

import pytest

from postgres import Postgres
from support import eventually, run_program


@pytest.fixture
def server():
    running = Postgres()
    yield running
    running.remove()


def dashboard(admin, days=7):
    return admin.get("/admin/analytics/dashboard", params={"days": days})


def buy(store, wine, quantity):
    shopper = store.shopper()
    assert shopper.put_in_cart(wine["id"], quantity).status_code == 200
    order = shopper.order()
    assert order.status_code == 201, order.text
    settled = shopper.settled(order.json()["id"])
    assert settled["status"] == "confirmed"
    return settled


def view(store, wine):
    events = {"events": [{"type": "activity.viewed", "wine_id": wine["id"]}]}
    assert store.client().post("/events", json=events).status_code == 202


def sold(admin):
    """Orders and amount of today, once the dashboard can be made."""
    answer = dashboard(admin)
    if answer.status_code != 200:
        return None
    today = answer.json()["revenue"][-1]
    return today["orders"], today["amount"]


def metric(store, name):
    text = store.client().get(f"{store.url}/metrics").text
    return sum(float(line.split()[-1]) for line in text.splitlines() if line.startswith(name))


def test_what_happens_arrives_in_postgresql(start_store, server):
    store = start_store(environment={"WAREHOUSE": server.url})
    admin = store.admin()
    wine = store.wine_in_stock(at_least=20)
    view(store, wine)
    order = buy(store, wine, 3)
    expected = (1, order["totals"]["total"])
    eventually(lambda: sold(admin) == expected)
    eventually(lambda: dashboard(admin).json()["funnel"]["views"] == 1)
    assert dashboard(admin).json()["best_sellers"][0]["wine_id"] == wine["id"]
    assert server.query("SELECT order_id, status FROM fact_order") == [[order["id"], "confirmed"]]
    assert not (store.data / "warehouse.db").exists()
    store.stop()
    store.start()
    assert sold(store.admin()) == expected


def test_the_shop_sells_on_without_its_warehouse(start_store, server):
    store = start_store(environment={"WAREHOUSE": server.url})
    admin = store.admin()
    wine = store.wine_in_stock(at_least=20)
    first = buy(store, wine, 1)
    eventually(lambda: sold(admin) == (1, first["totals"]["total"]))

    server.stop()
    second = buy(store, wine, 2)
    view(store, wine)
    assert store.wines(limit=5)
    asked = time.monotonic()
    answer = dashboard(admin)
    assert answer.status_code == 503, answer.text
    assert time.monotonic() - asked < 6
    eventually(lambda: metric(store, "warehouse_unavailable_total") > 0)
    assert store.client().get(f"{store.url}/healthz").status_code == 200

    server.start()
    both = (2, first["totals"]["total"] + second["totals"]["total"])
    eventually(lambda: sold(admin) == both)
    eventually(lambda: dashboard(admin).json()["funnel"]["views"] == 1)
    assert server.query("SELECT COUNT(*), COUNT(DISTINCT order_id) FROM fact_order") == [["2", "2"]]


def test_the_shop_opens_without_its_warehouse(start_store, server):
    server.stop()
    store = start_store(environment={"WAREHOUSE": server.url})
    order = buy(store, store.wine_in_stock(at_least=20), 1)
    server.start()
    admin = store.admin()
    eventually(lambda: sold(admin) == (1, order["totals"]["total"]))


@pytest.mark.parametrize(
    "url", ["mysql://shop:hunter2@localhost/shop", "postgres://shop:hunter2@localhost:port/%zz", "oracle:hunter2"]
)
def test_a_bad_url_is_refused_without_its_password(tmp_path, url):
    done = run_program("serve", "--data", tmp_path / "data", environment={"WAREHOUSE": url, "PORT": "0"})
    assert done.returncode != 0
    assert "warehouse" in done.stderr
    assert "hunter2" not in done.stderr + done.stdout
