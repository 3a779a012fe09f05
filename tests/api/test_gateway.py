"""The gateway: cookies, carts that change hands, limits, health and metrics, the queues' office,
export and erasure, and what logs must not hold. Pages are in test_pages.py."""

import http.cookies
import json
import re
import secrets
import subprocess

import pytest

from api_contract import SPEC
from support import CALIFORNIA, assert_problem, eventually, run_program

STRICT = ("HttpOnly", "SameSite=Lax", "Path=/")


def cookies_of(answer):
    """The Set-Cookie lines by name."""
    lines = answer.raw.headers.getlist("Set-Cookie")
    return {line.split("=", 1)[0]: line for line in lines}


def quantities(client):
    return {item["wine_id"]: item["quantity"] for item in client.get("/cart").json()["items"]}


@pytest.fixture(scope="module")
def plenty(store):
    """Two wines with thousands of bottles."""
    wines = [wine["id"] for wine in store.wines(in_stock="true", limit=2)]
    for wine in wines:
        store.admin().post(f"/admin/wines/{wine}/stock", json={"change": 5000, "reason": "For the test"})
    return wines


# ---------------------------------------------------------------- cookies


def test_the_session_cookie(store):
    shopper = store.shopper()
    line = cookies_of(shopper.sign_in())["winestore_session"]
    assert all(part in line for part in STRICT)
    assert "Secure" not in line
    ended = cookies_of(shopper.delete("/session"))["winestore_session"]
    assert "winestore_session=;" in ended and "Max-Age=0" in ended


def test_cookies_are_secure_behind_https(start_store):
    store = start_store(demo=False, environment={"PUBLIC_URL": "https://shop.example/"})
    client = store.client()
    client.email, client.password = "admin@winestore.example", "correct horse battery"
    answer = client.sign_in()
    assert "Secure" in cookies_of(answer)["winestore_session"]
    assert answer.headers["Strict-Transport-Security"]
    robots = client.get(store.url + "/robots.txt").text
    assert "Sitemap: https://shop.example/sitemap.xml" in robots
    # The shop's own page, as its shoppers' browsers name it.
    body = {"email": "a@example.com", "password": "x" * 10}
    own = client.post("/session", json=body, headers={"Origin": "https://shop.example"})
    assert own.status_code == 401


def test_the_guest_cookie_comes_with_the_first_change(store, plenty):
    guest = store.client()
    for answer in (guest.get("/cart"), guest.get("/wines"), guest.get("/session"), guest.get(store.url + "/"),
                   guest.put(f"/cart/items/{plenty[0]}", json={"quantity": 0}),
                   guest.put(f"/cart/items/{plenty[0]}", json={"quantity": 100000})):  # fmt: skip
        assert not cookies_of(answer), answer.url
    line = cookies_of(guest.put_in_cart(plenty[0]))["winestore_guest"]
    assert all(part in line for part in STRICT) and "Secure" not in line
    assert not cookies_of(guest.put_in_cart(plenty[1]))
    assert quantities(guest) == {plenty[0]: 1, plenty[1]: 1}
    assert guest.get("/session").json() == {"user": None, "guest": True}


def test_a_forged_guest_cookie_counts_as_none(store, plenty):
    guest, thief = store.client(), store.client()
    guest.put_in_cart(plenty[0], 3)
    id, mac = guest.cookies["winestore_guest"].split(".")
    order = guest.order(email="guest@example.com", birth_date="1980-01-01").json()
    other = store.client()
    other.put_in_cart(plenty[0])
    other_mac = other.cookies["winestore_guest"].split(".")[1]
    for forged in (id, id + ".", f"{id}.{'0' * len(mac)}", f"{id}.{other_mac}", f"{id}.{mac[:-1]}", f"{id}.{mac}0"):
        thief.headers["Cookie"] = f"winestore_guest={forged}"
        assert thief.get("/cart").json()["items"] == []
        assert_problem(thief.get(f"/orders/{order['id']}"), 401, "unauthenticated")
        assert "winestore_guest" in cookies_of(thief.put_in_cart(plenty[1])), "a new guest"
    assert guest.get(f"/orders/{order['id']}").status_code == 200
    assert_problem(other.get(f"/orders/{order['id']}"), 404, "not_found")


