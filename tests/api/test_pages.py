"""The pages as they arrive, before any script: text, title, JSON-LD, headers, what is hostile in a wine's
texts, the bundle's files and pictures."""

import gzip
import html.parser
import json
import secrets
import socket
import xml.etree.ElementTree

import pytest

from support import assert_problem, eventually

HOSTILE = "<script>alert(1)</script>\"'&</title></script><!-- \u2028 {{x}}"


class Page(html.parser.HTMLParser):
    """What a page holds, as a browser would see it: the elements, the texts of title, h1 and scripts."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.texts, self.open = [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        while self.open and self.open.pop() != tag:
            pass

    def handle_data(self, data):
        if self.open:
            self.texts.append((self.open[-1], len(self.elements) - 1, data))

    def text(self, tag):
        return "".join(data for found, _, data in self.texts if found == tag)

    def find(self, tag, **attributes):
        return [seen for name, seen in self.elements
                if name == tag and all(seen.get(key) == value for key, value in attributes.items())]  # fmt: skip

    def script(self, **attributes):
        """The JSON in the script element with these attributes."""
        texts = [data for tag, element, data in self.texts if tag == "script"
                 and all(self.elements[element][1].get(key) == value for key, value in attributes.items())]  # fmt: skip
        assert len(texts) == 1, texts
        return json.loads(texts[0])

    def meta(self, name):
        return self.find("meta", name=name)[0]["content"]


def page(store, path, status=200, **headers):
    answer = store.client().get(store.url + path, headers=headers)
    assert answer.status_code == status, answer.text[:300]
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    return Page(answer.content.decode())


@pytest.fixture(scope="module")
def wine(store):
    return store.wine_in_stock()


@pytest.fixture(scope="module")
def hostile(store):
    """A wine whose every text is an attack."""
    admin = store.admin()
    currency = store.wines(limit=1)[0]["price"]["currency"]
    answer = admin.post("/admin/wines", json={
        "name": HOSTILE, "winery": HOSTILE, "type": "Red", "country": HOSTILE,
        "region": HOSTILE, "grapes": [HOSTILE], "pairings": [HOSTILE], "notes": HOSTILE, "bottle_ml": 750, "abv": 12,
        "price": {"amount": 1000, "currency": currency}, "stock": 5, "vintage": 2020,
    })  # fmt: skip
    assert answer.status_code == 201, answer.text
    return answer.json()


# ---------------------------------------------------------------- what a reader without scripts sees


def test_a_wines_page(store, wine):
    seen = page(store, f"/wines/{wine['id']}")
    assert wine["name"] in seen.text("title")
    assert wine["name"] in seen.text("h1") and wine["winery"] in seen.text("h1")
    assert seen.meta("description")
    canonical = seen.find("link", rel="canonical")[0]["href"]
    assert canonical.endswith(f"/wines/{wine['id']}") and canonical.startswith("http")
    product = seen.script(type="application/ld+json")
    assert product["@context"] == "https://schema.org" and product["@type"] == "Product"
    assert wine["name"] in product["name"] and product["brand"]["name"] == wine["winery"]
    assert product["sku"] == wine["sku"] and product["url"] == canonical
    offer = product["offers"]
    assert round(float(offer["price"]) * 100) == wine["price"]["amount"]
    assert offer["priceCurrency"] == wine["price"]["currency"]
    assert offer["availability"] == "https://schema.org/InStock"
    data = seen.script(id="initial-data")
    assert data["id"] == wine["id"] and data == store.client().get(f"/wines/{wine['id']}").json()


def test_the_list_page(store):
    seen = page(store, "/wines")
    links = [link["href"] for link in seen.find("a") if link["href"].startswith("/wines/")]
    data = seen.script(id="initial-data")
    assert links == [f"/wines/{item['id']}" for item in data["items"]] and len(links) == 24
    assert seen.find("link", rel="canonical")[0]["href"].endswith("/wines")
    assert str(data["total"]) in seen.meta("description")


def test_a_search_page(store):
    seen = page(store, "/wines?q=pinot&type=Red&type=White&country=France")
    assert "pinot" in seen.text("title") and "pinot" in seen.text("h1")
    assert seen.meta("robots") == "noindex,follow"
    same = store.client().get("/wines", params={"q": "pinot", "type": ["Red", "White"], "country": "France", "limit": 24})
    assert seen.script(id="initial-data") == same.json()
    nothing = page(store, "/wines?q=zzzzzzzzqqqq")
    assert nothing.script(id="initial-data")["total"] == 0


def test_a_long_search_page_is_still_text(store):
    """Cutting a title must not cut a letter in two."""
    for shift in range(3):
        seen = page(store, "/wines?q=" + "a" * shift + "%C3%A9%D0%B6" * 49)
        assert seen.text("title")
    page(store, "/wines?q=" + "a" * 201, status=400)


def test_the_home_page(store):
    seen = page(store, "/")
    assert seen.text("title") and seen.meta("description") and seen.text("h1")
    assert seen.script(type="application/ld+json")["@type"] == "Store"


@pytest.mark.parametrize("path", ["/cart", "/checkout", "/orders/x", "/account", "/account/addresses", "/sign-in", "/register",
                                  "/verify-email", "/reset-password", "/unsubscribe", "/office", "/office/wines"])  # fmt: skip
def test_pages_of_the_application(store, path):
    seen = page(store, path)
    assert seen.text("title") and seen.find("script", type="module")


@pytest.mark.parametrize("path", ["/nothing", "/wines/nothing", "/wines/01J9ZQ4T8M3V5X7Y9A1B2C3D4E", "/Wines", "/admin",
                                  "/index.html", "/.env", "/wines.php", "/cart/x", "/data/keys"])  # fmt: skip
def test_what_is_not_here(store, path):
    assert page(store, path, status=404).text("h1")


def test_a_withdrawn_wines_page(store):
    admin = store.admin()
    currency = store.wines(limit=1)[0]["price"]["currency"]
    made = admin.post("/admin/wines", json={"name": "Gone", "winery": "Gone", "type": "Red", "country": "France", "region": "Loire",
                      "bottle_ml": 750, "abv": 12, "price": {"amount": 1, "currency": currency}})  # fmt: skip
    path = f"/wines/{made.json()['id']}"
    page(store, path)
    admin.delete(f"/admin{path}", headers={"If-Match": made.headers["ETag"]})
    assert "no longer sold" in page(store, path, status=410).text("h1")


# ---------------------------------------------------------------- hostile texts


def test_a_hostile_wine_is_text_and_nothing_else(store, hostile):
    seen, plain = page(store, f"/wines/{hostile['id']}"), page(store, f"/wines/{store.wines(limit=1)[0]['id']}")
    assert [tag for tag, _ in seen.elements if tag == "script"] == [tag for tag, _ in plain.elements if tag == "script"]
    assert HOSTILE in seen.text("title") and HOSTILE in seen.text("h1") and HOSTILE in seen.text("dd")
    assert seen.meta("description") == HOSTILE
    product = seen.script(type="application/ld+json")
    assert product["description"] == HOSTILE and product["brand"]["name"] == HOSTILE
    assert seen.script(id="initial-data")["notes"] == HOSTILE


def test_a_hostile_wine_in_the_list(store, hostile):
    eventually(lambda: store.wines(winery=HOSTILE))
    answer = store.client().get(store.url + "/wines", params={"winery": HOSTILE})
    seen = Page(answer.text)
    assert [link["href"] for link in seen.find("a") if hostile["id"] in link["href"]]
    assert "alert(1)" not in "".join(data for tag, element, data in seen.texts
                                     if tag == "script" and seen.elements[element][1].get("id") != "initial-data")  # fmt: skip
    assert seen.script(id="initial-data")["items"][0]["winery"] == HOSTILE


@pytest.mark.parametrize("query", [HOSTILE, "</title><script>x</script>", '"><img src=x onerror=y>', "<!--ws:data-->", "-->"])
def test_a_hostile_search(store, query):
    answer = store.client().get(store.url + "/wines", params={"q": query})
    seen = Page(answer.text)
    assert query in seen.text("title") and query in seen.text("h1")
    assert not seen.find("img") and len(seen.find("script")) == len(page(store, "/wines").find("script"))


# ---------------------------------------------------------------- headers


def test_what_a_page_may_do(store, wine):
    for path in ("/", "/wines", f"/wines/{wine['id']}", "/cart", "/office", "/nothing"):
        answer = store.client().get(store.url + path)
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'self'" in policy and "frame-ancestors 'none'" in policy and "object-src 'none'" in policy
        assert "unsafe-" not in policy and "*" not in policy and "http:" not in policy
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] and answer.headers["X-Frame-Options"] == "DENY"
        seen = Page(answer.text)
        # What the policy forbids is not there: scripts in the page, handlers, styles.
        for script in seen.find("script"):
            assert "src" in script or script["type"] in ("application/json", "application/ld+json")
        assert not seen.find("style")
        assert not [1 for _, attributes in seen.elements for name in attributes if name.startswith("on") or name == "style"]
    assert store.client().get("/wines").headers["X-Content-Type-Options"] == "nosniff"


def test_pages_answer_get_and_head_alone(store, wine):
    client = store.client()
    for path in ("/", "/wines", f"/wines/{wine['id']}", "/robots.txt", "/sitemap.xml"):
        head = client.head(store.url + path)
        assert (head.status_code, head.content) == (200, b"")
        assert_problem(client.post(store.url + path), 405, "method_not_allowed")


# ---------------------------------------------------------------- for search engines


def catalogue(store):
    admin, ids, cursor = store.admin(), set(), None
    while True:
        answer = admin.get("/admin/wines", params={"limit": 100, **({"cursor": cursor} if cursor else {})}).json()
        ids |= {item["id"] for item in answer["items"] if item["status"] == "for_sale"}
        cursor = answer["next_cursor"]
        if not cursor:
            return ids


def test_the_sitemap_is_complete(store):
    answer = store.client().get(store.url + "/sitemap.xml")
    assert answer.headers["Content-Type"].startswith("application/xml")
    root = xml.etree.ElementTree.fromstring(answer.content)
    space = "{http://www.sitemaps.org/schemas/sitemap/0.9}"
    assert root.tag == space + "urlset" and {child.tag for child in root} == {space + "url"}
    places = [location.text for location in root.iter(space + "loc")]
    assert len(places) == len(set(places)) < 50000 and len(answer.content) < 50 * 1024 * 1024
    base = store.client().get(store.url + "/robots.txt").text.split("Sitemap: ")[1].split("/sitemap.xml")[0]
    assert set(places) == {f"{base}/", f"{base}/wines"} | {f"{base}/wines/{id}" for id in catalogue(store)}


def test_robots(store):
    answer = store.client().get(store.url + "/robots.txt")
    assert answer.headers["Content-Type"].startswith("text/plain")
    lines = answer.text.splitlines()
    assert lines[0] == "User-agent: *" and "Disallow: /api/" in lines and "Disallow: /office" in lines


# ---------------------------------------------------------------- the bundle and pictures


def assets(store):
    seen = page(store, "/")
    found = [script["src"] for script in seen.find("script", type="module")]
    return found + [link["href"] for link in seen.find("link", rel="stylesheet")]


def test_the_bundle_is_compressed_and_kept(store):
    client = store.client()
    for path in assets(store):
        plain = client.get(store.url + path, headers={"Accept-Encoding": "identity"})
        assert plain.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert plain.headers["Content-Type"].split(";")[0] in ("text/javascript", "text/css")
        assert "Content-Encoding" not in plain.headers and plain.headers["Vary"] == "Accept-Encoding"
        for accepted, coding in (("gzip, deflate, br", "br"), ("gzip", "gzip"), ("br;q=1.0, gzip;q=0.5", "br"),
                                 ("br;q=0, gzip", "gzip"), ("gzip;q=0", None), ("deflate", None), ("brother", None)):  # fmt: skip
            answer = client.get(store.url + path, headers={"Accept-Encoding": accepted}, stream=True)
            raw = answer.raw.read(decode_content=False)
            assert answer.headers.get("Content-Encoding") == coding, accepted
            if coding == "gzip":
                assert gzip.decompress(raw) == plain.content
            elif coding is None:
                assert raw == plain.content
            else:
                assert len(raw) < len(plain.content)
        again = client.get(store.url + path, headers={"If-None-Match": plain.headers["ETag"]})
        assert (again.status_code, again.content) == (304, b"")


def test_pages_are_asked_for_each_time(store):
    assert store.client().get(store.url + "/").headers["Cache-Control"] == "no-cache"
    assert_problem(store.client().get(store.url + "/assets/nothing.js"), 404, "not_found")


def raw_get(store, path):
    """Without the client's tidying of dots; status and everything that came."""
    host, port = store.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        answer = b""
        while part := connection.recv(65536):
            answer += part
    return int(answer.split()[1]), answer


