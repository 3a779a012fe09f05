"""A real store for the tests: the built program, a fresh data directory, a free port."""

import atexit
import contextlib
import functools
import json
import os
import pathlib
import re
import secrets
import shutil
import signal
import subprocess
import tempfile
import threading
import time

import requests

import api_contract
import xwines_generated

ROOT = pathlib.Path(__file__).resolve().parent.parent
PROGRAM = pathlib.Path(os.environ.get("WINESTORE", ROOT / "build" / "src" / "winestore"))
ADMIN = {"email": "admin@winestore.example", "password": "correct horse battery"}
CALIFORNIA = {
    "name": "Ada Moreau",
    "line1": "1 Ferry Building",
    "line2": "",
    "city": "San Francisco",
    "region": "CA",
    "postal_code": "94111",
    "country": "US",
}


@functools.cache
def x_wines_generated():
    """The folder of a data set with the columns of X-Wines, made here."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="winestore-test-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return xwines_generated.generate(folder)


def x_wines():
    """The folder of X-Wines: where XWINES says, or beside the repository; else of the like of it."""
    folder = pathlib.Path(os.environ.get("XWINES", ROOT / ".." / "shared" / "x-wines"))
    return folder if (folder / "wines.csv").exists() else x_wines_generated()


class Store:
    """A running store. `url` is its address, `data` its directory, `output` what it printed."""

    def __init__(self, data=None, demo=True, environment=None, settings=(), client_settings=None):
        self.client_settings = client_settings or {}
        self.data = pathlib.Path(data or tempfile.mkdtemp(prefix="winestore-test-"))
        self.owned = data is None
        self.demo = demo
        self.environment = {
            "PORT": "0",
            "RATE_LIMITS": "off",
            "ADMIN_EMAIL": ADMIN["email"],
            "ADMIN_PASSWORD": ADMIN["password"],
            **(environment or {}),
        }
        self.settings = settings
        self.process = None
        self.output = ""
        self.start()

    def start(self, timeout=60):
        command = [str(PROGRAM), "serve", "--data", str(self.data)]
        command += ["--demo"] if self.demo else []
        for setting in self.settings:
            command += ["--set", setting]
        self.log = open(self.data.parent / (self.data.name + ".log"), "ab")
        began = time.monotonic()
        self.process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=self.log,
            text=True,
            env={**os.environ, **self.environment},
        )
        watchdog = threading.Timer(timeout, self.process.kill)
        watchdog.start()
        self.output = ""
        for line in self.process.stdout:
            self.output += line
            found = re.search(r"open at (https?://\S+)", line)
            if found:
                self.url = found.group(1)
            if line.startswith("Ctrl-C"):
                break
        watchdog.cancel()
        self.started_in = time.monotonic() - began
        if self.process.poll() is not None or not getattr(self, "url", None):
            raise RuntimeError(f"the store does not start:\n{self.output}\n{self.logged()}")
        self.api = self.url + "/api/v1"

    def logged(self):
        return (self.data.parent / (self.data.name + ".log")).read_text(errors="replace")

    def stop(self, timeout=30):
        """Ctrl-C; returns the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        try:
            return self.process.wait(timeout)
        finally:
            self.process.stdout.close()
            self.log.close()

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self.log.close()

    def remove(self):
        if self.process.poll() is None:
            self.stop()
        if self.owned:
            shutil.rmtree(self.data, ignore_errors=True)
            (self.data.parent / (self.data.name + ".log")).unlink(missing_ok=True)

    # ---- the command line beside it

    def command(self, *arguments, **keywords):
        return run_program(*arguments, "--data", str(self.data), **keywords)

    # ---- shoppers

    def client(self):
        return Client(self)

    def shopper(self, birth_date="1988-04-12", **fields):
        """A registered and signed-in shopper."""
        client = self.client()
        client.email = fields.pop("email", f"shopper-{secrets.token_hex(6)}@example.com")
        client.password = fields.pop("password", "a long enough password")
        answer = client.post(
            "/users",
            json={
                "email": client.email,
                "password": client.password,
                "name": fields.pop("name", "Ada Moreau"),
                "birth_date": birth_date,
                **fields,
            },
        )
        assert answer.status_code == 201, answer.text
        client.user = answer.json()
        client.sign_in()
        return client

    def admin(self):
        client = self.client()
        client.email, client.password = ADMIN["email"], ADMIN["password"]
        client.sign_in()
        return client

    def wines(self, **query):
        return self.client().get("/wines", params=query).json()["items"]

    def wine_in_stock(self, at_least=50):
        for wine in self.wines(in_stock="true", limit=100):
            if wine["available"] >= at_least:
                return wine
        raise AssertionError("no wine has enough stock")

    def mails(self, wait_for=0, timeout=90):
        """The texts of the mail written so far; waits until there are `wait_for`."""
        deadline = time.monotonic() + timeout
        while True:
            files = sorted((self.data / "mail").glob("*.eml"))
            if len(files) >= wait_for or time.monotonic() > deadline:
                return [file.read_bytes() for file in files]
            time.sleep(0.05)