def test_an_ended_cookie_counts_as_none_but_an_ended_token_does_not(store):
    shopper = store.shopper()
    kept = shopper.cookies["winestore_session"]
    shopper.delete("/session")
    old = store.client()
    old.headers["Cookie"] = f"winestore_session={kept}"
    assert old.get("/session").json()["user"] is None
    program = store.client()
    program.headers["Authorization"] = f"Bearer {kept}"
    for path in ("/cart", "/me", "/orders", "/recommendations"):
        assert_problem(program.get(path), 401, "unauthenticated")
    assert program.get("/session").json()["user"] is None
    again = program.post("/session", json={"email": shopper.email, "password": shopper.password})
    assert again.status_code == 201, "who signs in need not drop the old token first"


@pytest.mark.parametrize("header", ["Basic YTpi", "Bearer", "Bearer  ", "Bearer " + "x" * 500, "Bearer a b"])
def test_odd_authorization(store, header):
    client = store.client()
    client.headers["Authorization"] = header
    assert_problem(client.get("/me"), 401, "unauthenticated")
    assert client.get("/wines").status_code == 200, "where identity does not matter it is not looked at"


def test_the_session_ends_at_once(store):
    """What the gateway remembers of a session goes with it."""
    shopper = store.shopper()
    program = store.client()
    program.headers["Authorization"] = f"Bearer {shopper.token}"
    assert program.get("/me").status_code == 200
    shopper.delete("/session")
    assert_problem(program.get("/me"), 401, "unauthenticated")


def test_an_identity_from_outside_is_not_believed(store):
    forged = {"X-Identity": "eyJ1c2VyIjpudWxsLCJyb2xlIjoiYWRtaW4ifQ.AAAA", "X-Role": "admin"}
    assert_problem(store.client().get("/admin/wines", headers=forged), 401, "unauthenticated")


# ---------------------------------------------------------------- carts that change hands


def test_the_guests_cart_goes_to_whoever_signs_in(store, plenty):
    shopper = store.shopper()
    shopper.put_in_cart(plenty[0], 2)
    shopper.put_in_cart(plenty[1], 1)
    browser = store.client()
    browser.email, browser.password = shopper.email, shopper.password
    browser.put_in_cart(plenty[0], 3)
    gone = cookies_of(browser.sign_in())
    assert "Max-Age=0" in gone["winestore_guest"]
    # Seen elsewhere too, without another look by this browser.
    assert quantities(shopper) == {plenty[0]: 5, plenty[1]: 1}
    assert quantities(browser) == quantities(browser) == {plenty[0]: 5, plenty[1]: 1}


def test_a_merge_happens_once(store, plenty):
    shopper = store.shopper()
    browser = store.client()
    browser.email, browser.password = shopper.email, shopper.password
    browser.put_in_cart(plenty[0], 3)
    kept = browser.cookies["winestore_guest"]
    browser.sign_in()
    for _ in range(2):  # the removal of the cookie was lost on the way
        again = store.client().get(
            store.api + "/cart", timeout=30,
            headers={"Cookie": f"winestore_guest={kept}; winestore_session={browser.token}"},
        )  # fmt: skip
        assert [item["quantity"] for item in again.json()["items"]] == [3]


def test_sums_are_capped(store, plenty):
    shopper = store.shopper()
    shopper.put_in_cart(plenty[0], 600)
    browser = store.client()
    browser.email, browser.password = shopper.email, shopper.password
    browser.put_in_cart(plenty[0], 600)
    browser.sign_in()
    assert quantities(shopper) == {plenty[0]: 999}


def test_the_guests_orders_go_along(store, plenty):
    shopper, browser = store.shopper(), store.client()
    browser.email, browser.password = shopper.email, shopper.password
    browser.put_in_cart(plenty[0])
    order = browser.order(email="guest@example.com", birth_date="1980-01-01").json()
    browser.sign_in()
    assert [item["id"] for item in shopper.get("/orders").json()["items"]] == [order["id"]]
    assert shopper.settled(order["id"])["status"] == "confirmed"


# ---------------------------------------------------------------- limits


