"""The office's side of recommendations: train, choose a version, let two compete, from first event to result."""

import pytest

from support import Store, assert_problem, eventually

MODELS = "/admin/recommendations/models"
EXPERIMENTS = "/admin/recommendations/experiments"


def see(shopper, events):
    answer = shopper.post("/events", json={"events": events})
    assert answer.status_code == 202, answer.text


def models(admin):
    answer = admin.get(MODELS)
    assert answer.status_code == 200, answer.text
    return answer.json()


def train(admin):
    """Trains and waits for it; the newest version."""
    before = len(models(admin)["items"])
    assert admin.post(MODELS).status_code == 202
    found = eventually(lambda: not (now := models(admin))["training"] and now)
    assert found["error"] is None
    assert len(found["items"]) == before + 1
    assert found["items"][0]["current"]
    return found["items"][0]


def views_counted(admin):
    return admin.get("/admin/analytics/dashboard").json()["funnel"]["views"]


@pytest.fixture(scope="module")
def shop():
    """A store where some have looked at wines, its admin, and they."""
    store = Store()
    admin = store.admin()
    shoppers = [store.shopper() for _ in range(6)]
    wines = [wine["id"] for wine in store.wines(in_stock="true", limit=30)]
    for i, shopper in enumerate(shoppers):
        see(shopper, [{"type": "activity.viewed", "wine_id": wine} for wine in wines[i : i + 5]])
    eventually(lambda: views_counted(admin) == len(shoppers))
    yield store, admin, shoppers, wines
    store.remove()


def test_a_new_shop_has_nothing_to_learn_from(start_store):
    store = start_store()
    admin = store.admin()
    assert models(admin) == {"items": [], "training": False, "error": None}
    assert admin.post(MODELS, json={}).status_code == 202
    found = eventually(lambda: not (now := models(admin))["training"] and now)
    assert found["items"] == [] and "nothing to learn from" in found["error"]
    body = {"name": "Too early", "version_a": 1, "version_b": 2}
    assert_problem(admin.post(EXPERIMENTS, json=body), 422, "invalid_field", field="version_a")


def test_train_choose_and_go_back(shop):
    _, admin, _, _ = shop
    first = train(admin)
    assert first["events"] > 0 and first["wines"] > 0 and first["shoppers"] == 6
    assert first["quality"] is None  # far too few events to hold any out
    second = train(admin)
    assert second["version"] == first["version"] + 1
    answer = admin.post(f"{MODELS}/{first['version']}/use")
    assert answer.status_code == 200
    assert [one["version"] for one in answer.json()["items"] if one["current"]] == [first["version"]]
    assert models(admin) == answer.json()
    for unknown in ("999", "0", "-1", "x", "1e3", "99999999999999999999"):
        assert_problem(admin.post(f"{MODELS}/{unknown}/use"), 404, "not_found")
    assert models(admin) == answer.json()


def two_versions(admin):
    while len(models(admin)["items"]) < 2:
        train(admin)
    return sorted(one["version"] for one in models(admin)["items"])[:2]


@pytest.mark.parametrize(
    "change, field",
    [
        ({"name": None}, "name"),
        ({"name": ""}, "name"),
        ({"name": "   "}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"name": 7}, "name"),
        ({"version_a": 999}, "version_a"),
        ({"version_b": 999}, "version_b"),
        ({"version_a": "1"}, "version_a"),
        ({"version_b": -1}, "version_b"),
        ({"version_b": None}, "version_b"),
    ],
)
def test_what_is_no_experiment(shop, change, field):
    _, admin, _, _ = shop
    a, b = two_versions(admin)
    body = {"name": "N", "version_a": a, "version_b": b, **change}
    body = {key: value for key, value in body.items() if value is not None}
    assert_problem(admin.post(EXPERIMENTS, json=body), 422, "invalid_field", field=field)
    same = {"name": "N", "version_a": a, "version_b": a}
    assert_problem(admin.post(EXPERIMENTS, json=same), 422, "invalid_field", field="version_b")


