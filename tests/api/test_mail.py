"""The mail a shopper gets, read by Python's e-mail package and taken by scripted SMTP servers."""

import base64
import email
import email.header
import email.policy
import email.utils
import json
import os
import pathlib
import re
import socket
import subprocess
import threading

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROBE = pathlib.Path(os.environ.get("BUILD", ROOT / "build")) / "tests" / "tools" / "mail_probe"

SAMPLE = {
    "message_id": "01JTEST@shop.example",
    "from_name": "Wine Store",
    "from": "shop@shop.example",
    "to_name": "Zoë Müller",
    "to": "zoe@customer.example",
    "subject": "Your order",
    "text": "Dear Zoë,\nthank you.\n",
    "html": "<p>Dear Zoë, thank you.</p>\n",
    "date_ms": 1767225600000,
}

NASTY_TEXTS = [
    "plain",
    "Crémant d'Alsace — 2019",
    "日本のワインを" * 20,
    "🍷" * 60,
    "word " * 60 + "end",
    "x" * 300,
    "two  blanks",
    " leading blank",
    "trailing blank ",
    "=?UTF-8?B?ZXZpbA==?=",
    "=?utf-8?q?evil?= among words",
    'quotes " and \\ backslashes, commas; semicolons: <angles> (parens) @ ok',
    "é" * 22 + "x",
    "a" + "é" * 100,
    "ﬁ ligature, RTL \u202eevil\u202c, combining e\u0301",
    "\u00a0",
]


def send(messages, engine, **environment):
    lines = "".join(json.dumps(message) + "\n" for message in messages)
    done = subprocess.run(
        [PROBE, engine], input=lines.encode("utf-8", "surrogatepass"), capture_output=True, timeout=60,
        env={**os.environ, **environment})
    assert done.returncode == 0, done
    return done.stdout.decode().splitlines()


def write(tmp_path, **changes):
    """Sends one message to a directory: its raw bytes, and the parsed message."""
    message = {**SAMPLE, **changes}
    message = {key: value for key, value in message.items() if value is not None}
    assert send([message], f"file:{tmp_path}") == ["ok"]
    (path,) = tmp_path.glob("*.eml")
    raw = path.read_bytes()
    return raw, email.message_from_bytes(raw, policy=email.policy.default)


def check_wire(raw):
    raw.decode("ascii")
    assert raw.endswith(b"\r\n")
    assert b"\n" not in raw.replace(b"\r\n", b"")
    assert b"\r" not in raw.replace(b"\r\n", b"")
    for line in raw.split(b"\r\n"):
        assert len(line) <= 76 or line.startswith((b"List-Unsubscribe", b"Message-ID", b"Content-Type")), line
        assert not line.startswith((b".", b"From "))


def test_a_whole_message(tmp_path):
    raw, message = write(tmp_path, list_unsubscribe="https://shop.example/unsubscribe?t=1")
    check_wire(raw)
    assert [path.name for path in tmp_path.iterdir()] == ["20260101T000000Z-01JTEST.eml"]
    assert message.defects == []
    assert message["Message-ID"] == "<01JTEST@shop.example>"
    assert message["Date"].datetime.isoformat() == "2026-01-01T00:00:00+00:00"
    assert message["List-Unsubscribe"] == "<https://shop.example/unsubscribe?t=1>"
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert message["MIME-Version"] == "1.0"
    assert message.get_content_type() == "multipart/alternative"
    text, html = message.iter_parts()
    assert (text.get_content_type(), html.get_content_type()) == ("text/plain", "text/html")
    assert text.get_content().replace("\r\n", "\n") == SAMPLE["text"]
    assert html.get_content().replace("\r\n", "\n") == SAMPLE["html"]
    assert text.get_content_charset() == html.get_content_charset() == "utf-8"


def test_plain_text_alone(tmp_path):
    raw, message = write(tmp_path, html=None, from_name=None, text="no line end")
    check_wire(raw)
    assert message.get_content_type() == "text/plain"
    assert message.get_content().rstrip("\r\n") == "no line end"
    assert message["From"] == "shop@shop.example"
    assert message["List-Unsubscribe"] is None


@pytest.mark.parametrize("text", NASTY_TEXTS, ids=range(len(NASTY_TEXTS)))
def test_subjects_and_names_come_back(tmp_path, text):
    raw, message = write(tmp_path, subject=text, to_name=text[:45], from_name=text[:45])
    check_wire(raw)
    assert message.defects == []
    assert message["Subject"].defects == ()
    assert message["Subject"] == text
    plain = email.message_from_bytes(raw)
    for field, address in (("To", "zoe@customer.example"), ("From", "shop@shop.example")):
        (person,) = message[field].addresses
        assert person.addr_spec == address
        # Not person.display_name: Python 3.11 puts blanks between encoded words there.
        (phrase, found) = email.utils.parseaddr(plain[field])
        assert found == address
        assert str(email.header.make_header(email.header.decode_header(phrase))) == text[:45]