class Client(requests.Session):
    """A browser's or program's session; paths are below /api/v1. Every answer is held to the
    contract (api_contract.py)."""

    def __init__(self, store):
        super().__init__()
        self.store = store
        self.held = True
        for name, value in store.client_settings.items():
            setattr(self, name, value)

    def request(self, method, url, **keywords):
        keywords.setdefault("timeout", 40)
        if url.startswith("/"):
            url = self.store.api + url
        answer = super().request(method, url, **keywords)
        if self.held:
            api_contract.check(answer)
        return answer

    @contextlib.contextmanager
    def off_contract(self):
        """For requests whose answer the document cannot describe, and for load."""
        self.held = False
        try:
            yield self
        finally:
            self.held = True

    def sign_in(self):
        answer = self.post("/session", json={"email": self.email, "password": self.password})
        assert answer.status_code == 201, answer.text
        self.token = answer.json()["token"]
        return answer

    def put_in_cart(self, wine_id, quantity=1):
        return self.put(f"/cart/items/{wine_id}", json={"quantity": quantity})

    def order(self, key=None, address=None, token="ok", **fields):
        return self.post(
            "/orders",
            headers={"Idempotency-Key": key or secrets.token_hex(16)},
            json={
                "shipping_address": address or CALIFORNIA,
                "payment": {"method": "test", "token": token},
                **fields,
            },
        )

    def settled(self, order_id):
        """The order once it has left `pending`."""
        for _ in range(5):  # a busy machine may need longer than one wait
            order = self.get(f"/orders/{order_id}", params={"wait": 20}).json()
            if order["status"] != "pending":
                break
        return order


def eventually(question, timeout=90):
    """Asks until the answer is true, and gives it back: for what follows within moments. The limit is
    for machines that are busy with other things: mail yields to everything."""
    deadline = time.monotonic() + timeout
    while True:
        answer = question()
        if answer:
            return answer
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.02)


def run_program(*arguments, input=None, environment=None, timeout=120, text=True):
    return subprocess.run(
        [str(PROGRAM), *map(str, arguments)],
        capture_output=True,
        text=text,
        input=input,
        timeout=timeout,
        env={**os.environ, **(environment or {})},
    )


def assert_problem(answer, status, code=None, field=None):
    """A refusal as RFC 9457 has it, naming the field."""
    assert answer.status_code == status, f"{answer.status_code}: {answer.text}"
    assert answer.headers["Content-Type"].startswith("application/problem+json"), answer.headers
    problem = answer.json()
    assert problem["status"] == status
    assert problem["title"] and problem["detail"] and problem["trace_id"]
    if code:
        assert problem["code"] == code, json.dumps(problem)
    if field:
        assert field in [error["field"] for error in problem["errors"]], json.dumps(problem)
    return problem