def limited(store, **headers):
    """Signs in wrongly until told to wait; how many tries that took."""
    for tries in range(1, 60):
        # One address each: the account service has a limit of its own for guessing at one account.
        body = {"email": f"{secrets.token_hex(8)}@example.com", "password": "x" * 10}
        answer = store.client().post("/session", json=body, headers=headers)
        if answer.status_code == 429:
            assert int(answer.headers["Retry-After"]) >= 1
            return tries
    raise AssertionError("never told to wait")


def test_forwarded_addresses_count_behind_a_trusted_proxy(start_store):
    store = start_store(
        demo=False, environment={"RATE_LIMITS": "on"}, settings=("http.trusted_proxies=127.0.0.1, 10.0.0.1",)
    )
    first = {"X-Forwarded-For": "203.0.113.7"}
    assert limited(store, **first) > 5
    # What stands left of the last untrusted hop is the client's own invention.
    assert limited(store, **{"X-Forwarded-For": "198.51.100.1, 203.0.113.7, 10.0.0.1"}) == 1
    assert limited(store, **{"X-Forwarded-For": "203.0.113.8"}) > 5


def test_forwarded_addresses_of_strangers_do_not_count(start_store):
    store = start_store(demo=False, environment={"RATE_LIMITS": "on"})
    assert limited(store, **{"X-Forwarded-For": "203.0.113.7"}) > 5
    assert limited(store, **{"X-Forwarded-For": "203.0.113.8"}) == 1


# ---------------------------------------------------------------- operation


def test_metrics_for_this_machine(store):
    answer = store.client().get(store.url + "/metrics")
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    assert re.search(r'^http_requests_total\{kind="read",status="2xx"\} [1-9]', answer.text, re.MULTILINE)
    sample = re.compile(r'^[a-z_:]+(\{[a-z_]+="[^"]*"(,[a-z_]+="[^"]*")*\})? [-+0-9.eNInaf]+$')
    for line in answer.text.splitlines():
        assert not line or line.startswith("# ") or sample.match(line), line
    through = store.client().get(store.url + "/metrics", headers={"X-Forwarded-For": "127.0.0.1"})
    assert_problem(through, 403, "forbidden")


def test_metrics_with_a_token(start_store):
    store = start_store(demo=False, environment={"METRICS_TOKEN": "let me see"})
    through = {"X-Forwarded-For": "203.0.113.7"}
    for token, status in (("let me see", 200), ("let me se", 403), ("", 403)):
        headers = {**through, "Authorization": f"Bearer {token}"}
        assert store.client().get(store.url + "/metrics", headers=headers).status_code == status


def test_readiness_names_what_it_looked_at(store):
    answer = store.client().get(store.url + "/readyz").json()
    assert answer["status"] == "ready"
    assert all(check["ready"] for check in answer["checks"])
    assert "search" in [check["name"] for check in answer["checks"]]