BODIES = NASTY_TEXTS + [
    "",
    "\n",
    "\n\n\nlines\n\n",
    ".\n..\n.dot\n",
    "From here on\nFrom there\n",
    "trailing blank \ntrailing tab\t\nend ",
    "a=b==c=3D=\n",
    "x" * 75 + "." * 80 + "\n" + "y" * 74 + "=" * 10,
    "x" * 75 + "From z",
    "é" * 500,
    "carriage\rreturn alone",
    "crlf\r\nlines\r\n",
    "--=_boundary\n--\n",
    "\x01\x02\x7f control",
    "z" * 100_000,
]


@pytest.mark.parametrize("body", BODIES, ids=range(len(BODIES)))
def test_bodies_come_back(tmp_path, body):
    raw, message = write(tmp_path, text=body, html=body)
    check_wire(raw)
    assert message.defects == []
    expected = body.replace("\r\n", "\n")
    parts = list(message.iter_parts())
    assert len(parts) == 2
    for part in parts:
        decoded = part.get_payload(decode=True).decode("utf-8")
        assert decoded.replace("\r\n", "\n") == expected


POISONS = ["\r\nBcc: v@example.com", "\nBcc: v@example.com", "\rx", "\x0b", "\x7f", "\x1f"]


@pytest.mark.parametrize("field", ["subject", "from_name", "to_name", "message_id", "list_unsubscribe", "to", "from"])
@pytest.mark.parametrize("poison", POISONS, ids=range(len(POISONS)))
def test_no_header_can_be_smuggled_in(tmp_path, field, poison):
    value = {"list_unsubscribe": "https://shop.example/"}.get(field, SAMPLE.get(field, "x")) + poison
    (answer,) = send([{**SAMPLE, field: value}], f"file:{tmp_path}")
    assert answer.startswith(f"invalid_field mail_message {field.removesuffix('_name')}: "), answer
    assert list(tmp_path.iterdir()) == []


WRONG_FIELDS = [
    ("message_id", ""), ("message_id", "no-at"), ("message_id", "a@b@c"), ("message_id", "a b@c"),
    ("message_id", "<a@b>"), ("message_id", "@b"), ("message_id", "a@"), ("message_id", "a" * 250 + "@b"),
    ("from", ""), ("from", "shop"), ("to", "zoe@"), ("to", "a@b.example, c@d.example"),
    ("subject", ""), ("subject", "x" * 501), ("to_name", "x" * 201),
    ("list_unsubscribe", ""), ("list_unsubscribe", "javascript:x"), ("list_unsubscribe", "https://a/, https://b/"),
    ("list_unsubscribe", "https://a/>"), ("text", "x" * (4 * 1024 * 1024 + 1)),
    ("to", None), ("from", None), ("subject", None), ("text", None), ("message_id", None),
]


@pytest.mark.parametrize("field, value", WRONG_FIELDS, ids=range(len(WRONG_FIELDS)))
def test_wrong_fields_are_named(tmp_path, field, value):
    message = {**SAMPLE, field: value}
    (answer,) = send([message], f"file:{tmp_path}")
    assert answer.startswith(f"invalid_field mail_message {field.removesuffix('_name')}: "), answer


def test_a_repeat_replaces_the_file(tmp_path):
    assert send([SAMPLE, SAMPLE], f"file:{tmp_path}") == ["ok", "ok"]
    assert len(list(tmp_path.iterdir())) == 1


def test_a_file_name_cannot_leave_the_directory(tmp_path):
    inside = tmp_path / "mail"
    assert send([{**SAMPLE, "message_id": "../../etc/x@shop.example"}], f"file:{inside}") == ["ok"]
    assert [path.name for path in inside.iterdir()] == ["20260101T000000Z-.._.._etc_x.eml"]


