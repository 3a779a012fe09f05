"""Every operation of api/openapi.yaml against the running store: it succeeds once, refuses whom it
must, answers 404 and 405 where it should, and takes generated input without a 5xx. That each answer
fits the document is the client's own doing (api_contract.py)."""

import email
import email.policy
import io
import re
import secrets
import struct
import urllib.parse
import zlib

import hypothesis
import hypothesis.strategies as st
import pytest

from api_contract import BY_ID, OPERATIONS, deref, operations_at
from support import CALIFORNIA, Store, assert_problem, eventually

NO_SUCH = "01J9ZQ4T8M3V5X7Y9A1B2C3D4E"
EXPERIMENT = {"name": "One against another", "version_a": 1, "version_b": 2}
ADDRESS = {**CALIFORNIA, "default": True}
WINE = {
    "name": "Les Genêts", "winery": "Maison Tournebise", "type": "White", "country": "France", "region": "Loire",
    "grapes": ["Chenin Blanc"], "vintage": 2021, "bottle_ml": 750, "abv": 12.5,
    "price": {"amount": 2450, "currency": "EUR"},
}  # fmt: skip


def png(width=60, height=120):
    """A plain picture, made by hand."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\0" + b"\x60\x10\x20" * width for _ in range(height))
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


class World:
    """A store with somebody in each role; what operations need is made on demand."""

    def __init__(self, store):
        self.store, self.other = store, None
        self.nobody, self.shopper, self.admin = store.client(), store.shopper(), store.admin()
        self.wine = store.wine_in_stock()["id"]
        currency = store.wines(limit=1)[0]["price"]["currency"]
        self.wine_body = {**WINE, "price": {"amount": 2450, "currency": currency}}

    def elsewhere(self):
        """Another store, for what would change every list of this one."""
        if not self.other:
            self.other = World(Store())
            self.other.other = self.other
        return self.other

    def who(self, operation):
        return {"admin": self.admin, "none": self.nobody}.get(operation.auth, self.shopper)

    def call(self, operation_id, /, client=None, body=None, query=None, headers=None, data=None, **variables):
        operation = BY_ID[operation_id]
        client = client or self.who(operation)
        return client.request(
            operation.method.upper(), self.store.url + operation.path(**variables),
            params=query, json=body, headers=headers, data=data,
        )  # fmt: skip

    def order(self, client=None, **fields):
        client = client or self.shopper
        assert client.put_in_cart(self.wine).status_code == 200
        answer = client.order(**fields)
        assert answer.status_code == 201, answer.text
        return client.settled(answer.json()["id"])

    def new_wine(self):
        answer = self.call("adminCreateWine", body=self.wine_body)
        assert answer.status_code == 201
        return answer

    def address(self):
        return self.call("addAddress", body=ADDRESS).json()["id"]

    def mailed_token(self, address, path):
        """The token of a message to this address whose link leads to `path`."""
        pattern = re.compile(re.escape(path) + r"\S*[?&]token=([^\s&]+)")

        def look():
            for raw in reversed(self.store.mails()):
                if address.encode() not in raw:
                    continue
                message = email.message_from_bytes(raw, policy=email.policy.default)
                found = pattern.search(message.get_body(("plain",)).get_content())
                if found:
                    return urllib.parse.unquote(found.group(1))
            return None

        return eventually(look)


@pytest.fixture(scope="module")
def world(store):
    world = World(store)
    yield world
    if world.other:
        world.other.store.remove()


# ---------------------------------------------------------------- each succeeds


def reset_password(world):
    shopper = world.store.shopper()
    world.call("requestPasswordReset", body={"email": shopper.email})
    token = world.mailed_token(shopper.email, "/reset-password")
    return world.call("resetPassword", body={"token": token, "password": "another long password"})


def verify_email(world):
    shopper = world.store.shopper()
    token = world.mailed_token(shopper.email, "/verify-email")
    answer = world.call("verifyEmail", body={"token": token})
    assert world.call("getMe", client=shopper).json()["email_verified"]
    return answer


def unsubscribe(world):
    """The token stands in promotions alone, so a forged one has to do: refused as one."""
    return assert_problem(world.call("unsubscribe", body={"token": "forged"}), 422, "token_invalid") and None


def erase_me(world):
    shopper = world.store.shopper()
    return world.call("eraseMe", client=shopper, body={"password": shopper.password})


def cancel_order(world):
    return world.call("cancelOrder", id=world.order()["id"])


def replace_wine(world):
    made = world.new_wine()
    headers = {"If-Match": made.headers["ETag"]}
    return world.call("adminReplaceWine", id=made.json()["id"], body={**world.wine_body, "abv": 13}, headers=headers)


def withdraw_wine(world):
    made = world.new_wine()
    answer = world.call("adminWithdrawWine", id=made.json()["id"], headers={"If-Match": made.headers["ETag"]})
    assert_problem(world.call("getWine", id=made.json()["id"]), 410, "withdrawn")
    return answer


def ship(world, order):
    body = {"status": "shipped", "version": order["version"]}
    return world.call("adminSetOrderStatus", id=order["id"], body=body)


def refund(world):
    shipped = ship(world, world.order()).json()
    return world.call("adminRefundOrder", id=shipped["id"], body={"version": shipped["version"]})


def stream_order(world):
    order = world.order(token="declined")  # final, so the stream ends
    with world.shopper.get(f"/orders/{order['id']}/events", stream=True) as answer:
        lines = [line for line in answer.iter_lines() if line and not line.startswith(b":")]
    assert lines[0].startswith(b"id: ") and lines[1] == b"event: status", lines
    return answer


def train_model(world):
    world = world.elsewhere()
    answer = world.call("adminTrainModel")
    eventually(lambda: not world.call("adminListModels").json()["training"])
    return answer


def versions(world):
    """Of two models, trained if need be from a look at a wine; `world` is elsewhere."""
    look = {"events": [{"type": "activity.viewed", "wine_id": world.wine}]}
    assert world.call("postEvents", client=world.shopper, body=look).status_code == 202

    def trained():
        found = world.call("adminListModels").json()["items"]
        return found if len(found) >= 2 else train_model(world) and None

    return [one["version"] for one in eventually(trained)[:2]]


def use_model(world):
    world = world.elsewhere()
    return world.call("adminUseModel", version=str(versions(world)[0]), body={})


def start_experiment(world):
    world = world.elsewhere()
    newer, older = versions(world)
    return world.call("adminStartExperiment", body={**EXPERIMENT, "version_a": older, "version_b": newer})


def get_experiment(world):
    world = world.elsewhere()
    return world.call("adminGetExperiment", id=world.call("adminListExperiments").json()["items"][0]["id"])


def stop_experiment(world):
    world = world.elsewhere()
    for one in world.call("adminListExperiments").json()["items"]:
        answer = world.call("adminStopExperiment", id=one["id"])
        assert world.call("adminGetExperiment", id=one["id"]).json()["result"]["decided"] == 0
    return answer


SUCCESSES = {
    "listWines": lambda w: w.call("listWines", query={"q": "pinot", "type": ["Red", "White"], "limit": 50}),
    "suggestWines": lambda w: w.call("suggestWines", query={"q": "ch"}),
    "getWine": lambda w: w.call("getWine", id=w.wine),
    "listVintages": lambda w: w.call("listVintages", id=w.wine),
    "listSimilarWines": lambda w: w.call("listSimilarWines", id=w.wine),
    "rateWine": lambda w: w.call("rateWine", id=w.wine, body={"stars": 4.5, "note": "Sour cherry."}),
    "listRatings": lambda w: w.call("listRatings", id=w.wine),
    "registerUser": lambda w: w.call(
        "registerUser",
        body={"email": f"new-{secrets.token_hex(6)}@example.com", "password": "a long enough password",
              "name": "Ada Moreau", "birth_date": "1988-04-12"},
    ),
    "getSession": lambda w: w.call("getSession"),
    "signIn": lambda w: w.call(
        "signIn", client=w.store.client(), body={"email": w.shopper.email, "password": w.shopper.password}),
    "signOut": lambda w: w.call("signOut", client=w.store.shopper()),
    "resendVerification": lambda w: w.call("resendVerification"),
    "verifyEmail": verify_email,
    "requestPasswordReset": lambda w: w.call("requestPasswordReset", body={"email": "nobody@example.com"}),
    "resetPassword": reset_password,
    "unsubscribe": unsubscribe,
    "getMe": lambda w: w.call("getMe"),
    "updateMe": lambda w: w.call("updateMe", body={"name": "Ada M.", "marketing": True}),
    "eraseMe": erase_me,
    "listAddresses": lambda w: w.address() and w.call("listAddresses"),
    "addAddress": lambda w: w.call("addAddress", body=ADDRESS),
    "replaceAddress": lambda w: w.call("replaceAddress", id=w.address(), body={**ADDRESS, "line2": "Apt 4"}),
    "deleteAddress": lambda w: w.call("deleteAddress", id=w.address()),
    "listMyNotifications": lambda w: w.call("listMyNotifications"),
    "exportMe": lambda w: w.order() and w.call("exportMe"),
    "getCart": lambda w: w.call("getCart", query={"country": "US", "region": "CA"}),
    "putCartItem": lambda w: w.call("putCartItem", wine_id=w.wine, body={"quantity": 2}),
    "removeCartItem": lambda w: w.call("removeCartItem", wine_id=w.wine),
    "listDestinations": lambda w: w.call("listDestinations"),
    "listOrders": lambda w: w.order() and w.call("listOrders"),
    "placeOrder": lambda w: w.shopper.put_in_cart(w.wine) and w.shopper.order(),
    "getOrder": lambda w: w.call("getOrder", id=w.order()["id"], query={"wait": 1}),
    "streamOrder": stream_order,
    "cancelOrder": cancel_order,
    "listRecommendations": lambda w: w.call("listRecommendations"),
    "postEvents": lambda w: w.call(
        "postEvents",
        body={"events": [{"type": "activity.viewed", "wine_id": w.wine}, {"type": "activity.searched", "query": "x"}]}),
    "adminListWines": lambda w: w.call("adminListWines", query={"q": "clos", "sort": "-price", "limit": 30}),
    "adminCreateWine": lambda w: w.new_wine(),
    "adminGetWine": lambda w: w.call("adminGetWine", id=w.wine),
    "adminReplaceWine": replace_wine,
    "adminWithdrawWine": withdraw_wine,
    "adminChangeStock": lambda w: w.call("adminChangeStock", id=w.wine, body={"change": 24, "reason": "Delivery"}),
    "adminUploadImage": lambda w: w.call(
        "adminUploadImage", id=w.new_wine().json()["id"], data=png(), headers={"Content-Type": "image/png"}),
    "adminDeleteImages": lambda w: w.call("adminDeleteImages", id=w.new_wine().json()["id"]),
    "adminListOrders": lambda w: w.order() and w.call("adminListOrders"),
    "adminGetOrder": lambda w: w.call("adminGetOrder", id=w.order()["id"]),
    "adminSetOrderStatus": lambda w: ship(w, w.order()),
    "adminRefundOrder": refund,
    "adminListCustomers": lambda w: w.call("adminListCustomers"),
    "adminListNotifications": lambda w: w.call("adminListNotifications"),
    "adminListQueues": lambda w: w.call("adminListQueues"),
    "adminListDeadLetters": lambda w: w.call("adminListDeadLetters", name="mail"),
    "adminRedriveQueue": lambda w: w.call("adminRedriveQueue", name="mail", body={}),
    "adminListModels": lambda w: w.call("adminListModels"),
    "adminTrainModel": train_model,
    "adminUseModel": use_model,
    "adminListExperiments": lambda w: w.call("adminListExperiments"),
    "adminStartExperiment": start_experiment,
    "adminGetExperiment": get_experiment,
    "adminStopExperiment": stop_experiment,
    "adminListStreamDeadLetters": lambda w: w.call("adminListStreamDeadLetters"),
    "adminDashboard": lambda w: w.order() and w.call("adminDashboard", query={"days": 7}),
    "getHealth": lambda w: w.call("getHealth"),
    "getReadiness": lambda w: w.call("getReadiness"),
    "getMetrics": lambda w: w.call("getMetrics"),
    "getOpenApi": lambda w: w.call("getOpenApi"),
}  # fmt: skip


def test_every_operation_is_called():
    assert set(SUCCESSES) == set(BY_ID)


@pytest.mark.parametrize("id", BY_ID)
def test_succeeds(world, id):
    answer = SUCCESSES[id](world)
    if answer is not None:
        assert answer.status_code < 300, f"{answer.status_code}: {answer.text}"


def test_orders_as_csv(world):
    world.order()
    answer = world.admin.get("/admin/orders", headers={"Accept": "text/csv"})
    assert answer.headers["Content-Type"].startswith("text/csv")
    assert answer.text.startswith("number,id,placed_at,status,")
    assert answer.content == world.admin.get("/admin/orders", params={"format": "csv"}).content


# ---------------------------------------------------------------- whom it refuses

VARIABLES = {"id": NO_SUCH, "wine_id": NO_SUCH, "name": "mail", "version": "1"}


def bare(operation, **variables):
    """What a well-formed request to an operation has: headers and a body."""
    headers, body = {}, None
    if any(p["name"] == "If-Match" for p in operation.parameters):
        headers["If-Match"] = '"1"'
    if operation.body is not None and "application/json" in operation.body["content"]:
        body = BODIES[operation.id]
    data = None
    if operation.id == "adminUploadImage":
        headers["Content-Type"], data = "image/png", png()
    return {"headers": headers, "body": body, "data": data, **{**VARIABLES, **variables}}


BODIES = {
    "rateWine": {"stars": 4},
    "resendVerification": {},
    "updateMe": {"name": "Ada"},
    "eraseMe": {"password": "not the password"},
    "addAddress": ADDRESS,
    "replaceAddress": ADDRESS,
    "putCartItem": {"quantity": 1},
    "placeOrder": {"shipping_address": CALIFORNIA, "payment": {"method": "test", "token": "ok"},
                   "email": "a@example.com", "birth_date": "1980-01-01"},
    "cancelOrder": {},
    "adminCreateWine": WINE,
    "adminReplaceWine": WINE,
    "adminChangeStock": {"change": 1, "reason": "Delivery"},
    "adminSetOrderStatus": {"status": "shipped", "version": 1},
    "adminRefundOrder": {"version": 1},
    "adminRedriveQueue": {},
    "adminTrainModel": {},
    "adminUseModel": {},
    "adminStartExperiment": EXPERIMENT,
    "adminStopExperiment": {},
    "registerUser": {"email": "a@example.com", "password": "long enough", "name": "A", "birth_date": "1980-01-01"},
    "signIn": {"email": "a@example.com", "password": "long enough"},
    "verifyEmail": {"token": "x"},
    "requestPasswordReset": {"email": "a@example.com"},
    "resetPassword": {"token": "x", "password": "long enough"},
    "unsubscribe": {"token": "x"},
    "postEvents": {"events": [{"type": "activity.searched", "query": "x"}]},
}  # fmt: skip


def ids(*kinds):
    return [operation.id for operation in OPERATIONS if operation.auth in kinds]


@pytest.mark.parametrize("id", ids("session", "admin"))
def test_nobody_is_unauthenticated(world, id):
    operation = BY_ID[id]
    assert_problem(world.call(id, client=world.store.client(), **bare(operation)), 401, "unauthenticated")
    stranger = world.store.client()
    stranger.headers["Authorization"] = "Bearer " + secrets.token_urlsafe(32)
    assert_problem(world.call(id, client=stranger, **bare(operation)), 401, "unauthenticated")


@pytest.mark.parametrize("id", ids("none"))
def test_a_stranger_with_an_old_token(world, id):
    """Ignored or refused, as the document says."""
    stranger = world.store.client()
    stranger.headers["Authorization"] = "Bearer " + secrets.token_urlsafe(32)
    assert world.call(id, client=stranger, **bare(BY_ID[id])).status_code < 500


@pytest.mark.parametrize("id", ids("admin"))
def test_a_shopper_is_no_admin(world, id):
    assert_problem(world.call(id, client=world.shopper, **bare(BY_ID[id])), 403, "forbidden")


# A cart begins without an identity, an order does not.
@pytest.mark.parametrize("id", [id for id in ids("guest") if "orders" in BY_ID[id].template])
def test_nobody_sees_no_order(world, id):
    request = bare(BY_ID[id])
    request["headers"]["Idempotency-Key"] = secrets.token_hex(8)
    assert_problem(world.call(id, client=world.store.client(), **request), 401, "unauthenticated")


# Taking out of a cart what is not in it changes nothing: no error.
UNKNOWN_IDS = [
    (operation.id, unknown)
    for operation in OPERATIONS
    for unknown in (NO_SUCH, "x", "0" * 25, "0" * 27, "%2e%2e", "ü")
    if "{" in operation.template and (operation.id, unknown) != ("removeCartItem", NO_SUCH)
]


@pytest.mark.parametrize("id,unknown", UNKNOWN_IDS)
def test_unknown_ids(world, id, unknown):
    answer = world.call(id, **bare(BY_ID[id], id=unknown, wine_id=unknown, name=unknown, version=unknown))
    assert_problem(answer, 404, "not_found")


TEMPLATES = sorted({operation.template for operation in OPERATIONS})


@pytest.mark.parametrize("template", TEMPLATES)
def test_other_methods(world, template):
    path = re.sub(r"{(\w+)}", lambda found: VARIABLES[found.group(1)], template)
    for method in ("get", "post", "put", "patch", "delete"):
        if method not in operations_at(path):
            answer = world.admin.request(method.upper(), world.store.url + path)
            assert_problem(answer, 405, "method_not_allowed")


# ---------------------------------------------------------------- generated input

letters = st.text(st.characters(blacklist_categories=("Cs",)), max_size=30)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False) | letters,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(letters, inner, max_size=4),
    max_leaves=8,
)


def of_schema(schema):
    """Values such as a schema has them, and beside them."""
    schema = deref(schema)
    kind = schema.get("type")
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if kind == "integer":
        low, high = schema.get("minimum", -10), schema.get("maximum", 10**6)
        return st.integers(low, high) | st.sampled_from([low - 1, high + 1, 0, -1, 2**31, 2**63, 2**64])
    if kind == "boolean":
        return st.sampled_from(["true", "false", "1", ""])
    if kind == "array":
        return st.lists(of_schema(schema["items"]), max_size=4)
    return letters | st.sampled_from(["", "pinot", "'", '"', "*", "(", "a OR", "-", "\\", "%", "a" * 300, "<script>"])


def generated_query(operation):
    names = {p["name"]: of_schema(p["schema"]) | letters for p in operation.parameters if p["in"] == "query"}
    # Orders are waited for elsewhere.
    names.pop("wait", None)
    return st.fixed_dictionaries({}, optional={**names, "unknown": letters})


@st.composite
def generated_body(draw, operation):
    """A good body with some of it exchanged, or anything."""
    if draw(st.integers(0, 3)) == 0:
        return draw(json_values)
    body = dict(BODIES[operation.id])
    for key in draw(st.lists(st.sampled_from([*body, "extra"]), max_size=3, unique=True)):
        if draw(st.booleans()):
            body[key] = draw(json_values)
        else:
            body.pop(key, None)
    return body


printable = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=40).map(str.strip)
few = hypothesis.settings(
    max_examples=30, derandomize=True, deadline=None, database=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow, hypothesis.HealthCheck.function_scoped_fixture],
)  # fmt: skip


@pytest.fixture(scope="module")
def fuzzed():
    """A store of its own: what generated wines and accounts do to the catalogue is its own affair."""
    from support import Store

    running = Store()
    yield World(running)
    running.remove()


# Those that end the identity of the tests that follow.
ENDING = {"signOut"}


@pytest.mark.parametrize("id", [operation.id for operation in OPERATIONS if operation.id not in ENDING])
def test_generated_input(fuzzed, id):
    operation = BY_ID[id]
    body = st.none()
    if operation.body is not None:
        body = generated_body(operation) if id in BODIES else st.none()
    known = {"id": fuzzed.wine, "wine_id": fuzzed.wine, "name": "mail", "version": "1"}

    @few
    @hypothesis.given(
        query=generated_query(operation),
        body=body,
        idempotency=printable,
        match=printable | st.sampled_from(['"1"', "*", '"0"', '"99999999999999999999"']),
        place=st.booleans(),
        odd=letters.filter(lambda text: text.strip("./")),
    )
    def run(query, body, idempotency, match, place, odd):
        variables = known if place else dict.fromkeys(known, odd)
        headers = {"Idempotency-Key": idempotency, "If-Match": match, "If-None-Match": match}
        data = None
        if id == "adminUploadImage":
            headers["Content-Type"], data = "image/png", odd.encode()
        if id == "streamOrder":
            headers["Last-Event-ID"] = idempotency
        if BY_ID[id].method == "get" and body is None:
            headers.pop("If-Match")
        answer = fuzzed.call(id, query=query, body=body, data=data, headers=headers, **variables)  # fmt: skip
        assert answer.status_code < 500, answer.text

    run()


@hypothesis.settings(few, max_examples=150)
@hypothesis.given(raw=st.binary(max_size=200))
def test_generated_bytes_for_a_body(store, raw):
    answer = store.client().post("/session", data=io.BytesIO(raw), headers={"Content-Type": "application/json"})
    assert answer.status_code in (400, 401, 411, 422), answer.text
