"""Buying over HTTP: cart, order, waiting, events, cancelling, the back office's part."""

import json
import secrets
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from support import CALIFORNIA, assert_problem, eventually

GERMANY = {
    "name": "Ada Moreau",
    "line1": "Am Weinberg 1",
    "city": "Bonn",
    "postal_code": "53111",
    "country": "DE",
}


@pytest.fixture(scope="module")
def shopper(store):
    return store.shopper()


@pytest.fixture(scope="module")
def admin(store):
    return store.admin()


@pytest.fixture(scope="module")
def wine(store):
    return store.wine_in_stock(60)


def available(store, wine):
    return store.client().get(f"{store.api}/wines/{wine['id']}", timeout=30).json()["available"]


def wait_for(condition, seconds=90):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.02)
    return False


def bought(client, wine, quantity=1, **fields):
    assert client.put_in_cart(wine["id"], quantity).status_code == 200
    answer = client.order(**fields)
    assert answer.status_code == 201, answer.text
    return answer.json()


def wine_input(price=1850):
    tag = secrets.token_hex(4)
    return {
        "sku": f"test-{tag}",
        "name": f"Testling {tag}",
        "winery": "Weingut Probe",
        "type": "Red",
        "country": "Germany",
        "region": "Ahr",
        "grapes": ["Pinot Noir"],
        "pairings": [],
        "vintage": 2021,
        "bottle_ml": 750,
        "abv": 13.0,
        "body": "medium",
        "acidity": "medium",
        "price": {"amount": price, "currency": "EUR"},
    }


def add_wine(admin, stock=10, **fields):
    answer = admin.post("/admin/wines", json={**wine_input(), "stock": stock, **fields})
    assert answer.status_code == 201, answer.text
    return answer.json()


# ---- the whole way


def test_a_purchase(store, shopper, wine):
    before = available(store, wine)
    cart = shopper.put_in_cart(wine["id"], 2).json()
    assert cart["items"][0]["quantity"] == 2
    assert cart["totals"]["total"] == 2 * wine["price"]["amount"]
    placed = shopper.order(address=GERMANY)
    assert placed.status_code == 201
    order = placed.json()
    assert placed.headers["Location"] == f"/api/v1/orders/{order['id']}"
    assert order["status"] == "pending" and order["version"] == 1
    assert shopper.get("/cart").json()["items"] == []
    settled = shopper.settled(order["id"])
    assert settled["status"] == "confirmed"
    assert settled["payment"] == {"method": "test", "status": "authorized"}
    assert settled["shipping_address"]["city"] == "Bonn"
    assert settled["email"] == shopper.email
    assert [step["status"] for step in settled["history"]] == ["pending", "confirmed"]
    totals = settled["totals"]
    assert totals["total"] == totals["subtotal"] + totals["shipping"]  # the tax is in the prices
    assert available(store, wine) == before - 2
    assert order["id"] in [item["id"] for item in shopper.get("/orders").json()["items"]]


def test_orders_are_counted(store, shopper, wine):
    shopper.settled(bought(shopper, wine)["id"])
    text = store.client().get(store.url + "/metrics", timeout=30).text
    for metric in ('orders_total{status="confirmed"}', 'order_messages_total{result="confirmed"}'):
        assert float(text.split(f"winestore_{metric} ")[1].split()[0]) >= 1
    assert "winestore_order_decision_seconds_bucket" in text


def test_the_mail_arrives(store, wine):
    client = store.shopper()
    order = client.settled(bought(client, wine)["id"])
    assert wait_for(lambda: any(order["number"].encode() in mail for mail in store.mails()))


def test_a_guest_buys(store, wine):
    guest = store.client()
    assert guest.get("/cart").json()["items"] == []
    assert not guest.cookies
    assert guest.put_in_cart(wine["id"], 1).status_code == 200
    assert "winestore_guest" in guest.cookies
    problem = assert_problem(guest.order(), 422, "invalid_field", "email")
    assert "birth_date" in [error["field"] for error in problem["errors"]]
    order = guest.order(email="guest@example.com", birth_date="1980-02-29").json()
    assert guest.settled(order["id"])["status"] == "confirmed"
    assert store.client().get(f"/orders/{order['id']}").status_code == 401