class Server(threading.Thread):
    """An SMTP server on a script: what it answers to each verb, per connection."""

    def __init__(self, *scripts):
        super().__init__(daemon=True)
        self.scripts, self.verbs, self.messages = list(scripts), [], []
        self.connections = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = "smtp://127.0.0.1:%d" % self.listener.getsockname()[1]
        self.start()

    def run(self):
        for script in self.scripts:
            connection, _ = self.listener.accept()
            self.connections += 1
            with connection:
                self.serve(connection.makefile("rwb", buffering=0), script)
        self.listener.close()

    def serve(self, stream, script):
        stream.write(b"220 ready\r\n")
        while line := stream.readline():
            verb = line.split()[0].decode().upper() if line.strip() else ""
            self.verbs.append(line.decode().strip())
            if verb == "AUTH":
                stream.write(b"334 \r\n")
                self.credentials = base64.b64decode(stream.readline())
            answers = script.get(verb, "250 fine")
            answer = answers.pop(0) if isinstance(answers, list) and answers else answers
            if answer == "drop":
                return
            if answer == "hang":
                threading.Event().wait(6)
                return
            stream.write((answer or "250 fine").encode() + b"\r\n")
            if verb == "DATA" and answer.startswith("354"):
                data = b""
                while not data.endswith(b"\r\n.\r\n"):
                    data += stream.readline()
                self.messages.append(re.sub(rb"(?m)^\.", b"", data[:-3]))
                stream.write(script.get("END", "250 queued").encode() + b"\r\n")
            if verb == "QUIT":
                return


def ids(*numbers):
    return [{**SAMPLE, "message_id": f"{number}@shop.example"} for number in numbers]


def test_smtp_keeps_its_connection():
    server = Server({"DATA": "354 go"})
    assert send(ids(1, 2, 3), server.url) == ["ok"] * 3
    assert server.connections == 1
    assert len(server.messages) == 3
    assert server.verbs[0] == "EHLO probe.example"
    assert server.verbs.count("MAIL FROM:<shop@shop.example>") == 3
    assert server.verbs.count("RCPT TO:<zoe@customer.example>") == 3
    message = email.message_from_bytes(server.messages[2], policy=email.policy.default)
    assert message["Message-ID"] == "<3@shop.example>"


def test_smtp_reconnects_when_the_server_closed():
    server = Server({"DATA": "354 go", "MAIL": ["250 fine", "drop"]}, {"DATA": "354 go"})
    answers = send(ids(1, 2, 3), server.url)
    assert answers[0] == answers[2] == "ok"
    assert answers[1] == "ok" or answers[1].startswith("unavailable")


@pytest.mark.parametrize("script, expected", [
    ({"RCPT": "550 no such user"}, "not_found refused"),
    ({"RCPT": "450 try later"}, "unavailable mail_server"),
    ({"MAIL": "553 not you"}, "not_found refused"),
    ({"MAIL": "451 later"}, "unavailable mail_server"),
    ({"DATA": "554 no"}, "not_found refused"),
    ({"DATA": "354 go", "END": "554 spam"}, "not_found refused"),
    ({"DATA": "354 go", "END": "452 full"}, "unavailable mail_server"),
    ({"EHLO": "421 busy", "HELO": "421 busy"}, "unavailable mail_server"),
    ({"DATA": "drop"}, "unavailable mail_server"),
    ({"DATA": "hang"}, "timeout"),
])
def test_smtp_failures_are_told_apart(script, expected):
    server = Server(script)
    (answer,) = send(ids(1), server.url)
    assert answer.startswith(expected), answer


def test_an_old_refusal_does_not_color_a_later_failure():
    """After a 550 for one message, a broken connection is still only "try later"."""
    server = Server({"RCPT": ["550 no", "250 fine"], "DATA": "drop"}, {"DATA": "drop"}, {"DATA": "drop"})
    answers = send(ids(1, 2), server.url)
    assert answers[0].startswith("not_found refused")
    assert answers[1].startswith("unavailable"), answers


def test_no_server_is_try_later():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    (answer,) = send(ids(1), f"smtp://127.0.0.1:{port}")
    assert answer.startswith("unavailable mail_server")


def test_required_tls_is_required():
    server = Server({"DATA": "354 go"})
    (answer,) = send(ids(1), server.url, MAIL_TLS="1")
    assert answer.startswith("unavailable"), answer
    assert server.messages == []


def test_user_and_password():
    script = {"EHLO": "250-fine\r\n250 AUTH PLAIN", "AUTH": "235 welcome", "DATA": "354 go"}
    server = Server(script)
    assert send(ids(1), server.url, MAIL_USER="shop", MAIL_PASSWORD="secret") == ["ok"]
    assert server.credentials == b"\0shop\0secret"
    server = Server({**script, "AUTH": "535 wrong"})
    (answer,) = send(ids(1), server.url, MAIL_USER="shop", MAIL_PASSWORD="wrong")
    assert answer.startswith("unavailable mail_login"), answer


@pytest.mark.parametrize("url", ["http://127.0.0.1", "smtp://", "smtp:// bad", "mail.example.com"])
def test_a_url_that_is_none(url):
    done = subprocess.run([PROBE, url], input=b"", capture_output=True)
    assert done.returncode == 1
    assert done.stdout.startswith(b"invalid")
