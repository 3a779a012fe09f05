"""Mail through a real SMTP server (aiosmtpd, in a process of its own): a purchase's letters arrive once,
whole, and in both forms."""

import email
import email.policy
import mailbox
import re
import socket
import subprocess
import sys

import pytest

from support import eventually


class Server:
    """aiosmtpd with a maildir."""

    def __init__(self, directory):
        self.directory = directory / "maildir"
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.process = None
        self.start()

    def start(self):
        self.process = subprocess.Popen(
            [sys.executable, "-m", "aiosmtpd", "-n", "-c", "aiosmtpd.handlers.Mailbox", str(self.directory),
             "-l", f"127.0.0.1:{self.port}"]
        )  # fmt: skip
        eventually(self.listens)

    def listens(self):
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=5).close()
            return True
        except OSError:
            return False

    def stop(self):
        self.process.terminate()
        self.process.wait()

    def letters(self, address=None):
        if not self.directory.exists():
            return []
        box = mailbox.Maildir(self.directory, create=False)
        read = [email.message_from_bytes(box.get_bytes(key), policy=email.policy.default) for key in box.keys()]
        return [letter for letter in read if address is None or address in letter["To"]]


@pytest.fixture
def server(tmp_path):
    running = Server(tmp_path)
    yield running
    running.stop()


def money(amount):
    return re.compile(rf"\b{amount // 100:,}\.{amount % 100:02}\b".replace(",", ",?"))


def bodies(letter):
    """The text of both forms; they stand in one alternative, the plain one first."""
    kinds = [part.get_content_type() for part in letter.iter_parts()]
    assert letter.get_content_type() == "multipart/alternative" and kinds == ["text/plain", "text/html"]
    return [letter.get_body((kind,)).get_content() for kind in ("plain", "html")]


def test_a_purchase_is_confirmed_by_mail_once(start_store, server):
    environment = {"MAIL": f"smtp://127.0.0.1:{server.port}", "PUBLIC_URL": "http://shop.example"}
    store = start_store(environment=environment)
    shopper = store.shopper(name="Zoë Müller-Łukasz")
    wine = store.wine_in_stock()
    shopper.put_in_cart(wine["id"], 2)
    order = shopper.settled(shopper.order().json()["id"])
    eventually(lambda: len(server.letters(shopper.email)) >= 2)
    letters = {letter["Subject"]: letter for letter in server.letters(shopper.email)}
    assert len(letters) == 2
    confirmation = next(letter for subject, letter in letters.items() if order["number"] in subject)
    for header in ("From", "To", "Subject", "Date", "Message-ID", "MIME-Version"):
        assert len(confirmation.get_all(header)) == 1
    assert confirmation["X-MailFrom"] == "shop@winestore.example" and confirmation["X-RcptTo"] == shopper.email
    assert not confirmation.defects
    for text in bodies(confirmation):
        assert order["number"] in text and wine["name"] in text
        for amount in (order["totals"]["total"], order["totals"]["subtotal"], order["totals"]["shipping"]):
            assert money(amount).search(text), amount
        assert f"http://shop.example/orders/{order['id']}" in text
        assert "1 Ferry Building" in text
    verification = next(letter for letter in letters.values() if letter is not confirmation)
    plain, html = bodies(verification)
    link = re.search(r"http://shop\.example/verify-email\?token=[^\s\"]+", plain).group(0)
    assert link.replace("&", "&amp;") in html
    # Once: what the store holds as sent is what arrived, and nothing is left to send.
    store.stop()
    store.start()
    admin = store.admin()
    eventually(lambda: all(item["ready"] + item["in_flight"] == 0 for item in admin.get("/admin/queues").json()["items"]))
    assert len(server.letters(shopper.email)) == 2
    sent = admin.get("/admin/notifications", params={"status": "sent"}).json()["items"]
    assert {letter["Message-ID"].strip("<>").split("@")[0].upper() for letter in server.letters()} == {item["id"] for item in sent}


def test_hostile_names_stay_text(start_store, server):
    store = start_store(environment={"MAIL": f"smtp://127.0.0.1:{server.port}"})
    shopper = store.shopper(name="<b>Bobby</b> \"'&")
    shopper.put_in_cart(store.wine_in_stock()["id"])
    order = shopper.settled(shopper.order().json()["id"])
    eventually(lambda: len(server.letters(shopper.email)) >= 2)
    for letter in server.letters(shopper.email):
        plain, html = bodies(letter)
        assert "<b>Bobby" not in html
    assert order["status"] == "confirmed"


def test_letters_wait_for_a_server_that_is_away(start_store, server):
    """The order is confirmed all the same, and the letter comes when the server does."""
    server.stop()
    store = start_store(environment={"MAIL": f"smtp://127.0.0.1:{server.port}"})
    shopper = store.shopper()
    shopper.put_in_cart(store.wine_in_stock()["id"])
    assert shopper.settled(shopper.order().json()["id"])["status"] == "confirmed"
    letters = lambda: shopper.get("/me/notifications").json()["items"]  # noqa: E731
    eventually(lambda: [item["status"] for item in letters()] == ["queued", "queued"])
    server.start()
    eventually(lambda: len(server.letters(shopper.email)) == 2)
    eventually(lambda: [item["status"] for item in letters()] == ["sent", "sent"])


def test_a_letter_in_the_air_survives_a_kill(start_store, server):
    """Killed right after the order was acknowledged: the letter still comes."""
    store = start_store(environment={"MAIL": f"smtp://127.0.0.1:{server.port}"})
    shopper = store.shopper()
    shopper.put_in_cart(store.wine_in_stock()["id"])
    order = shopper.order().json()
    store.kill()
    store.start()
    subject = lambda: [letter for letter in server.letters(shopper.email) if order["number"] in letter["Subject"]]  # noqa: E731
    eventually(subject, timeout=60)
    assert len({letter["Message-ID"] for letter in subject()}) == 1