def test_a_guests_cart_and_orders_go_along_at_sign_in(store, wine):
    client = store.shopper()
    client.delete("/session")
    client.cookies.clear()
    client.put_in_cart(wine["id"], 1)
    order = client.order(email="guest@example.com", birth_date="1980-02-29").json()
    client.settled(order["id"])
    client.put_in_cart(wine["id"], 3)
    client.sign_in()
    assert client.get("/cart").json()["items"][0]["quantity"] == 3
    found = client.get(f"/orders/{order['id']}")
    assert found.status_code == 200
    assert found.json()["shipping_address"]["city"] == CALIFORNIA["city"]


def test_declined(store, admin):
    wine = add_wine(admin)
    client = store.shopper()
    order = client.settled(bought(client, wine, 2, token="declined")["id"])
    assert (order["status"], order["reason"]) == ("rejected", "payment_declined")
    assert client.get("/cart").json()["items"][0]["quantity"] == 2
    assert wait_for(lambda: available(store, wine) == 10)


def test_stock_is_never_sold_twice(store, admin):
    wine = add_wine(admin, stock=50)

    def buy(number):
        client = store.client()
        put = client.put_in_cart(wine["id"], 1)
        if put.status_code == 409:
            return put.json()["code"]
        order = client.order(address=GERMANY, email=f"b{number}@example.com", birth_date="1980-01-01")
        if order.status_code == 409:
            return order.json()["code"]
        assert order.status_code == 201, order.text
        settled = client.settled(order.json()["id"])
        return settled["reason"] or settled["status"]

    with ThreadPoolExecutor(64) as pool:
        results = list(pool.map(buy, range(200)))
    assert sorted(set(results)) == ["confirmed", "out_of_stock"]
    assert results.count("confirmed") == 50
    assert available(store, wine) == 0


# ---- keys


def test_the_same_key_answers_the_same_order(shopper, wine):
    key = secrets.token_hex(8)
    order = bought(shopper, wine, key=key)
    again = shopper.order(key=key)
    assert again.status_code == 201
    assert again.json()["id"] == order["id"]
    assert again.headers["Idempotency-Replayed"] == "true"
    assert_problem(shopper.order(key=key, address=GERMANY), 422, "idempotency_mismatch")
    shopper.settled(order["id"])


def test_the_same_request_at_once_makes_one_order(store, wine):
    client = store.shopper()
    client.put_in_cart(wine["id"], 1)
    key = secrets.token_hex(8)
    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda _: client.order(key=key), range(12)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert len(client.get("/orders").json()["items"]) == 1


@pytest.mark.parametrize("key", ["", "with space", "x" * 256, "ü"])
def test_a_key_that_is_none(shopper, key):
    answer = shopper.post("/orders", headers={"Idempotency-Key": key.encode("utf-8")}, json={})
    assert_problem(answer, 400, "malformed_header", "Idempotency-Key")


# ---- bad input


@pytest.mark.parametrize("quantity", [0, -1, 10**9, 1.5, "two", None, True, [1], {}])
def test_a_quantity_that_is_none(shopper, wine, quantity):
    answer = shopper.put(f"/cart/items/{wine['id']}", json={"quantity": quantity})
    assert_problem(answer, 422, "invalid_field", "quantity")


@pytest.mark.parametrize(
    "body",
    [
        b'{"quantity":1',
        b'{"quantity":1,"quantity":2}',
        b'{"quantity":1} trailing',
        b"[" * 100_000,
        b'{"quantity":1,"x":"\xff\xfe"}',
        b'{"quantity":1,"x":"\x00"}',
        b"",
    ],
)
def test_json_that_is_none(shopper, wine, body):
    answer = shopper.put(f"/cart/items/{wine['id']}", data=body, headers={"Content-Type": "application/json"})
    assert_problem(answer, 413 if len(body) > 65536 else 400)


