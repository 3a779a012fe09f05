"""Lists by a trained model: X-Wines' ratings (or the like of it), and shoppers who do something."""

import time

import pytest

from support import Store, eventually, x_wines


@pytest.fixture(scope="module")
def shop():
    store = Store(demo=False)
    folder = x_wines()
    for command in (
        ("import", folder / "wines.csv", "--stock", "60", "--keep-good"),
        ("ratings", "import", folder / "ratings_train.csv"),
        ("train",),
    ):
        done = store.command(*command)
        assert done.returncode == 0, done.stderr[:2000]
    yield store
    store.remove()


def recommended(client, **query):
    answer = client.get("/recommendations", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def ids(listing):
    return [item["wine"]["id"] for item in listing["items"]]


def rate(shopper, wine, stars):
    answer = shopper.post(f"/wines/{wine['id']}/ratings", json={"stars": stars})
    assert answer.status_code in (200, 201), answer.text


def test_a_stranger_gets_what_is_asked_for_of_late(shop):
    listing = recommended(shop.client(), limit=50)
    assert listing["personal"] is False and len(listing["items"]) == 50
    assert {item["reason"]["kind"] for item in listing["items"]} <= {"popular", "new"}
    again = recommended(shop.client(), limit=50)
    assert ids(again) == ids(listing)


def test_one_event_makes_the_next_list_personal_within_a_second(shop):
    for wine in shop.wines(type="Sparkling", limit=3):
        shopper = shop.shopper()
        assert recommended(shopper)["personal"] is False
        began = time.monotonic()
        rate(shopper, wine, 5)
        listing = eventually(lambda: (now := recommended(shopper, limit=20))["personal"] and now)
        assert time.monotonic() - began < 1
        assert wine["id"] not in ids(listing)
        because = [item for item in listing["items"] if item["reason"].get("wine_id") == wine["id"]]
        assert len(because) >= 10
        assert all(item["reason"]["text"] == f"Because you liked {wine['name']}" for item in because)


def test_more_events_change_it_and_bad_wines_stay_away(shop):
    shopper = shop.shopper()
    reds, whites = shop.wines(type="Red", limit=4), shop.wines(type="White", limit=4)
    rate(shopper, reds[0], 5)
    first = eventually(lambda: (now := recommended(shopper, limit=20))["personal"] and now)
    for wine in whites:
        rate(shopper, wine, 4.5)
    second = eventually(lambda: (now := recommended(shopper, limit=20)) and ids(now) != ids(first) and now)
    hated = second["items"][0]["wine"]
    rate(shopper, hated, 2)
    eventually(lambda: hated["id"] not in ids(recommended(shopper, limit=50)))
    for _ in range(3):
        assert hated["id"] not in ids(recommended(shopper, limit=50, type=hated["type"]))
    winery, region = ([item["wine"][field] for item in second["items"][:10]] for field in ("winery", "region"))
    assert max(map(winery.count, winery)) <= 2 and max(map(region.count, region)) <= 3


def test_filters_choose_before_the_cut(shop):
    shopper = shop.shopper()
    rate(shopper, shop.wines(type="Red", limit=1)[0], 5)
    eventually(lambda: recommended(shopper)["personal"])
    fitting = shop.wines(type="Fortified", in_stock="true", limit=100)
    listing = recommended(shopper, type="Fortified", limit=50)
    assert set(ids(listing)) <= {wine["id"] for wine in fitting}
    assert len(listing["items"]) == min(50, len({wine["group_id"] for wine in fitting}))
    price = sorted(wine["price"]["amount"] for wine in fitting)[len(fitting) // 2]
    cheap = recommended(shopper, type="Fortified", limit=50, max_price=price)
    assert set(ids(cheap)) <= {wine["id"] for wine in fitting if wine["price"]["amount"] <= price}
    assert recommended(shopper, country="US", region="CA", limit=5)["items"]
    assert recommended(shopper, country="SE", limit=5)["note"]["code"] == "destination_not_served"


def test_the_basket_and_what_was_ordered(shop):
    shopper = shop.shopper()
    first, second = shop.wines(type="Red", in_stock="true", limit=2)
    shopper.put_in_cart(first["id"])
    beside = eventually(lambda: (now := recommended(shopper, list="basket", limit=20))["items"] and now)
    assert len(beside["items"]) == 20 and first["id"] not in ids(beside)
    assert {item["reason"]["wine_id"] for item in beside["items"]} == {first["id"]}
    order = shopper.order()
    assert order.status_code == 201, order.text
    assert shopper.settled(order.json()["id"])["status"] == "confirmed"
    eventually(lambda: ids(recommended(shopper, list="buy_again")) == [first["id"]])
    assert recommended(shopper, list="basket")["note"]["code"] == "basket_empty"
    assert first["id"] not in ids(recommended(shopper, limit=50))
    shopper.put_in_cart(second["id"])
    eventually(lambda: recommended(shopper, list="basket")["items"])


def test_a_wine_added_since_has_a_place_for_whom_it_suits(shop):
    admin, shopper = shop.admin(), shop.shopper()
    liked = shop.client().get(f"{shop.api}/wines/{shop.wines(type='White', limit=1)[0]['id']}").json()
    fields = ("winery", "type", "country", "region", "grapes", "pairings", "body", "acidity", "abv", "bottle_ml", "price")
    new = {**{field: liked[field] for field in fields if liked.get(field) is not None}, "vintage": 2025, "stock": 24}
    answer = admin.post("/admin/wines", json={**new, "sku": "new-2025", "name": "Made this year"})
    assert answer.status_code == 201, answer.text
    made = answer.json()["id"]
    rate(shopper, liked, 5)
    for wine in shop.client().get(f"{shop.api}/wines/{liked['id']}/similar", params={"limit": 6}).json()["items"]:
        rate(shopper, wine, 5)
    eventually(lambda: made in ids(recommended(shopper, limit=20)), timeout=20)
    eventually(lambda: shop.client().get(f"{shop.api}/wines/{made}/similar").json()["items"])
    guest = shop.client()  # and it is a first event as good as any
    guest.put_in_cart(made)
    eventually(lambda: recommended(guest)["personal"])


def test_a_restart_knows_the_shopper_and_the_model(shop):
    shopper = shop.shopper()
    wine = shop.wines(type="Red", limit=8)[7]
    rate(shopper, wine, 5)
    before = eventually(lambda: (now := recommended(shopper, limit=20))["personal"] and now)
    shop.stop()
    shop.start()
    after = eventually(lambda: (now := recommended(shopper, limit=20))["personal"] and now)
    assert len(set(ids(after)) & set(ids(before))) >= 15
    assert after["items"][0]["reason"]["wine_id"] == wine["id"]
