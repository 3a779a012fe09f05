"""A scorer outside the store: an endpoint that speaks SageMaker's inference contract and checks every
signature with botocore, AWS's own signer for Python."""

import datetime
import http.server
import json
import re
import tempfile
import threading
import time

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from support import eventually, run_program

KEY_ID = "AKIAWINESTORETEST"
SECRET = "hush/Secret+of0the1Scorer"
TOKEN = "FwoGZXIvYXdzEBYaDHush+Token//Of=="
REGION = "eu-central-1"
SCORER = f"sagemaker://wine-scorer?region={REGION}"


def expected_authorization(handler, body):
    """What botocore signs the same request with, given its time and the headers that were signed."""
    names = re.search(r"SignedHeaders=([^,]+)", handler.headers["Authorization"]).group(1).split(";")
    request = AWSRequest(
        method=handler.command,
        url=f"http://{handler.headers['Host']}{handler.path}",
        data=body,
        headers={name: handler.headers[name] for name in names},
    )
    request.context["timestamp"] = handler.headers["X-Amz-Date"]
    auth = SigV4Auth(Credentials(KEY_ID, SECRET, TOKEN), "sagemaker", REGION)
    to_sign = auth.string_to_sign(request, auth.canonical_request(request))
    return (
        f"AWS4-HMAC-SHA256 Credential={auth.scope(request)}, "
        f"SignedHeaders={';'.join(names)}, Signature={auth.signature(to_sign, request)}"
    )


def refusal(handler, body):
    """Why AWS would refuse the request, or None."""
    if "Authorization" not in handler.headers or handler.headers["X-Amz-Security-Token"] != TOKEN:
        return "UnrecognizedClientException"
    signed = re.search(r"SignedHeaders=([^,]+)", handler.headers["Authorization"]).group(1).split(";")
    if not {"host", "content-type", "x-amz-date", "x-amz-security-token"} <= set(signed):
        return "IncompleteSignature"
    made = datetime.datetime.strptime(handler.headers["X-Amz-Date"], "%Y%m%dT%H%M%SZ")
    if abs(datetime.datetime.utcnow() - made) > datetime.timedelta(minutes=5):
        return "RequestExpired"
    if handler.headers["Authorization"] != expected_authorization(handler, body):
        return "InvalidSignatureException"
    return None


class Endpoint(http.server.ThreadingHTTPServer):
    """`behave` makes the answer of the candidates; `asked` has what came with a good signature."""

    daemon_threads = True

    def __init__(self):
        self.asked, self.refused, self.raw, self.connections = [], [], [], 0
        self.behave = lambda candidates: {"scores": [-place for place in range(len(candidates))]}
        self.delay, self.status = 0, 200
        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"

    def reset(self):
        self.delay, self.status = 0, 200


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def setup(self):
        self.server.connections += 1
        super().setup()

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.raw.append(f"{self.requestline}\n{self.headers}{body.decode()}")
        why = refusal(self, body)
        if self.path != "/endpoints/wine-scorer/invocations":
            self.answer(400, b'{"message": "Endpoint not found"}')
        elif why:
            self.server.refused.append(why)
            # As AWS does, it repeats what should have been signed: the token is in it.
            self.answer(403, json.dumps({"message": f"{why}: {self.headers}"}).encode())
        else:
            question = json.loads(body)
            self.server.asked.append(question)
            time.sleep(self.server.delay)
            made = self.server.behave(question["candidates"])
            self.answer(self.server.status, made if isinstance(made, bytes) else json.dumps(made).encode())

    def answer(self, status, body):
        try:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        except OSError:
            pass  # the store did not wait

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def endpoint():
    running = Endpoint()
    yield running
    running.shutdown()
    running.server_close()


@pytest.fixture
def start(start_store, endpoint):
    def run(secret=SECRET, deadline_ms=2000):
        endpoint.reset()
        endpoint.asked.clear()
        endpoint.refused.clear()
        endpoint.raw.clear()
        endpoint.behave = lambda candidates: {"scores": [-place for place in range(len(candidates))]}
        return start_store(
            environment={
                "AWS_ACCESS_KEY_ID": KEY_ID,
                "AWS_SECRET_ACCESS_KEY": secret,
                "AWS_SESSION_TOKEN": TOKEN,
                "LOG_LEVEL": "debug",
            },
            settings=[
                f"recommendation.scorer={SCORER}",
                f"recommendation.scorer_url={endpoint.url}",
                f"recommendation.scorer_deadline_ms={deadline_ms}",
                "log.requests=on",
            ],
        )

    return run