def test_another_content_type(shopper, wine):
    answer = shopper.put(f"/cart/items/{wine['id']}", data="quantity=1", headers={"Content-Type": "text/plain"})
    assert_problem(answer, 415, "unsupported_media_type")


def test_a_wine_nobody_knows(shopper):
    assert_problem(shopper.put_in_cart("01J9ZQ4T8M3V5X7Y9A1B2C3D4E"), 404, "not_found")
    assert_problem(shopper.put_in_cart("nonsense"), 404, "not_found")


def test_more_than_there_are(shopper, admin):
    wine = add_wine(admin, stock=3)
    problem = assert_problem(shopper.put_in_cart(wine["id"], 4), 409, "out_of_stock", "quantity")
    assert problem["errors"][0]["available"] == 3


def test_a_withdrawn_wine(store, admin):
    wine = add_wine(admin)
    client = store.shopper()
    client.put_in_cart(wine["id"], 1)
    assert admin.delete(f"/admin/wines/{wine['id']}", headers={"If-Match": f'"{wine["version"]}"'}).status_code in (200, 204)
    assert_problem(client.put_in_cart(wine["id"], 2), 410, "withdrawn")
    problem = assert_problem(client.order(), 409, "out_of_stock", wine["id"])
    assert problem["errors"][0]["available"] == 0
    assert_problem(client.order(), 409, "cart_empty")


def test_a_price_that_changed(store, admin):
    input = wine_input(price=1850)
    wine = add_wine(admin, **input)
    client = store.shopper()
    client.put_in_cart(wine["id"], 2)
    changed = admin.put(
        f"/admin/wines/{wine['id']}",
        json={**input, "price": {"amount": 2000, "currency": "EUR"}},
        headers={"If-Match": f'"{wine["version"]}"'},
    )
    assert changed.status_code == 200, changed.text
    item = client.get("/cart").json()["items"][0]
    assert item["price_changed"] and item["unit_price"] == 2000
    assert_problem(client.order(address=GERMANY), 409, "price_changed", wine["id"])
    assert not client.get("/cart").json()["items"][0]["price_changed"]
    order = client.order(address=GERMANY)
    assert order.status_code == 201
    assert order.json()["totals"]["subtotal"] == 4000


def test_a_cart_of_forty_lines(store):
    client = store.shopper()
    wines = store.wines(in_stock="true", limit=100)[:41]
    for wine in wines[:40]:
        assert client.put_in_cart(wine["id"]).status_code == 200
    if len(wines) > 40:
        assert_problem(client.put_in_cart(wines[40]["id"]), 422, "cart_full")
    assert client.delete(f"/cart/items/{wines[0]['id']}").status_code == 200
    assert len(client.get("/cart").json()["items"]) == 39


def test_where_we_do_not_ship(shopper, wine):
    shopper.put_in_cart(wine["id"], 1)
    sweden = {**GERMANY, "country": "SE"}
    assert_problem(shopper.order(address=sweden), 422, "destination_not_served", "shipping_address.country")
    new_york = {**CALIFORNIA, "region": "NY"}
    assert_problem(shopper.order(address=new_york), 422, "destination_not_served", "shipping_address.region")
    problem = assert_problem(shopper.order(address={"country": "Germany"}), 422, "invalid_field")
    fields = {error["field"] for error in problem["errors"]}
    assert {"shipping_address.name", "shipping_address.line1", "shipping_address.country"} <= fields


def test_a_minor(store, wine):
    young = store.shopper(birth_date=f"{time.gmtime().tm_year - 20}-01-01")
    young.put_in_cart(wine["id"], 1)
    assert_problem(young.order(address=CALIFORNIA), 422, "underage", "birth_date")
    assert young.order(address=GERMANY).status_code == 201


