"""Accounts over HTTP: the way of a shopper from registration to erasure, and what is refused."""

import email
import email.policy
import re
import secrets
import time

import pytest

from support import CALIFORNIA, assert_problem, eventually


def person(**fields):
    return {
        "email": f"p-{secrets.token_hex(6)}@example.com",
        "password": "a long enough password",
        "name": "Ada Moreau",
        "birth_date": "1988-04-12",
        **fields,
    }


def letter(store, address, subject, timeout=90):
    """The newest letter to `address` with `subject`: its headers, text and HTML."""
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        for raw in reversed(store.mails()):
            message = email.message_from_bytes(raw, policy=email.policy.default)
            if address in message["To"] and subject in message["Subject"]:
                text = message.get_body(("plain",)).get_content()
                return message, text, message.get_body(("html",)).get_content()
        time.sleep(0.05)
    raise AssertionError(f"no letter {subject!r} to {address}")


def token_in(text, page):
    found = re.search(rf"/{page}\?token=([A-Za-z0-9_-]+)", text)
    assert found, text
    return found.group(1)


# ---- the way through


def test_registration_is_verified_by_mail(store):
    shopper = store.shopper(name="Zoë Müller")
    assert shopper.get("/me").json()["email_verified"] is False
    message, text, html = letter(store, shopper.email, "Confirm your e-mail")
    assert "Zoë" in text and "Zoë" in html
    token = token_in(text, "verify-email")
    assert token_in(html, "verify-email") == token
    anybody = store.client()
    for _ in range(2):
        assert anybody.put("/email-verification", json={"token": token}).status_code == 204
    assert shopper.get("/me").json()["email_verified"] is True
    assert shopper.post("/email-verification").status_code == 202
    wrong = token[:-1] + ("0" if token[-1] != "0" else "1")
    assert_problem(
        anybody.put("/email-verification", json={"token": wrong}), 422, "token_invalid", "token"
    )


def test_password_is_reset_by_mail_once(store):
    shopper = store.shopper()
    anybody = store.client()
    for address in (shopper.email.upper(), "nobody@example.com"):
        answer = anybody.post("/password-reset", json={"email": address})
        assert (answer.status_code, answer.content) == (202, b"")
    _, text, _ = letter(store, shopper.email, "Choose a new password")
    token = token_in(text, "reset-password")
    assert_problem(
        anybody.put("/password-reset", json={"token": token, "password": "short"}),
        422,
        "invalid_field",
        "password",
    )
    reset = {"token": token, "password": "another long password"}
    assert anybody.put("/password-reset", json=reset).status_code == 204
    assert_problem(anybody.put("/password-reset", json=reset), 422, "token_invalid", "token")
    old = {"email": shopper.email, "password": shopper.password}
    assert_problem(anybody.post("/session", json=old), 401, "wrong_credentials")
    assert anybody.post("/session", json={**old, "password": reset["password"]}).status_code == 201
    # The gateway may remember a session for 5 s.
    program = store.client()
    program.headers["Authorization"] = f"Bearer {shopper.token}"
    eventually(lambda: program.get("/me").status_code == 401)


def test_session_begins_and_ends(store):
    shopper = store.shopper()
    cookie = next(c for c in shopper.cookies if c.name == "winestore_session")
    assert cookie.has_nonstandard_attr("HttpOnly")
    who = shopper.get("/session").json()
    assert who["user"]["email"] == shopper.email
    stranger = store.client()
    assert stranger.get("/session").json() == {"user": None, "guest": False}
    assert stranger.delete("/session").status_code == 204
    headers = {"Authorization": f"Bearer {shopper.token}"}
    assert store.client().get(store.api + "/me", headers=headers, timeout=10).status_code == 200
    assert shopper.delete("/session").status_code == 204
    assert shopper.get("/session").json()["user"] is None
    assert_problem(
        store.client().get(store.api + "/me", headers=headers, timeout=10), 401, "unauthenticated"
    )


def test_profile_and_addresses(store):
    shopper = store.shopper()
    patched = shopper.patch("/me", json={"name": "Ada M.", "marketing": True})
    assert patched.status_code == 200
    assert (patched.json()["name"], patched.json()["marketing"]) == ("Ada M.", True)
    assert patched.json()["birth_date"] == "1988-04-12"
    made = shopper.post("/me/addresses", json=CALIFORNIA)
    assert made.status_code == 201
    assert made.headers["Location"].endswith(made.json()["id"])
    assert made.json()["default"] is True
    second = shopper.post("/me/addresses", json={**CALIFORNIA, "line1": "2", "default": True})
    items = shopper.get("/me/addresses").json()["items"]
    assert [item["id"] for item in items] == [second.json()["id"], made.json()["id"]]
    assert [item["default"] for item in items] == [True, False]
    other = store.shopper()
    path = f"/me/addresses/{made.json()['id']}"
    assert_problem(other.put(path, json=CALIFORNIA), 404, "not_found")
    assert_problem(other.delete(path), 404, "not_found")
    assert shopper.delete(path).status_code == 204
    assert_problem(shopper.delete(path), 404, "not_found")