def known_shopper(store, endpoint=None):
    """A shopper of whom three things are known, to the endpoint too."""
    shopper = store.shopper()
    for wine in store.wines(type="White", limit=3):
        answer = shopper.post(f"/wines/{wine['id']}/ratings", json={"stars": 5})
        assert answer.status_code in (200, 201), answer.text
    eventually(lambda: shopper.get("/recommendations").json()["personal"])
    if endpoint:
        eventually(lambda: (listed(shopper), len(endpoint.asked[-1]["history"]) == 3)[1])
    return shopper


def listed(shopper, **query):
    answer = shopper.get("/recommendations", params=query)
    assert answer.status_code == 200, answer.text
    return [item["wine"]["id"] for item in answer.json()["items"]]


def counted(store, result):
    text = store.client().get(store.url + "/metrics").text
    return int(re.search(rf'recommendation_scorer_calls_total{{result="{result}"}} (\d+)', text).group(1))


def assert_keeps_secrets(store):
    for text in (store.logged(), store.output):
        for secret in (SECRET, TOKEN, "Signature=", "Authorization"):
            assert secret not in text


def test_scores_put_the_list_in_order(start, endpoint):
    store = start()
    shopper = known_shopper(store, endpoint)
    own = listed(shopper)
    question = endpoint.asked[-1]
    candidates = question["candidates"]
    assert len(set(candidates)) == len(candidates) > 50 and len(candidates) <= 200
    assert own[0] == candidates[0]

    # The last of our own becomes the first, and what follows stays in our order.
    endpoint.behave = lambda asked: {"scores": [float(wine == candidates[-1]) for wine in asked]}
    lifted = listed(shopper)
    assert lifted[0] == candidates[-1] != own[0]
    assert lifted[1] == own[0]

    endpoint.behave = lambda asked: {"scores": list(range(len(asked)))}
    reversed_list = listed(shopper)
    assert reversed_list[0] == candidates[-1]
    assert not set(own) & set(reversed_list[:5])

    # The reasons stay ours, and so do the filters.
    items = shopper.get("/recommendations").json()["items"]
    assert all(item["reason"]["text"] for item in items)
    assert all(item["wine"]["available"] > 0 for item in items)
    assert endpoint.refused == []
    assert counted(store, "ok") == len(endpoint.asked)
    assert all(counted(store, other) == 0 for other in ("late", "failed", "refused", "skipped"))
    assert_keeps_secrets(store)


def test_only_pseudonymous_data_goes_out(start, endpoint):
    store = start()
    shopper = known_shopper(store, endpoint)
    liked = {wine["id"] for wine in store.wines(type="White", limit=3)}
    question = endpoint.asked[-1]
    assert set(question) == {"history", "candidates"}
    assert {known["wine"] for known in question["history"]} == liked
    assert all(set(known) == {"wine", "weight"} and known["weight"] > 0 for known in question["history"])
    catalogue = {wine["id"] for wine in store.wines(limit=100)}
    assert catalogue & set(question["candidates"])
    for raw in endpoint.raw:
        for personal in (shopper.user["id"], shopper.email, shopper.token, "Ada", "Cookie", "traceparent"):
            assert personal not in raw
    # One connection carries one question after the other.
    before = endpoint.connections
    for _ in range(5):
        listed(shopper)
    assert endpoint.connections == before


def test_strangers_and_other_lists_are_not_asked_about(start, endpoint):
    store = start()
    shopper = known_shopper(store, endpoint)
    endpoint.asked.clear()
    assert listed(store.client())
    shopper.get("/recommendations", params={"list": "buy_again"})
    assert endpoint.asked == []


WRONG_ANSWERS = {
    "no JSON": b"<html>",
    "another object": {"predictions": []},
    "too few": lambda candidates: {"scores": [1.0] * (len(candidates) - 1)},
    "not numbers": lambda candidates: {"scores": ["high"] * len(candidates)},
    "no finite numbers": lambda candidates: {"scores": [float("nan")] * len(candidates)},
    "too much": lambda candidates: {"scores": [1.0] * len(candidates), "more": "x" * 100_000},
}


def test_wrong_answers_leave_our_own_order(start, endpoint):
    store = start()
    shopper = known_shopper(store, endpoint)
    own = listed(shopper)
    reverse = lambda asked: {"scores": list(range(len(asked)))}  # noqa: E731
    for number, (name, wrong) in enumerate(WRONG_ANSWERS.items(), 1):
        endpoint.behave = wrong if callable(wrong) else lambda _, wrong=wrong: wrong
        assert listed(shopper) == own, name
        assert counted(store, "failed") == number, name
        endpoint.behave = reverse
        assert listed(shopper) != own, name
    endpoint.status = 500
    assert listed(shopper) == own
    assert counted(store, "failed") == len(WRONG_ANSWERS) + 1
    endpoint.status = 400
    assert listed(shopper) == own
    assert counted(store, "refused") == 1
    assert_keeps_secrets(store)


