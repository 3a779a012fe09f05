"""The HTTP floor over raw sockets: framing, deadlines, what a broken client sends."""

import json
import socket
import time

import pytest

from support import assert_problem


def connect(store):
    host, port = store.url.removeprefix("http://").split(":")
    connection = socket.create_connection((host, int(port)), timeout=30)
    return connection


def talk(store, request):
    """Sends the bytes, reads to the end; returns status, body and whether the server closed."""
    with connect(store) as connection:
        connection.sendall(request)
        connection.settimeout(5)
        answer = b""
        closed = False
        try:
            while True:
                part = connection.recv(65536)
                if not part:
                    closed = True
                    break
                answer += part
        except (TimeoutError, socket.timeout):
            pass
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), body, closed


@pytest.mark.parametrize(
    "head, field",
    [
        (b"POST /api/v1/session HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 3\r\n", "Content-Length"),
        (b"POST /api/v1/session HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 2\r\n", "Content-Length"),
        (b"POST /api/v1/session HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n", "Content-Length"),
        (b"POST /api/v1/session HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n", "Transfer-Encoding"),
        (b"GET /healthz HTTP/1.1\r\n", "Host"),
        (b"GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\n", "Host"),
    ],
)
def test_ambiguous_framing_is_refused_and_the_connection_closed(store, head, field):
    status, body, closed = talk(store, head + b"\r\n{}")
    assert status == 400
    assert closed
    problem = json.loads(body)
    assert problem["code"] == "malformed_header"
    assert problem["errors"][0]["field"] == field


def test_two_requests_share_a_connection(store):
    request = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
    with connect(store) as connection:
        for _ in range(3):
            connection.sendall(request)
            assert b"200 OK" in connection.recv(65536)


def test_a_request_sent_a_byte_at_a_time_is_cut(start_store):
    store = start_store(settings=("http.deadline_ms=1500",), demo=False)
    began = time.monotonic()
    with connect(store) as connection:
        with pytest.raises(OSError):
            for byte in b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: " + b"x" * 500:
                connection.sendall(bytes([byte]))
                time.sleep(0.05)
    assert time.monotonic() - began < 10
    assert store.client().get(store.url + "/healthz").status_code == 200


def test_a_large_body_is_refused_and_the_sender_hears_it(store):
    answer = store.client().post("/session", data=b"x" * 10_000_000, headers={"Content-Type": "application/json"})
    assert_problem(answer, 413, "too_large", "body")


def test_a_cut_connection_changes_nothing(store):
    for _ in range(20):
        with connect(store) as connection:
            connection.sendall(
                b"POST /api/v1/users HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{"
            )
    assert store.client().get(store.url + "/healthz").status_code == 200


@pytest.mark.parametrize(
    "path",
    ["/%zz", "/api/v1/wines?q=%", "/api/v1/wines?q=%ff", "/api/v1/wines?q=%00", "/wines/%c0%af", "/%2"],
)
def test_broken_escapes_are_refused(store, path):
    status, body, _ = talk(store, f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    assert status == 400
    assert json.loads(body)["status"] == 400


def test_unknown_addresses_and_methods(store):
    client = store.client()
    assert_problem(client.get("/nothing"), 404, "not_found")
    assert_problem(client.get("/internal/orders/x"), 404, "not_found")
    assert client.get(store.url + "/internal/wines?ids=x").status_code == 404
    answer = client.request("PATCH", "/wines")
    assert_problem(answer, 405, "method_not_allowed")
    assert "GET" in answer.headers["Allow"]


def test_head_has_the_headers_and_no_body(store):
    wine = store.wines(limit=1)[0]
    answer = store.client().head(f"/wines/{wine['id']}")
    assert answer.status_code == 200
    assert answer.headers["ETag"]
    assert int(answer.headers["Content-Length"]) > 100
    assert answer.content == b""


@pytest.mark.parametrize(
    "body, status",
    [
        (b"", 400),
        (b"{", 400),
        (b"[]", 400),
        (b'{"email":"a","email":"b"}', 400),
        (b'{"email":"\\u0000"}', 400),
        (b"\xff\xfe", 400),
        (b"[" * 100000 + b"]" * 100000, 413),
        (b'{"a":' * 8000 + b"1" + b"}" * 8000, 400),
        (b'{"a":' * 100 + b"1" + b"}" * 100, 400),
    ],
)
def test_malformed_json_is_refused(store, body, status):
    answer = store.client().post("/session", data=body, headers={"Content-Type": "application/json"})
    assert_problem(answer, status, "malformed_json" if status == 400 else "too_large")


def test_another_content_type_is_refused(store):
    answer = store.client().post("/session", data="email=a", headers={"Content-Type": "text/plain"})
    assert_problem(answer, 415)


def test_other_sites_pages_cannot_write(store):
    for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "null"}):
        answer = store.client().post("/session", json={"email": "a@b.cd", "password": "x" * 10}, headers=headers)
        assert_problem(answer, 403, "cross_origin")


def test_traces_are_continued(store):
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    answer = store.client().get("/nothing", headers={"traceparent": f"00-{trace}-00f067aa0ba902b7-01"})
    assert answer.json()["trace_id"] == trace


def test_rate_limits_answer_429_with_retry_after(start_store):
    store = start_store(environment={"RATE_LIMITS": "on"}, demo=False)
    client = store.client()
    answers = [client.post("/session", json={"email": "a@example.com", "password": "x" * 10}) for _ in range(20)]
    limited = [answer for answer in answers if answer.status_code == 429]
    assert limited
    assert_problem(limited[0], 429, "rate_limited")
    assert int(limited[0].headers["Retry-After"]) >= 1