def test_totals_by_destination(shopper, wine):
    shopper.put_in_cart(wine["id"], 2)
    cart = shopper.get("/cart", params={"country": "US", "region": "CA"}).json()
    totals = cart["totals"]
    assert totals["total"] == totals["subtotal"] + totals["shipping"] + totals["tax"]
    assert cart["destination"]["min_age"] == 21
    assert [charge["kind"] for charge in cart["charges"]] == ["shipping", "tax"]
    assert shopper.get("/cart").json()["totals"]["shipping"] is None
    places = shopper.get("/destinations").json()["items"]
    assert {"DE", "FR", "US"} <= {place["country"] for place in places}


def test_another_shoppers_order(store, shopper, wine):
    order = bought(shopper, wine)
    other = store.shopper()
    for path in ("", "?wait=1", "/events"):
        assert_problem(other.get(f"/orders/{order['id']}{path}"), 404, "not_found")
    assert_problem(other.post(f"/orders/{order['id']}/cancel"), 404, "not_found")
    assert_problem(store.client().get(f"/orders/{order['id']}"), 401, "unauthenticated")
    shopper.settled(order["id"])


def test_an_expired_session(store, wine):
    client = store.client()
    client.headers["Authorization"] = "Bearer " + secrets.token_urlsafe(32)
    assert_problem(client.put_in_cart(wine["id"]), 401, "unauthenticated")
    assert_problem(client.order(), 401, "unauthenticated")


@pytest.mark.parametrize("wait, status", [("x", 400), ("1.5", 400), ("-1", 422), ("26", 422)])
def test_a_wait_that_is_none(shopper, wait, status):
    answer = shopper.get("/orders/01J9ZQ4T8M3V5X7Y9A1B2C3D4E", params={"wait": wait})
    assert_problem(answer, status, field="wait")


# ---- live


def events(client, order_id, into, **headers):
    with client.get(f"/orders/{order_id}/events", stream=True, headers=headers, timeout=20) as answer:
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        into.append(("open", None))
        event = {}
        for line in answer.iter_lines(decode_unicode=True):
            if line.startswith("data: "):
                event["data"] = json.loads(line[6:])
            elif line.startswith("id: "):
                event["id"] = line[4:]
            elif not line and event:
                into.append((event["id"], event["data"]))
                event = {}


def test_an_order_is_followed_live(store, shopper, admin, wine):
    order = shopper.settled(bought(shopper, wine)["id"])
    seen = []
    follower = threading.Thread(target=events, args=(shopper, order["id"], seen))
    follower.start()
    assert wait_for(lambda: len(seen) >= 2)
    path, version = f"/admin/orders/{order['id']}/status", order["version"]
    for status in ("shipped", "delivered"):
        changed = admin.post(path, json={"status": status, "version": version})
        assert changed.status_code == 200, changed.text
        version = changed.json()["version"]
    follower.join(10)
    assert not follower.is_alive()
    told = [data for _, data in seen[1:]]
    assert [event["status"] for event in told] == ["confirmed", "shipped", "delivered"]
    assert all(id == str(data["version"]) for id, data in seen[1:])
    # Who reconnects is told only what is new.
    again = []
    events(shopper, order["id"], again, **{"Last-Event-ID": str(version)})
    assert again == [("open", None)]


def test_waiting_answers_when_it_is_decided(store, shopper, wine):
    began = time.monotonic()
    order = bought(shopper, wine)
    assert shopper.get(f"/orders/{order['id']}", params={"wait": 20}).json()["status"] == "confirmed"
    assert time.monotonic() - began < 19, "it answered when the wait was over"
    assert shopper.get(f"/orders/{order['id']}", params={"wait": 20}).json()["status"] == "confirmed"


def test_an_engine_that_is_away_is_asked_again(store, wine):
    client = store.shopper()
    order = bought(client, wine, token="unavailable")
    assert client.settled(order["id"])["status"] == "confirmed"


# ---- after the order


def test_cancel(store, admin):
    wine = add_wine(admin)
    client = store.shopper()
    order = client.settled(bought(client, wine, 4)["id"])
    assert available(store, wine) == 6
    cancelled = client.post(f"/orders/{order['id']}/cancel")
    assert cancelled.status_code == 200
    assert cancelled.json()["status"] == "cancelled"
    assert cancelled.json()["payment"]["status"] == "voided"
    assert client.post(f"/orders/{order['id']}/cancel", json={}).status_code == 200
    assert wait_for(lambda: available(store, wine) == 10)