def test_a_slow_endpoint_is_not_waited_for_and_then_left_alone(start, endpoint):
    store = start(deadline_ms=150)
    shopper = known_shopper(store, endpoint)
    own = listed(shopper)
    endpoint.behave = lambda asked: {"scores": list(range(len(asked)))}
    endpoint.delay = 4
    began = time.monotonic()
    assert listed(shopper) == own
    assert time.monotonic() - began < 3.5
    assert counted(store, "late") == 1
    # Five in a row open the breaker: nobody waits any more.
    for _ in range(5):
        assert listed(shopper) == own
    asked = len(endpoint.asked)
    assert counted(store, "skipped") >= 1
    began = time.monotonic()
    for _ in range(5):
        assert listed(shopper) == own
    assert time.monotonic() - began < 3.5
    assert len(endpoint.asked) == asked
    assert "is left alone" in store.logged()
    # After the pause one call tries again.
    endpoint.delay = 0
    eventually(lambda: listed(shopper) != own)
    assert "serves again" in store.logged()
    assert_keeps_secrets(store)


def test_a_wrong_signature_is_refused(start, endpoint):
    """So the signatures of the other tests were looked at."""
    store = start(secret="another" + SECRET)
    endpoint.behave = lambda asked: {"scores": list(range(len(asked)))}
    shopper = known_shopper(store)
    listed(shopper)
    assert set(endpoint.refused) == {"InvalidSignatureException"}
    assert endpoint.asked == []
    assert counted(store, "refused") >= 1 and counted(store, "ok") == 0
    for _ in range(5):
        listed(shopper)
    assert "it answered 403" in store.logged()
    assert_keeps_secrets(store)


def test_nobody_listens_there(start_store):
    silent = Endpoint()
    url = silent.url
    silent.shutdown()
    silent.server_close()
    store = start_store(
        environment={"AWS_ACCESS_KEY_ID": KEY_ID, "AWS_SECRET_ACCESS_KEY": SECRET},
        settings=[f"recommendation.scorer={SCORER}", f"recommendation.scorer_url={url}"],
    )
    shopper = known_shopper(store)
    assert listed(shopper)
    assert counted(store, "failed") >= 1


def test_a_stop_does_not_wait_for_the_endpoint(start, endpoint):
    store = start(deadline_ms=5000)
    shopper = known_shopper(store, endpoint)
    endpoint.delay = 4
    asked = len(endpoint.asked)
    waiting = threading.Thread(target=lambda: shopper.get("/recommendations"), daemon=True)
    with shopper.off_contract():
        waiting.start()
        eventually(lambda: len(endpoint.asked) > asked)
        assert store.stop() == 0
        waiting.join(20)


@pytest.mark.parametrize(
    "settings, complaint",
    [
        (["recommendation.scorer=http://example.com"], "write sagemaker://ENDPOINT-NAME?region=eu-west-1"),
        (["recommendation.scorer=sagemaker://wines"], "write sagemaker://ENDPOINT-NAME?region=eu-west-1"),
        (
            [f"recommendation.scorer={SCORER}", "recommendation.scorer_url=http://example.com"],
            "recommendation.scorer_url = http://example.com: must be https",
        ),
        (["recommendation.scorer_url=https://example.com"], "no recommendation.scorer"),
        (["recommendation.scorer_deadline_ms=soon"], "from 10 to 5000"),
        ([f"recommendation.scorer={SCORER}", "aws.secret_access_key="], "AWS_SECRET_ACCESS_KEY"),
    ],
)
def test_wrong_settings_are_one_clear_line(settings, complaint):
    given = [word for setting in settings for word in ("--set", setting)]
    secret = "" if "aws.secret_access_key=" in settings else SECRET
    with tempfile.TemporaryDirectory() as folder:
        ended = run_program(
            *["serve", "--data", f"{folder}/data", "--set", "http.port=0", *given],
            environment={"AWS_ACCESS_KEY_ID": KEY_ID, "AWS_SECRET_ACCESS_KEY": secret},
        )
    assert ended.returncode == 1
    lines = ended.stderr.strip().splitlines()
    assert len(lines) == 1 and complaint in lines[0], ended.stderr
    assert SECRET not in ended.stderr