def shown(kind, wine, experiment, arm, position=1):
    return {
        "type": f"activity.{kind}", "wine_id": wine, "list": "personal", "position": position,
        "experiment": experiment, "arm": arm,
    }  # fmt: skip


def test_an_experiment_from_start_to_result(shop):
    store, admin, shoppers, wines = shop
    a, b = two_versions(admin)
    answer = admin.post(EXPERIMENTS, json={"name": "Älter gegen neuer", "version_a": a, "version_b": b})
    assert answer.status_code == 201, answer.text
    one = answer.json()
    assert answer.headers["Location"] == f"/api/v1{EXPERIMENTS}/{one['id']}"
    assert (one["name"], one["version_a"], one["version_b"]) == ("Älter gegen neuer", a, b)
    assert one["running"] and one["ended_at"] is None and "result" not in one
    again = {"name": "A second", "version_a": b, "version_b": a}
    assert_problem(admin.post(EXPERIMENTS, json=again), 409, "experiment_running")

    # Shoppers are shown both models' wines, each marked with whose it is.
    def marked():
        items = shoppers[0].get("/recommendations").json()["items"]
        return [item["experiment"] for item in items if "experiment" in item]

    marks = eventually(marked)
    assert {mark["id"] for mark in marks} == {one["id"]}
    assert {mark["arm"] for mark in marks} <= {"a", "b"}

    path = f"{EXPERIMENTS}/{one['id']}"
    empty = admin.get(path).json()["result"]
    assert empty["decided"] == 0 and empty["leader"] is empty["p_value"] is empty["share"] is None
    assert empty["text"] == "No session is decided yet"

    # Three days of shopping are won by B, one by A, one by neither; nobody's click counts nowhere.
    for shopper, clicks in zip(shoppers, ("bb", "bba", "b", "a", "ab", "")):
        see(
            shopper,
            [shown("impression", wines[0], one["id"], "a"), shown("impression", wines[1], one["id"], "b", 2)]
            + [shown("clicked", wines["ab".index(arm)], one["id"], arm) for arm in clicks],
        )
    result = eventually(lambda: (now := admin.get(path).json()["result"])["arms"][1]["impressions"] == 6 and now)
    rows = {arm["arm"]: arm for arm in result["arms"]}
    assert (rows["a"]["version"], rows["b"]["version"]) == (a, b)
    assert (rows["a"]["impressions"], rows["a"]["clicks"], rows["a"]["sessions_won"]) == (6, 3, 1)
    assert (rows["b"]["impressions"], rows["b"]["clicks"], rows["b"]["sessions_won"]) == (6, 6, 3)
    assert (rows["a"]["click_rate"], rows["b"]["click_rate"]) == (0.5, 1)
    assert (result["sessions"], result["decided"], result["leader"], result["share"]) == (5, 4, "b", 0.75)
    assert result["p_value"] == pytest.approx(10 / 16)
    assert result["interval"] == {"low": 0.3006, "high": 0.9544}
    assert result["text"] == "B won 75 % of 4 sessions decided; 95 % interval 30 to 95 %; p = 0.625"

    stopped = admin.post(f"{path}/stop")
    assert stopped.status_code == 200 and not stopped.json()["running"]
    assert admin.post(f"{path}/stop", json={}).json() == stopped.json()
    eventually(lambda: not marked())
    assert admin.get(EXPERIMENTS).json()["items"] == [stopped.json()]

    # What ended is still there after a restart, and so is the version in use.
    kept = models(admin)
    store.stop()
    store.start()
    admin = store.admin()
    assert admin.get(EXPERIMENTS).json()["items"] == [stopped.json()]
    assert admin.get(path).json()["result"] == result
    assert models(admin) == kept


def test_what_is_not_there(shop):
    _, admin, _, _ = shop
    for unknown in ("01J9ZQ4T8M3V5X7Y9A1B2C3D4E", "x", "%2e%2e"):
        assert_problem(admin.get(f"{EXPERIMENTS}/{unknown}"), 404, "not_found")
        assert_problem(admin.post(f"{EXPERIMENTS}/{unknown}/stop"), 404, "not_found")