def test_new_address_is_verified_anew(store):
    shopper = store.shopper()
    new = f"new-{secrets.token_hex(6)}@example.com"
    assert shopper.patch("/me", json={"email": new}).json()["email_verified"] is False
    _, text, _ = letter(store, new, "Confirm your e-mail")
    old, old_text, _ = letter(store, shopper.email, "Confirm your e-mail")
    anybody = store.client()
    assert_problem(
        anybody.put("/email-verification", json={"token": token_in(old_text, "verify-email")}),
        422,
        "token_invalid",
    )
    token = token_in(text, "verify-email")
    assert anybody.put("/email-verification", json={"token": token}).status_code == 204
    taken = store.shopper()
    assert_problem(shopper.patch("/me", json={"email": taken.email}), 409, "email_taken", "email")


def test_notifications_are_listed_for_their_reader(store):
    shopper = store.shopper()
    letter(store, shopper.email, "Confirm your e-mail")
    items = eventually(lambda: shopper.get("/me/notifications").json()["items"])
    assert [item["template"] for item in items] == ["verify_email"]
    assert items[0]["status"] == "sent" and items[0]["sent_at"]
    assert store.shopper().get("/me/notifications", params={"limit": 1}).status_code == 200
    admin = store.admin()
    everything = admin.get("/admin/notifications", params={"limit": 100}).json()["items"]
    assert items[0]["id"] in [item["id"] for item in everything]
    assert all("@" not in str(item) for item in everything)
    assert_problem(shopper.get("/admin/notifications"), 403, "forbidden")


def test_customers_are_found_by_address_or_id(store):
    shopper = store.shopper(name="Grace Found")
    admin = store.admin()
    for q in (shopper.email.upper(), shopper.user["id"]):
        items = admin.get("/admin/customers", params={"q": q}).json()["items"]
        assert [item["name"] for item in items] == ["Grace Found"]
    assert admin.get("/admin/customers", params={"q": "Grace"}).json()["items"] == []
    page = admin.get("/admin/customers", params={"limit": 1}).json()
    assert len(page["items"]) == 1 and page["next_cursor"]
    following = admin.get("/admin/customers", params={"limit": 1, "cursor": page["next_cursor"]})
    assert following.json()["items"][0]["id"] < page["items"][0]["id"]
    assert_problem(admin.get("/admin/customers", params={"cursor": "x"}), 400)
    assert_problem(admin.get("/admin/customers", params={"limit": "0"}), 422, "invalid_field")
    assert_problem(shopper.get("/admin/customers"), 403, "forbidden")
    assert_problem(store.client().get("/admin/customers"), 401, "unauthenticated")


# ---- secrets


def files_holding(store, wanted):
    found = []
    for path in store.data.rglob("*"):
        if path.is_file() and "mail" not in path.relative_to(store.data).parts[0]:
            if wanted.encode() in path.read_bytes():
                found.append(path.name)
    return found


def test_nothing_personal_is_kept_in_the_clear(start_store):
    store = start_store()
    shopper = store.shopper(
        name="Philomena Quackenbush", email="philomena.q@quackenbush.example", birth_date="1961-07-23"
    )
    shopper.post("/me/addresses", json={**CALIFORNIA, "line1": "77 Zyzzyva Lane"})
    shopper.put_in_cart(store.wine_in_stock()["id"], 1)
    address = {**CALIFORNIA, "name": "Philomena Quackenbush", "line1": "77 Zyzzyva Lane"}
    order = shopper.order(address=address).json()
    assert shopper.settled(order["id"])["status"] == "confirmed"
    letter(store, shopper.email, "is confirmed")
    secrets_ = ("Quackenbush", "quackenbush", "Philomena", "philomena", "1961-07-23", "Zyzzyva")
    assert files_holding(store, shopper.user["id"])
    for secret in (*secrets_, shopper.password, shopper.token):
        assert files_holding(store, secret) == []
    for secret in secrets_:
        assert secret not in store.logged()


def test_erasure_leaves_a_pseudonym(start_store):
    store = start_store()
    shopper = store.shopper()
    shopper.post("/me/addresses", json=CALIFORNIA)
    shopper.put_in_cart(store.wine_in_stock()["id"], 1)
    order = shopper.order().json()
    assert shopper.settled(order["id"])["status"] == "confirmed"
    assert shopper.get("/me/export").json()["user"]["email"] == shopper.email
    assert_problem(
        shopper.delete("/me", json={"password": "wrong"}), 403, "wrong_password", "password"
    )
    assert shopper.delete("/me", json={"password": shopper.password}).status_code == 204
    assert shopper.get("/session").json()["user"] is None
    headers = {"Authorization": f"Bearer {shopper.token}"}
    assert_problem(
        store.client().get(store.api + "/me", headers=headers, timeout=10), 401, "unauthenticated"
    )
    credentials = {"email": shopper.email, "password": shopper.password}
    assert_problem(store.client().post("/session", json=credentials), 401, "wrong_credentials")
    admin = store.admin()
    assert admin.get("/admin/customers", params={"q": shopper.email}).json()["items"] == []
    # The order service may remember a shopper for a moment.
    eventually(lambda: admin.get(f"/admin/orders/{order['id']}").json()["email"] is None)
    kept = admin.get(f"/admin/orders/{order['id']}").json()
    assert kept["shipping_address"] is None and kept["email"] is None
    assert kept["totals"] == order["totals"]
    assert store.client().post("/users", json=person(email=shopper.email)).status_code == 201