def test_the_back_office_sees_an_order_through(store, admin):
    wine = add_wine(admin)
    client = store.shopper()
    order = client.settled(bought(client, wine, 2)["id"])
    path = f"/admin/orders/{order['id']}"
    change = lambda status, version: admin.post(path + "/status", json={"status": status, "version": version})  # noqa: E731
    assert_problem(client.post(path + "/status", json={}), 403, "forbidden")
    assert_problem(store.client().post(path + "/status", json={}), 401, "unauthenticated")
    assert_problem(change("delivered", order["version"]), 409, "invalid_transition")
    assert_problem(change("shipped", 99), 409, "version_conflict")
    assert_problem(change("lost", order["version"]), 422, "invalid_field", "status")
    shipped = change("shipped", order["version"]).json()
    assert shipped["payment"]["status"] == "captured"
    assert shipped["user_id"] == client.user["id"]
    assert_problem(client.post(f"/orders/{order['id']}/cancel"), 409, "not_cancellable")
    assert_problem(admin.post(path + "/refund", json={"version": 1}), 409, "version_conflict")
    refunded = admin.post(path + "/refund", json={"version": shipped["version"]}).json()
    assert refunded["payment"]["status"] == "refunded"
    again = admin.post(path + "/refund", json={"version": refunded["version"]})
    assert_problem(again, 409, "not_refundable")
    returned = change("returned", refunded["version"])
    assert returned.status_code == 200, returned.text
    assert wait_for(lambda: available(store, wine) == 10)


def test_the_back_offices_list(store, admin, shopper, wine):
    orders = [shopper.settled(bought(shopper, wine)["id"]) for _ in range(3)]
    page = admin.get("/admin/orders", params={"limit": 2}).json()
    assert page["total"] >= 3 and len(page["items"]) == 2 and page["next_cursor"]
    found = admin.get("/admin/orders", params={"q": orders[0]["number"]}).json()
    assert [item["id"] for item in found["items"]] == [orders[0]["id"]]
    found = admin.get("/admin/orders", params={"q": wine["name"], "status": ["confirmed", "shipped"]}).json()
    assert orders[1]["id"] in [item["id"] for item in found["items"]]
    assert_problem(admin.get("/admin/orders", params={"cursor": "x'; --"}), 400, "malformed_parameter", "cursor")
    assert_problem(admin.get("/admin/orders", params={"status": "lost"}), 422, "invalid_field", "status")
    csv = admin.get("/admin/orders", headers={"Accept": "text/csv"})
    assert csv.headers["Content-Type"].startswith("text/csv")
    rows = csv.text.splitlines()
    assert rows[0].startswith("number,id,placed_at,status,wine_id,name")
    assert any(orders[2]["id"] in row for row in rows)


def test_an_erased_shoppers_order_is_unreadable(store, admin, wine):
    client = store.shopper()
    order = client.settled(bought(client, wine)["id"])
    assert client.delete("/me", json={"password": client.password}).status_code == 204
    # The order service may remember a shopper for a moment.
    eventually(lambda: admin.get(f"/admin/orders/{order['id']}").json()["email"] is None)
    kept = admin.get(f"/admin/orders/{order['id']}").json()
    assert kept["shipping_address"] is None and kept["email"] is None
    assert kept["totals"] == order["totals"]


def test_nothing_personal_lies_open(store, wine):
    street, city = f"Geheimweg {secrets.token_hex(6)}", f"Stadt{secrets.token_hex(6)}"
    client = store.shopper()
    order = bought(client, wine, address={**GERMANY, "line1": street, "city": city})
    client.settled(order["id"])
    for file in store.data.rglob("*"):
        if file.is_file() and file.suffix != ".eml":
            content = file.read_bytes()
            for secret in (street, city, client.email):
                assert secret.encode() not in content, f"{secret} in {file}"