def test_the_document_is_served(store):
    client = store.client()
    answer = client.get(store.url + "/openapi.json")
    assert answer.json() == json.loads(json.dumps(SPEC))
    again = client.get(store.url + "/openapi.json", headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")


# ---------------------------------------------------------------- queues and dead letters


@pytest.fixture(scope="module")
def deaf():
    """A store whose mail server is not there, and which gives a letter up at once."""
    from support import Store

    store = Store(environment={"MAIL": "smtp://127.0.0.1:1"}, settings=("mail.attempts=1",))
    yield store
    store.remove()


def dead_letters(admin, at_least):
    def enough():
        items = admin.get("/admin/queues/mail/dead-letters").json()["items"]
        return len(items) >= at_least and items

    return eventually(enough)


def queue(admin, name):
    return next(item for item in admin.get("/admin/queues").json()["items"] if item["name"] == name)


def test_dead_letters_are_shown_and_driven_back(deaf):
    admin, shopper = deaf.admin(), deaf.shopper()
    assert {item["name"] for item in admin.get("/admin/queues").json()["items"]} == {
        "orders", "stock", "mail", "images", "erasures"
    }
    letter = dead_letters(admin, 1)[0]
    assert letter["body"]["template"] == "verify_email" and letter["body"]["user_id"] == shopper.user["id"]
    assert letter["attempts"] == 1 and letter["error"]
    assert shopper.email not in json.dumps(letter), "queues hold pseudonyms"
    assert queue(admin, "mail")["dead"] == 1
    sent = admin.get("/admin/notifications", params={"status": "failed"}).json()["items"]
    assert [item["user_id"] for item in sent] == [shopper.user["id"]] and sent[0]["error"]
    assert admin.get("/admin/queues/mail/dead-letters", params={"limit": 1}).json()["next_cursor"] is None
    answer = admin.post("/admin/queues/mail/redrive", json={"ids": [letter["id"]]})
    assert (answer.status_code, answer.json()) == (202, {"moved": 1})
    assert dead_letters(admin, 1)[0]["id"], "it fails again, and is kept again"


def test_redriving_by_id_all_and_nonsense(deaf):
    admin = deaf.admin()
    before = queue(admin, "mail")["dead"] + queue(admin, "mail")["in_flight"] + 2
    deaf.shopper()
    deaf.shopper()
    assert len(dead_letters(admin, before)) == before
    for ids in ([], "x", [1], ["x"] * 101):
        assert_problem(admin.post("/admin/queues/mail/redrive", json={"ids": ids}), 422, "invalid_field", "ids")
    assert admin.post("/admin/queues/mail/redrive", json={"ids": ["no such letter"]}).json() == {"moved": 0}
    assert admin.post("/admin/queues/mail/redrive").json() == {"moved": before}
    assert len(dead_letters(admin, before)) == before


# ---------------------------------------------------------------- a shopper's data


@pytest.fixture(scope="module")
def talkative():
    """A store that logs all it ever logs."""
    from support import Store

    store = Store(environment={"LOG_LEVEL": "debug"}, settings=("log.requests=on",))
    yield store
    store.remove()


def somebody(store):
    """A shopper with all that a store keeps of one, and words that nobody else uses."""
    mark = secrets.token_hex(6)
    shopper = store.shopper(
        email=f"mail-{mark}@example.com", password=f"secret-{mark}", name=f"Name{mark} Moreau", birth_date="1977-03-02"
    )
    shopper.street, shopper.mark = f"{mark} Ferry Street", mark
    address = {**CALIFORNIA, "name": shopper.user["name"], "line1": shopper.street}
    assert shopper.post("/me/addresses", json={**address, "default": True}).status_code == 201
    wine = store.wine_in_stock()["id"]
    shopper.put_in_cart(wine)
    shopper.placed = shopper.settled(shopper.order(address=address).json()["id"])
    assert shopper.post(f"/wines/{wine}/ratings", json={"stars": 4, "note": "Good."}).status_code == 201
    shopper.get("/wines", params={"q": f"clos {mark}"})
    return shopper


def test_my_export_is_whole(store):
    shopper = somebody(store)
    eventually(lambda: len(shopper.get("/me/notifications").json()["items"]) >= 2)
    answer = shopper.get("/me/export")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="wine-store-export.json"'
    mine = answer.json()
    assert mine["user"] == shopper.get("/me").json()
    assert [address["line1"] for address in mine["addresses"]] == [shopper.street]
    assert [order["id"] for order in mine["orders"]] == [shopper.placed["id"]]
    assert mine["orders"][0]["shipping_address"]["line1"] == shopper.street
    assert [rating["wine_id"] for rating in mine["ratings"]] == [shopper.placed["lines"][0]["wine_id"]]
    assert {letter["template"] for letter in mine["notifications"]} == {"verify_email", "order_confirmed"}


def files_with(store, *words):
    """Which files of the data directory hold one of the words, mail that went out left aside."""
    found = []
    for file in store.data.rglob("*"):
        if file.is_file() and file.parent.name != "mail":
            content = file.read_bytes()
            found += [(file.name, word) for word in words if word.encode() in content]
    return found


def test_nothing_personal_lies_in_the_clear_and_erasure_takes_the_key(talkative):
    shopper, admin = somebody(talkative), talkative.admin()
    personal = (shopper.email, shopper.user["name"], shopper.street, shopper.password, shopper.token, "1977-03-02")
    assert files_with(talkative, *personal) == []
    order = shopper.placed["id"]
    assert admin.get(f"/admin/orders/{order}").json()["shipping_address"]["line1"] == shopper.street
    wrong = shopper.delete("/me", json={"password": "not this one"})
    assert_problem(wrong, 403, "wrong_password")
    answer = shopper.delete("/me", json={"password": shopper.password})
    assert answer.status_code == 204 and "Max-Age=0" in cookies_of(answer)["winestore_session"]
    program = talkative.client()
    program.headers["Authorization"] = f"Bearer {shopper.token}"
    assert_problem(program.get("/me"), 401, "unauthenticated")
    # The order service hears of it within moments.
    eventually(lambda: admin.get(f"/admin/orders/{order}").json()["shipping_address"] is None)
    kept = admin.get(f"/admin/orders/{order}").json()
    assert kept["email"] is None and kept["status"] == "confirmed"
    assert files_with(talkative, *personal) == []
    again = talkative.client().post("/session", json={"email": shopper.email, "password": shopper.password})
    assert_problem(again, 401, "wrong_credentials")
    assert admin.get("/admin/customers", params={"q": shopper.email}).json()["items"] == []


def test_logs_hold_nothing_personal(talkative):
    shopper, client = somebody(talkative), talkative.client()
    client.post("/session", json={"email": shopper.email, "password": "wrong " + shopper.mark})
    client.post("/users", json={"email": shopper.email, "password": shopper.mark * 2, "name": "A", "birth_date": "2000-01-01"})
    client.post("/password-reset", json={"email": shopper.email})
    client.put("/password-reset", json={"token": "token" + shopper.mark, "password": shopper.mark * 2})
    client.get(talkative.url + f"/reset-password?token={shopper.mark}")
    client.get("/me", headers={"Authorization": f"Bearer {shopper.mark}"})
    talkative.admin().get("/admin/customers", params={"q": shopper.email})
    client.post("/events", json={"events": [{"type": "activity.searched", "query": shopper.email}]})
    client.post("/session", data=f'{{"email":"{shopper.mark}', headers={"Content-Type": "application/json"})
    log = talkative.logged()
    assert shopper.mark not in log and shopper.token not in log
    entries = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    traced = [entry for entry in entries if re.fullmatch("[0-9a-f]{32}", entry.get("trace_id") or "")]
    assert len(traced) > 10, "each request is in it, with its trace"


def test_a_cookie_parser_agrees(store):
    """What we send is what the standard library reads."""
    line = cookies_of(store.shopper().sign_in())["winestore_session"]
    parsed = http.cookies.SimpleCookie(line)["winestore_session"]
    assert parsed["httponly"] and parsed["samesite"] == "Lax" and parsed["path"] == "/"


# ---------------------------------------------------------------- https


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    place = tmp_path_factory.mktemp("tls")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
         "-keyout", place / "key.pem", "-out", place / "certificate.pem"],
        check=True, capture_output=True,
    )  # fmt: skip
    return place


def test_https(start_store, certificate):
    settings = (f"http.certificate={certificate}/certificate.pem", f"http.key={certificate}/key.pem")
    # The environment may name authorities of its own.
    client_settings = {"verify": str(certificate / "certificate.pem"), "trust_env": False}
    store = start_store(settings=settings, client_settings=client_settings)
    assert store.url.startswith("https://")
    shopper = store.shopper()
    assert "Secure" in cookies_of(shopper.sign_in())["winestore_session"]
    shopper.put_in_cart(store.wine_in_stock()["id"])
    assert shopper.settled(shopper.order().json()["id"])["status"] == "confirmed"


def test_half_a_certificate(certificate, tmp_path):
    for half in (f"http.certificate={certificate}/certificate.pem", f"http.key={certificate}/key.pem"):
        done = run_program("serve", "--data", tmp_path / "data", "--set", half, environment={"PORT": "0"})
        assert done.returncode == 1 and "http.certificate and http.key" in done.stderr
    wrong = ("--set", f"http.certificate={certificate}/key.pem", "--set", f"http.key={certificate}/none.pem")
    done = run_program("serve", "--data", tmp_path / "data", *wrong, environment={"PORT": "0"})
    assert done.returncode == 1 and "none.pem" in done.stderr, done.stderr