def test_export_holds_everything(store):
    shopper = store.shopper()
    shopper.post("/me/addresses", json=CALIFORNIA)
    answer = shopper.get("/me/export")
    assert answer.headers["Content-Disposition"].startswith("attachment")
    export = answer.json()
    assert export["user"]["email"] == shopper.email
    assert export["addresses"][0]["city"] == "San Francisco"
    assert export["orders"] == [] and export["ratings"] == []
    assert isinstance(export["notifications"], list)


# ---- what is refused


@pytest.mark.parametrize(
    "field, value",
    [
        ("email", ""),
        ("email", "ada"),
        ("email", "ada@localhost"),
        ("email", "ada@example.com\r\nBcc: eve@example.com"),
        ("email", "ada@example.com,eve@example.com"),
        ("email", "a" * 10000 + "@example.com"),
        ("email", None),
        ("email", ["ada@example.com"]),
        ("password", "seven77"),
        ("password", "x" * 129),
        ("password", 12345678),
        ("password", None),
        ("name", ""),
        ("name", " \t "),
        ("name", "Ada\nBcc: eve@example.com"),
        ("name", "\x1b[31mAda"),
        ("name", "x" * 101),
        ("name", {"first": "Ada"}),
        ("birth_date", "2001-02-29"),
        ("birth_date", "29.02.2000"),
        ("birth_date", "1899-12-31"),
        ("birth_date", "2999-01-01"),
        ("birth_date", time.strftime("%Y-%m-%d")),
        ("birth_date", 19880412),
        ("marketing", "yes"),
    ],
)
def test_bad_registration_names_its_field(store, field, value):
    answer = store.client().post("/users", json=person(**{field: value}))
    assert_problem(answer, 422, "invalid_field", field)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'{"email": "a@example.com", "email": "b@example.com"}',
        b'{"email": "a\\u0000@example.com"}',
        b'{"email": "\xff@example.com"}',
        b'{"name": ' + b"[" * 30000 + b"]" * 30000 + b"}",
    ],
)
def test_unreadable_registration_is_400(store, body):
    headers = {"Content-Type": "application/json"}
    answer = store.client().post("/users", data=body, headers=headers)
    assert_problem(answer, 400)


def test_registration_needs_json(store):
    assert_problem(store.client().post("/users", data=person()), 415, "unsupported_media_type")


def test_taken_address_differs_in_nothing_but_case(store):
    shopper = store.shopper()
    answer = store.client().post("/users", json=person(email=shopper.email.upper()))
    assert_problem(answer, 409, "email_taken", "email")


@pytest.mark.parametrize("name", ["王小明", "Zoë 🍷 O'Brien-\"Smith\"", "<b>Ada</b> & Co", "x" * 100])
def test_names_are_kept_as_they_are(store, name):
    answer = store.client().post("/users", json=person(name=name))
    assert answer.status_code == 201
    assert answer.json()["name"] == name


def test_wrong_credentials_look_alike(store):
    shopper = store.shopper()
    texts, times = [], []
    for address in (shopper.email, "nobody@example.com"):
        began = time.monotonic()
        answer = store.client().post("/session", json={"email": address, "password": "wrong one"})
        times.append(time.monotonic() - began)
        problem = assert_problem(answer, 401, "wrong_credentials")
        texts.append((problem["title"], problem["detail"]))
    assert texts[0] == texts[1]
    assert min(times) > 0.004  # both were hashed


@pytest.mark.parametrize(
    "method, path",
    [
        ("GET", "/me"),
        ("PATCH", "/me"),
        ("DELETE", "/me"),
        ("GET", "/me/addresses"),
        ("POST", "/me/addresses"),
        ("GET", "/me/notifications"),
        ("GET", "/me/export"),
        ("POST", "/email-verification"),
        ("GET", "/admin/customers"),
        ("GET", "/admin/notifications"),
    ],
)
def test_strangers_are_refused(store, method, path):
    body = {} if method in ("PATCH", "POST", "DELETE") else None
    assert_problem(store.client().request(method, path, json=body), 401, "unauthenticated")


def test_guessing_is_limited(start_store):
    store = start_store(environment={"RATE_LIMITS": "on"}, demo=False)
    guesses = [
        store.client().post(
            "/session", json={"email": "office@example.com", "password": f"guess {i}"}
        )
        for i in range(40)
    ]
    refused = [answer for answer in guesses if answer.status_code == 429]
    assert refused and guesses[0].status_code == 401
    assert_problem(refused[0], 429, "rate_limited")
    assert int(refused[0].headers["Retry-After"]) >= 1


def test_internal_paths_are_not_there(store):
    shopper = store.shopper()
    for path in (f"/internal/users/{shopper.user['id']}", "/internal/export"):
        assert shopper.get(store.url + path).status_code == 404
        assert shopper.get(path).status_code == 404
