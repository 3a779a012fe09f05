"""Similar wines, personal lists and the page's activity, on the running store."""

import json
import sqlite3
import time

import pytest

from support import assert_problem

UNKNOWN = "01J9ZQ4T8M3V5X7Y9A1B2C3D4E"


def until(check, timeout=90):
    """What `check` gives once it is true."""
    deadline = time.monotonic() + timeout
    while True:
        found = check()
        if found or time.monotonic() > deadline:
            assert found
            return found
        time.sleep(0.1)


def recommended(client, **query):
    answer = client.get("/recommendations", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def ids(listing):
    return [item["wine"]["id"] for item in listing["items"]]


# ---- similar wines


def similar_to(store, wine, **query):
    answer = store.client().get(f"{store.api}/wines/{wine['id']}/similar", params=query, timeout=10)
    assert answer.status_code == 200, answer.text
    return answer.json()["items"]


def test_similar_wines_are_of_other_groups_and_alike(store):
    wines = store.wines(type="Fortified", limit=5)
    for wine in wines:
        similar = until(lambda: similar_to(store, wine))
        assert len(similar) == 8
        groups = [other["group_id"] for other in similar]
        assert wine["group_id"] not in groups and len(set(groups)) == 8
        assert sum(other["type"] == "Fortified" for other in similar[:4]) >= 2
        # Whole documents, as the catalogue serves them.
        one = store.client().get(f"{store.api}/wines/{similar[0]['id']}", timeout=10).json()
        assert {**one, "available": 0} == {**similar[0], "available": 0}


def test_what_can_be_bought_comes_first(store):
    wine = store.wines(limit=1)[0]
    in_stock = [other["available"] > 0 for other in until(lambda: similar_to(store, wine, limit=50))]
    assert in_stock == sorted(in_stock, reverse=True)


LIMITS = [("0", 422), ("51", 422), ("-1", 422), ("two", 400), ("1.5", 400), ("", 400)]


@pytest.mark.parametrize("limit, status", LIMITS)
def test_similar_refuses_a_bad_limit(store, limit, status):
    wine = store.wines(limit=1)[0]
    answer = store.client().get(
        f"{store.api}/wines/{wine['id']}/similar", params={"limit": limit}, timeout=10
    )
    assert_problem(answer, status, field="limit")


@pytest.mark.parametrize("wine", [UNKNOWN, "nothing", "01j9zq4t8m3v5x7y9a1b2c3d4e", "%00"])
def test_similar_to_an_unknown_wine_is_not_found(store, wine):
    answer = store.client().get(f"{store.api}/wines/{wine}/similar", timeout=10)
    assert answer.status_code in (400, 404), answer.text


# ---- recommendations


def test_a_stranger_gets_a_varied_list_with_reasons(store):
    listing = recommended(store.client(), limit=20)
    assert listing["personal"] is False
    assert len(listing["items"]) == 20
    wines = [item["wine"] for item in listing["items"]]
    assert len({wine["group_id"] for wine in wines}) == 20
    assert all(wine["available"] > 0 for wine in wines)
    assert all(item["reason"]["kind"] in ("popular", "new") for item in listing["items"])
    for field, most in (("winery", 2), ("region", 3)):
        values = [wine[field] for wine in wines[:10]]
        assert max(values.count(value) for value in values) <= most


def test_a_rating_makes_the_list_personal(store):
    shopper = store.shopper()
    liked, hated = store.wines(type="White", limit=2)
    for wine, stars in ((liked, 5), (hated, 1)):
        answer = shopper.post(f"/wines/{wine['id']}/ratings", json={"stars": stars})
        assert answer.status_code in (200, 201), answer.text
    listing = until(lambda: (lambda it: it if it["personal"] else None)(recommended(shopper)))
    first = listing["items"][0]
    assert first["reason"]["kind"] == "similar_to"
    assert first["reason"]["wine_id"] == liked["id"]
    assert liked["name"] in first["reason"]["text"]
    assert first["wine"]["type"] == "White"
    until(lambda: hated["id"] not in ids(recommended(shopper, limit=50)))


def test_views_of_a_guest_count_and_follow_to_the_account(store):
    guest = store.client()
    seen, carted = store.wines(type="Sparkling", in_stock="true", limit=2)
    assert guest.put_in_cart(carted["id"]).status_code == 200
    answer = guest.post(
        "/events", json={"events": [{"type": "activity.viewed", "wine_id": seen["id"]}]}
    )
    assert answer.status_code == 202
    listing = until(lambda: (lambda it: it if it["personal"] else None)(recommended(guest)))
    assert carted["id"] not in ids(listing)
    shopper = store.shopper()
    guest.email, guest.password = shopper.email, shopper.password
    guest.sign_in()
    assert guest.get("/cart").json()["items"]  # the guest's cart is the account's now
    until(lambda: recommended(shopper)["personal"])


def test_what_is_bought_together_is_offered_with_the_basket(store):
    first, second = [
        wine for wine in store.wines(type="Rosé", in_stock="true", limit=20) if wine["available"] >= 12
    ][:2]
    for _ in range(4):
        shopper = store.shopper()
        shopper.put_in_cart(first["id"])
        shopper.put_in_cart(second["id"])
        order = shopper.order()
        assert order.status_code == 201, order.text
    assert shopper.settled(order.json()["id"])["status"] == "confirmed"
    until(lambda: not {first["id"], second["id"]} & set(ids(recommended(shopper, limit=50))))
    guest = store.client()
    guest.put_in_cart(first["id"])

    def found():
        for item in recommended(guest)["items"]:
            reason = item["reason"]
            if item["wine"]["id"] == second["id"] and reason["kind"] == "bought_together":
                return reason

    reason = until(found)
    assert reason["wine_id"] == first["id"]
    assert first["name"] in reason["text"]


def test_erasure_forgets_the_taste(store):
    shopper = store.shopper()
    wine = store.wines(limit=1)[0]
    assert shopper.post(f"/wines/{wine['id']}/ratings", json={"stars": 5}).ok
    until(lambda: recommended(shopper)["personal"])
    answer = shopper.delete("/me", json={"password": shopper.password})
    assert answer.status_code in (200, 204), answer.text

    def forgotten():
        with sqlite3.connect(f"file:{store.data}/warehouse.db?mode=ro", uri=True) as db:
            sql = "SELECT COUNT(*) FROM dim_shopper WHERE pseudonym = ?"
            return db.execute(sql, (shopper.user["id"],)).fetchone() == (0,)

    until(forgotten)


def test_lists_are_counted_by_what_they_were_made(store):
    def counted():
        text = store.client().get(store.url + "/metrics").text
        name = 'recommendation_lists_total{list="%s",by="%s"} '
        lines = text.splitlines()
        return [
            float(next(line for line in lines if line.startswith(name % what)).rsplit(" ", 1)[1])
            for what in (("personal", "popular"), ("basket", "empty"), ("personal", "model"))
        ]

    before = counted()
    recommended(store.client())
    recommended(store.client(), list="basket")
    after = counted()
    assert [b - a for a, b in zip(before, after)] == [1, 1, 0]


@pytest.mark.parametrize("limit, status", LIMITS)
def test_recommendations_refuse_a_bad_limit(store, limit, status):
    answer = store.client().get(f"{store.api}/recommendations", params={"limit": limit}, timeout=10)
    assert_problem(answer, status, field="limit")


def test_an_event_is_in_the_next_answer_within_a_second(store):
    for wine in store.wines(type="Red", in_stock="true", limit=3):
        guest = store.client()
        guest.put_in_cart(wine["id"])  # gives the guest an id
        until(lambda: wine["id"] not in ids(recommended(guest, limit=50)))
        began = time.monotonic()
        guest.put_in_cart(wine["id"], 2)
        answer = guest.post(
            "/events", json={"events": [{"type": "activity.viewed", "wine_id": wine["id"]}]}
        )
        assert answer.status_code == 202
        until(lambda: recommended(guest)["personal"], timeout=5)
        until(lambda: recommended(guest, list="basket")["items"], timeout=5)
        assert time.monotonic() - began < 1


def test_filters_choose_before_the_list_is_cut(store):
    shopper = store.shopper()
    liked = store.wines(type="Red", limit=1)[0]
    assert shopper.post(f"/wines/{liked['id']}/ratings", json={"stars": 5}).ok
    until(lambda: recommended(shopper)["personal"])
    for query in (
        {"type": "Sparkling"},
        {"type": ["Fortified", "Dessert"]},
        {"max_price": 1500},
        {"min_price": 2000, "max_price": 4000, "type": "White"},
    ):
        listing = recommended(shopper, limit=12, **query)
        types = query.get("type")
        fitting = store.wines(in_stock="true", limit=100, **query)
        assert len(listing["items"]) == min(12, len({wine["group_id"] for wine in fitting}))
        for item in listing["items"]:
            wine = item["wine"]
            assert not types or wine["type"] in types
            price = wine["price"]["amount"]
            assert query.get("min_price", 0) <= price <= query.get("max_price", 10**9)
            assert wine["available"] > 0
    nothing = recommended(shopper, min_price=1, max_price=2)
    assert nothing["items"] == [] and nothing["note"]["code"] == "nothing_fits"


@pytest.mark.parametrize(
    "query, code",
    [
        ({"country": "DE"}, None),
        ({"country": "DE", "region": "BE"}, None),
        ({"country": "US", "region": "CA"}, None),
        ({"country": "US", "region": "ca"}, None),
        ({"country": "US"}, "destination_not_served"),
        ({"country": "US", "region": "UT"}, "destination_not_served"),
        ({"country": "SE"}, "destination_not_served"),
    ],
)
def test_what_cannot_be_shipped_is_not_recommended(store, query, code):
    for listing in ("personal", "basket"):
        answer = recommended(store.client(), list=listing, **query)
        if code:
            assert answer["items"] == [] and answer["note"]["code"] == code
            assert answer["note"]["text"]
        elif listing == "personal":
            assert answer["items"] and "note" not in answer


@pytest.mark.parametrize(
    "query, status, field",
    [
        ({"list": "everything"}, 422, "list"),
        ({"list": ""}, 422, "list"),
        ({"type": "Blue"}, 422, "type"),
        ({"type": ["Red", "red"]}, 422, "type"),
        ({"type": ["Red"] * 21}, 422, "type"),
        ({"country": "Germany"}, 422, "country"),
        ({"country": "de"}, 422, "country"),
        ({"country": ""}, 422, "country"),
        ({"country": "US", "region": ""}, 422, "region"),
        ({"country": "US", "region": "California"}, 422, "region"),
        ({"region": "CA"}, 422, "region"),
        ({"min_price": -1}, 422, "min_price"),
        ({"min_price": "cheap"}, 400, "min_price"),
        ({"max_price": 1.5}, 400, "max_price"),
        ({"min_price": 2000, "max_price": 1000}, 422, "max_price"),
        ({"limit": 51}, 422, "limit"),
    ],
)
def test_a_bad_question_is_refused_by_its_field(store, query, status, field):
    answer = store.client().get(f"{store.api}/recommendations", params=query, timeout=10)
    assert_problem(answer, status, field=field)


def test_the_basket_calls_for_what_goes_with_it(store):
    empty = recommended(store.client(), list="basket")
    assert empty["items"] == [] and empty["note"]["code"] == "basket_empty"
    assert empty["list"] == "basket" and empty["personal"] is False
    guest = store.client()
    first, second = store.wines(type="White", in_stock="true", limit=2)
    guest.put_in_cart(first["id"])
    listing = until(lambda: (lambda it: it if it["items"] else None)(recommended(guest, list="basket")))
    assert listing["personal"] is True
    for item in listing["items"]:
        assert item["reason"]["kind"] == "bought_together"
        assert item["reason"]["wine_id"] == first["id"]
        assert item["reason"]["text"] == f"Goes with {first['name']} in your basket"
    guest.put_in_cart(second["id"])
    until(lambda: second["id"] not in ids(recommended(guest, list="basket", limit=50)))
    assert first["id"] not in ids(recommended(guest, list="basket", limit=50))
    for wine in (first, second):
        guest.delete(f"/cart/items/{wine['id']}")
    until(lambda: recommended(guest, list="basket")["items"] == [])


def test_what_was_ordered_can_be_bought_again(store):
    shopper = store.shopper()
    never = recommended(shopper, list="buy_again")
    assert never["items"] == []
    until(lambda: recommended(shopper, list="buy_again")["note"]["code"] == "nothing_ordered")
    once, twice = [
        wine
        for wine in store.wines(type="Sparkling", in_stock="true", limit=20)
        if wine["available"] >= 12
    ][:2]
    for wines in ((once, twice), (twice,)):
        for wine in wines:
            shopper.put_in_cart(wine["id"])
        order = shopper.order()
        assert order.status_code == 201, order.text
        assert shopper.settled(order.json()["id"])["status"] == "confirmed"
    until(lambda: ids(recommended(shopper, list="buy_again")) == [twice["id"], once["id"]])
    for item in recommended(shopper, list="buy_again")["items"]:
        assert item["reason"] == {"kind": "buy_again", "text": "You ordered it today"}
    assert shopper.post(f"/wines/{twice['id']}/ratings", json={"stars": 2}).ok
    until(lambda: ids(recommended(shopper, list="buy_again")) == [once["id"]])
    assert recommended(shopper, list="buy_again", type="Red")["note"]["code"] == "nothing_fits"


def test_what_is_sold_out_disappears(store):
    shopper = store.shopper()
    wine = min(store.wines(in_stock="true", limit=100), key=lambda wine: wine["available"])
    price = wine["price"]["amount"]
    query = {"type": wine["type"], "min_price": price, "max_price": price, "limit": 50}
    assert wine["id"] in ids(recommended(shopper, **query))
    shopper.put_in_cart(wine["id"], wine["available"])
    order = shopper.order()
    assert order.status_code == 201, order.text
    assert shopper.settled(order.json()["id"])["status"] == "confirmed"
    until(lambda: wine["id"] not in ids(recommended(store.client(), **query)))


# ---- activity


def post(store, body, **keywords):
    return store.client().post(f"{store.api}/events", json=body, timeout=10, **keywords)


def test_activity_is_taken(store):
    wine = store.wines(limit=1)[0]
    events = [
        {"type": "activity.viewed", "wine_id": wine["id"], "list": "search", "at": "2026-01-01T00:00:00Z"},
        {"type": "activity.impression", "wine_id": wine["id"]},
        {"type": "activity.clicked", "wine_id": wine["id"], "unknown": "ignored"},
        {"type": "activity.searched", "query": "  riesling  ", "results": 3},
        {"type": "activity.clicked", "wine_id": wine["id"], "list": "search", "query": "riesling", "position": 3},
        {"type": "activity.clicked", "wine_id": wine["id"], "position": 1, "experiment": UNKNOWN, "arm": "b"},
        {"type": "activity.viewed", "wine_id": UNKNOWN},
    ]
    answer = post(store, {"events": events})
    assert answer.status_code == 202, answer.text
    assert answer.json() == {"accepted": 6}
    assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize(
    "events, field",
    [
        (None, "events"),
        ([], "events"),
        ("all", "events"),
        ([{}] * 51, "events"),
        (["view"], "events[0]"),
        ([{"wine_id": UNKNOWN}], "events[0].type"),
        ([{"type": "order.placed", "wine_id": UNKNOWN}], "events[0].type"),
        ([{"type": "activity.viewed"}], "events[0].wine_id"),
        ([{"type": "activity.viewed", "wine_id": 7}], "events[0].wine_id"),
        ([{"type": "activity.viewed", "wine_id": "'; DROP TABLE"}], "events[0].wine_id"),
        ([{"type": "activity.searched"}], "events[0].query"),
        ([{"type": "activity.searched", "query": "x" * 201}], "events[0].query"),
        ([{"type": "activity.searched", "query": "a\u0007"}], "events[0].query"),
        ([{"type": "activity.searched", "query": "a", "results": -1}], "events[0].results"),
        ([{"type": "activity.searched", "query": "a", "results": 1.5}], "events[0].results"),
        ([{"type": "activity.searched", "query": "a", "at": "yesterday"}], "events[0].at"),
        ([{"type": "activity.searched", "query": "a", "list": "l" * 51}], "events[0].list"),
        ([{"type": "activity.clicked", "wine_id": UNKNOWN, "position": 0}], "events[0].position"),
        ([{"type": "activity.clicked", "wine_id": UNKNOWN, "query": "x" * 201}], "events[0].query"),
        ([{"type": "activity.clicked", "wine_id": UNKNOWN, "experiment": "1", "arm": "a"}], "events[0].experiment"),
        ([{"type": "activity.clicked", "wine_id": UNKNOWN, "experiment": UNKNOWN, "arm": "c"}], "events[0].arm"),
    ],
)
def test_bad_activity_is_refused_naming_the_field(store, events, field):
    assert_problem(post(store, {"events": events}), 422, "invalid_field", field)


def test_one_bad_event_refuses_all(store):
    good = {"type": "activity.searched", "query": "nothing may be half-written"}
    assert_problem(post(store, {"events": [good, {"type": "x"}]}), 422, field="events[1].type")


@pytest.mark.parametrize("body", ["", "{", "[]", "7", '{"events":[],"events":[]}', "[" * 100000])
def test_what_is_no_json_object_is_refused(store, body):
    answer = store.client().post(
        f"{store.api}/events",
        data=body,
        headers={"Content-Type": "application/json"},
        timeout=10,
    )
    assert answer.status_code in (400, 413), answer.text
    assert json.loads(answer.text)["code"] in ("malformed_json", "too_large")


def test_the_inside_is_not_for_outsiders(store):
    answer = store.client().post(
        f"{store.url}/internal/recommendation/events", json={"events": []}, timeout=10
    )
    assert answer.status_code in (404, 405)