OUTSIDE = ["../keys", "..%2fkeys", "%2e%2e/keys", "images/../../keys", "images/..%2f..%2fkeys", "images/%2e%2e/%2e%2e/keys",
           "/etc/passwd", "images//etc/passwd", "images/..\\..\\keys", "images/%00", "images/x%00.webp", "uploads/x", "",
           "images", "images/", "images/.", "images/" + "a" * 5000, "images/%c0%ae%c0%ae/keys"]  # fmt: skip


@pytest.mark.parametrize("path", OUTSIDE)
@pytest.mark.parametrize("root", ["/media/", "/assets/"])
def test_nothing_outside_is_served(store, root, path):
    status, answer = raw_get(store, root + path)
    assert status in (400, 404, 414, 431), answer[:200]
    for secret in ((store.data / "keys").read_bytes().splitlines()[1], b"root:"):
        assert secret not in answer


def test_uploads_are_not_public(store):
    """What was sent, before the image service has looked at it, is nobody's to fetch."""
    admin = store.admin()
    wine = store.wines(limit=1)[0]["id"]
    before = {file for file in (store.data / "blobs").rglob("*") if file.is_file()}
    junk = b"\x89PNG\r\n\x1a\n" + secrets.token_bytes(500)
    answer = admin.post(f"/admin/wines/{wine}/images", data=junk, headers={"Content-Type": "image/png"})
    assert answer.status_code in (202, 422)
    for file in {file for file in (store.data / "blobs").rglob("*") if file.is_file()} - before:
        status, body = raw_get(store, "/media/" + str(file.relative_to(store.data / "blobs")))
        assert status == 404 and junk[:50] not in body
