"""The command line: what a start needs and refuses, the order of settings, the end by Ctrl-C, and the
commands beside a running store and without one."""

import csv
import io
import json
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import threading
import time

import pytest

from support import PROGRAM, eventually, run_program


@pytest.fixture
def data(tmp_path):
    return tmp_path / "data"


def serve(data, *arguments, environment=None, timeout=60):
    """A start that is expected to fail; kills it if it does not."""
    environment = {"PORT": "0", "DATA": "", **(environment or {})}
    return run_program("serve", "--data", data, *arguments, environment=environment, timeout=timeout)


def assert_one_line(done, *parts, code=1):
    """It ended with `code`, saying one line in which each of `parts` stands."""
    assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
    lines = [line for line in done.stderr.splitlines() if line.startswith("winestore: ")]
    assert len(lines) == 1, done.stderr
    for part in parts:
        assert str(part) in lines[0], done.stderr
    return lines[0]


# ---------------------------------------------------------------- starts that are refused


def test_a_taken_port(store, data):
    port = store.url.rsplit(":", 1)[1]
    assert_one_line(serve(data, environment={"PORT": port}), port, "PORT=")


def test_after_a_taken_port_the_next_start_is_the_first(store, data, start_store):
    port = store.url.rsplit(":", 1)[1]
    serve(data, "--demo", environment={"PORT": port})
    second = start_store(data=data, environment={"ADMIN_PASSWORD": ""})
    assert "password" in second.output, "the generated password was made but never shown"
    assert second.wines(limit=1)


def test_after_a_killed_start_the_next_one_is_the_first(data, start_store):
    killed = subprocess.Popen([PROGRAM, "serve", "--demo", "--data", data], env={**os.environ, "PORT": "0"})
    while not (data / "lock").exists():
        assert killed.poll() is None
    killed.kill()
    killed.wait()
    assert len(start_store(data=data).wines(limit=100)) == 100


def test_a_directory_that_cannot_be_made():
    assert_one_line(serve("/proc/winestore"), "/proc/winestore", "DATA=")


def test_a_directory_that_cannot_be_written(tmp_path):
    sealed = tmp_path / "sealed"
    sealed.mkdir(mode=0o500)
    path = sealed if os.getuid() else "/proc"  # root writes where it likes, but not there
    assert_one_line(serve(path), path, "DATA=")


def test_a_file_for_a_directory(tmp_path):
    file = tmp_path / "file"
    file.write_text("mine")
    assert_one_line(serve(file), f"{file} is a file", "DATA=")
    assert file.read_text() == "mine"


def test_a_directory_in_use_names_the_process(store):
    assert_one_line(serve(store.data), store.data, f"process {store.process.pid}")


def test_commands_need_a_data_directory(data):
    assert_one_line(run_program("export", "--data", data), data)
    assert not data.exists()


@pytest.mark.parametrize(
    "text, line, parts",
    [
        ("# ours\nhttp.port 8080\n", 2, ["key = value"]),
        ("= 3\n", 1, ["key = value"]),
        ("\n\nhtpp.port = 3\n", 3, ["htpp.port", "winestore config"]),
        ("http.port = many\n", 1, ["http.port", "0 to 65535", "many"]),
        ("http.port = 65536\n", 1, ["0 to 65535"]),
        ("rate_limits = perhaps\n", 1, ["on or off"]),
        ("http.port = 1\nhttp.idle_s = 3\nhttp.port = 2\n", 3, ["line 1"]),
        ("shop.name = \xff\n", 1, ["UTF-8"]),
        ("shop.name = " + "x" * 5000 + "\n", 1, ["2,046"]),
    ],
)
@pytest.mark.parametrize("place", ["beside", "named"])
def test_a_broken_configuration_line(tmp_path, data, text, line, parts, place):
    data.mkdir()
    file = data / "winestore.conf" if place == "beside" else tmp_path / "ours.conf"
    file.write_bytes(text.encode("latin-1"))
    named = [] if place == "beside" else ["--config", file]
    assert_one_line(serve(data, *named), f"{file}:{line}:", *parts)


@pytest.mark.parametrize(
    "engine", ["queue = nowhere:", "keyring = http://x", "mail = smtp://", "mail = ftp://x", "search = postgres:"]
)
def test_an_engine_that_is_not_there(data, engine):
    data.mkdir()
    (data / "winestore.conf").write_text(engine + "\n")
    assert_one_line(serve(data), engine.split(" ")[0])


def test_a_configuration_file_that_is_not_there(data):
    assert_one_line(serve(data, "--config", "/nowhere/x.conf"), "/nowhere/x.conf")


def test_bad_values_from_environment_and_options(data):
    assert_one_line(serve(data, environment={"PORT": "http"}), "PORT", "http")
    assert_one_line(serve(data, "--set", "no.such=1"), "no.such", "winestore config")
    assert_one_line(serve(data, "--set", "http.port"), "KEY=VALUE")
    assert not data.exists()


def test_wrong_calls(data):
    for arguments in (["nothing"], ["serve", "--nothing"], ["serve", "extra"], ["import"], ["import", "a", "b"],
                      ["export", "a", "b"], ["backup"], ["restore"], ["reindex", "x"], ["config", "--nothing"]):
        done = run_program(*arguments, environment={"DATA": str(data)})
        assert done.returncode == 2, (arguments, done)
        assert "usage:" in done.stderr
    done = run_program()
    assert done.returncode == 2 and "usage:" in done.stderr


def test_help_and_version():
    for command in ("serve", "import", "export", "backup", "restore", "reindex", "config"):
        assert f"  {command} " in run_program("--help").stdout
        done = run_program(command, "--help")
        assert done.returncode == 0 and done.stdout.startswith(f"usage: winestore {command}")
    assert re.fullmatch(r"winestore \d+\.\d+\.\d+\n", run_program("--version").stdout)


# ---------------------------------------------------------------- the keys


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """A data directory with a shopper and an order, its store stopped."""
    from support import Store

    running = Store(data=tmp_path_factory.mktemp("prepared") / "data")
    shopper = running.shopper()
    shopper.put_in_cart(running.wine_in_stock()["id"])
    running.order = shopper.settled(shopper.order().json()["id"])
    running.email = shopper.email
    assert running.stop() == 0
    return running


@pytest.fixture
def copy(prepared, tmp_path):
    shutil.copytree(prepared.data, tmp_path / "copy")
    return tmp_path / "copy"


def test_missing_keys(copy):
    (copy / "keys").unlink()
    assert_one_line(serve(copy), copy / "keys", "backup")
    assert not (copy / "keys").exists(), "new keys would make the old data unreadable for ever"


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[: len(text) // 2],
        lambda text: "",
        lambda text: text.replace("key ", "kez ", 1),
        lambda text: re.sub(r"(mac \w{10})(\w)", lambda m: m[1] + ("0" if m[2] != "0" else "1"), text),
        lambda text: "\0" * len(text),
        lambda text: text + "more\n",
    ],
)
def test_damaged_keys(copy, damage):
    keys = copy / "keys"
    damaged = damage(keys.read_text())
    keys.chmod(0o600)
    keys.write_text(damaged)
    assert_one_line(serve(copy), keys, "backup")
    assert keys.read_text() == damaged


@pytest.mark.parametrize("name", ["product.db", "user.db", "order.db", "queue.db"])
def test_a_damaged_database(copy, name):
    (copy / name).write_bytes(b"this is no database" * 1000)
    for beside in ("-wal", "-shm"):
        (copy / (name + beside)).unlink(missing_ok=True)
    assert_one_line(serve(copy), name)


# ---------------------------------------------------------------- the order of settings


def settings(**keywords):
    done = run_program("config", *keywords.pop("arguments", ()), environment=keywords)
    assert done.returncode == 0, done.stderr
    return dict(re.findall(r"^([a-z_.]+) = (.*)$", done.stdout, re.MULTILINE))


def test_command_line_beats_environment_beats_file_beats_default(tmp_path, data):
    data.mkdir()
    (data / "winestore.conf").write_text("http.port = 1111\nshop.name = From the file\n")
    other = tmp_path / "other.conf"
    other.write_text("http.port = 2222\n")
    at = ("--data", data)
    assert settings(PORT="")["http.port"] == "8080"
    assert settings(PORT="", arguments=at)["http.port"] == "1111"
    assert settings(PORT="", DATA=str(data))["http.port"] == "1111"
    assert settings(PORT="", DATA=str(data))["data"] == str(data)
    assert settings(PORT="", DATA="/elsewhere", arguments=at)["data"] == str(data)
    assert settings(PORT="", arguments=(*at, "--config", other))["http.port"] == "2222"
    assert settings(PORT="3333", arguments=at)["http.port"] == "3333"
    assert settings(PORT="3333", arguments=(*at, "--set", "http.port=4444"))["http.port"] == "4444"
    assert settings(arguments=at)["shop.name"] == "From the file"


def test_config_lists_what_a_file_may_have(data):
    data.mkdir()
    listed = run_program("config").stdout
    (data / "winestore.conf").write_text(listed)
    assert run_program("config", "--config", data / "winestore.conf").stdout == listed


def test_secrets_are_not_listed(data):
    data.mkdir()
    (data / "winestore.conf").write_text("mail.password = hunter2\nmetrics.token = abcdef\n")
    done = run_program("config", "--data", data)
    assert "hunter2" not in done.stdout and "abcdef" not in done.stdout


def test_the_port_is_the_one_asked_for(data, start_store):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    store = start_store(data=data, demo=False, environment={"PORT": str(port)})
    assert store.url == f"http://localhost:{port}"


# ---------------------------------------------------------------- start, stop, start


def test_first_start_second_start(data, start_store):
    first = start_store(data=data, environment={"ADMIN_PASSWORD": "", "ADMIN_EMAIL": ""})
    shown = re.search(r"e-mail (\S+)  password (\S+)", first.output)
    assert shown, first.output
    assert "demo wines" in first.output
    client = first.client()
    client.email, client.password = shown.groups()
    client.sign_in()
    assert client.get("/admin/wines").status_code == 200
    assert (data.stat().st_mode & 0o777, (data / "keys").stat().st_mode & 0o777) == (0o700, 0o600)
    assert first.stop() == 0
    first.start()
    assert "password" not in first.output and "demo wines" not in first.output
    assert client.get(first.api + "/admin/wines").status_code == 200, "the session has ended"
    assert client.get(first.api + "/wines", params={"q": "pinot"}).json()["total"] > 0


def test_ctrl_c_ends_with_everything_open(data, start_store):
    store = start_store(data=data)
    shopper = store.shopper()
    shopper.put_in_cart(store.wine_in_stock()["id"])
    order = shopper.order(token="unavailable").json()
    held = [shopper.get(f"/orders/{order['id']}/events", stream=True)]
    next(held[0].iter_lines())
    answers = []

    def wait():
        other = store.client()
        other.headers["Authorization"] = f"Bearer {shopper.token}"
        try:
            answers.append(other.get(f"/orders/{order['id']}", params={"wait": 25}).status_code)
        except OSError as error:
            answers.append(error)

    waiting = threading.Thread(target=wait)
    waiting.start()
    host, port = store.url.removeprefix("http://").split(":")
    idle, half = (socket.create_connection((host, int(port))) for _ in range(2))
    half.sendall(b"POST /api/v1/session HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
    assert store.stop(timeout=15) == 0
    waiting.join(15)
    assert not waiting.is_alive() and len(answers) == 1
    for open_one in (idle, half, *held):
        open_one.close()
    # It ended in order, and the order goes on.
    store.start()
    assert "did not end in order" not in store.output
    shopper.headers["Authorization"] = f"Bearer {shopper.token}"
    assert shopper.settled(order["id"])["status"] == "confirmed"


def test_a_signal_at_any_time_stops_in_order(data):
    """While it opens, too: some library's thread may be there already, and blocks no signal."""
    for delay in (0.05, 0.1, 0.15, 0.2, 0.25, 0.3):
        environment = {**os.environ, "PORT": "0"}
        process = subprocess.Popen(
            [PROGRAM, "serve", "--data", data],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment)
        time.sleep(delay)
        process.send_signal(signal.SIGTERM)
        said, _ = process.communicate(timeout=60)
        # Before it catches signals there is nothing to stop in order.
        assert process.returncode == 0 or (process.returncode == -signal.SIGTERM and not said), (delay, said)


def test_sigterm_is_as_good(data, start_store):
    store = start_store(data=data, demo=False)
    store.process.send_signal(signal.SIGTERM)
    assert store.process.wait(15) == 0
    assert (data / "lock").read_text().endswith("closed\n")
    assert not (data / "control.sock").exists()


# ---------------------------------------------------------------- commands, beside and alone


def rows_of(text):
    return list(csv.DictReader(io.StringIO(text)))


def csv_of(rows):
    out = io.StringIO()
    writer = csv.DictWriter(out, rows[0].keys())
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


@pytest.fixture(scope="module")
def running():
    from support import Store

    store = Store()
    yield store
    store.remove()


class Alone:
    """A data directory without a store that runs."""

    def __init__(self, data):
        self.data = data

    def command(self, *arguments):
        return run_program(*arguments, "--data", self.data)


@pytest.fixture(params=["beside", "alone"])
def some_store(request):
    """A store that runs, or one that is stopped: commands do the same with both."""
    if request.param == "beside":
        return request.getfixturevalue("running")
    return Alone(request.getfixturevalue("copy"))


def test_export_and_import(some_store, tmp_path):
    done = some_store.command("export")
    assert done.returncode == 0, done.stderr
    rows = rows_of(done.stdout)
    assert len(rows) >= 150
    sku = f"cli-{secrets.token_hex(4)}"
    file = tmp_path / "more.csv"
    file.write_text(csv_of([{**rows[0], "sku": sku, "name": "Clos du Terminal", "stock": "7"}]))
    done = some_store.command("import", file)
    assert done.returncode == 0, done.stderr
    assert "1 new, 0 changed, 0 as before" in done.stdout
    done = some_store.command("import", file)
    assert "0 new, 0 changed, 1 as before" in done.stdout
    again = {row["sku"]: row for row in rows_of(some_store.command("export").stdout)}
    assert again[sku]["name"] == "Clos du Terminal" and again[sku]["stock"] == "7"
    if not isinstance(some_store, Alone):
        assert some_store.wines(q="terminal")[0]["sku"] == sku


def test_a_bad_line_is_reported_and_nothing_loaded(some_store, tmp_path):
    rows = rows_of(some_store.command("export").stdout)
    good, bad = {**rows[0], "sku": "good-1"}, {**rows[0], "sku": "bad-1", "price": "free"}
    file = tmp_path / "mixed.csv"
    file.write_text(csv_of([good, bad]))
    done = some_store.command("import", file)
    assert done.returncode == 1
    assert f"{file}:3: price: " in done.stderr
    skus = {row["sku"] for row in rows_of(some_store.command("export").stdout)}
    assert not skus & {"good-1", "bad-1"}
    done = some_store.command("import", file, "--keep-good")
    assert "1 new" in done.stdout and "1 rejected" in done.stdout
    skus = {row["sku"] for row in rows_of(some_store.command("export").stdout)}
    assert skus & {"good-1", "bad-1"} == {"good-1"}


def test_export_does_not_overwrite(some_store, tmp_path):
    file = tmp_path / "out.csv"
    file.write_text("mine")
    assert_one_line(some_store.command("export", file), file)
    assert file.read_text() == "mine"
    assert some_store.command("export", tmp_path / "new.csv").returncode == 0
    assert (tmp_path / "new.csv").read_text() == some_store.command("export").stdout


def test_import_of_no_file(some_store, tmp_path):
    assert_one_line(some_store.command("import", tmp_path / "none.csv"), tmp_path / "none.csv")
    assert_one_line(some_store.command("import", tmp_path), tmp_path)
    assert_one_line(some_store.command("import", "/dev/null"), "the file is empty")


def test_reindex(some_store):
    done = some_store.command("reindex")
    assert done.returncode == 0, done.stderr
    if not isinstance(some_store, Alone):
        assert some_store.wines(q="pinot")


def test_the_index_is_disposable(data, start_store):
    store = start_store(data=data)
    found = store.client().get("/wines", params={"q": "pinot"}).json()["total"]
    store.stop()
    shutil.rmtree(data / "search")
    store.start()
    client = store.client()
    answer = eventually(lambda: rebuilt(client))
    assert answer.json()["total"] == found


def rebuilt(client):
    answer = client.get("/wines", params={"q": "pinot"})
    assert answer.status_code == 200 or answer.json()["code"] == "search_rebuilding"
    return answer if answer.status_code == 200 else None


# ---------------------------------------------------------------- backup and restore


def everything(store):
    """What must be equal after a restore."""
    admin = store.admin()

    def pages(path):
        items, cursor = [], None
        while True:
            page = admin.get(path, params={"limit": 100, **({"cursor": cursor} if cursor else {})}).json()
            items += page["items"]
            cursor = page["next_cursor"]
            if not cursor:
                return items

    return {
        "catalogue": store.command("export").stdout,
        "orders": pages("/admin/orders"),
        "customers": pages("/admin/customers"),
        "stock": [(wine["id"], wine["on_hand"], wine["reserved"]) for wine in pages("/admin/wines")],
        "notifications": pages("/admin/notifications"),
    }


def test_backup_and_restore(data, tmp_path, start_store):
    store = start_store(data=data)
    shoppers = [store.shopper(name=f"Ada {number}") for number in range(3)]
    wine = store.wine_in_stock()["id"]
    for shopper in shoppers:
        shopper.put_in_cart(wine, 2)
        shopper.placed = shopper.settled(shopper.order().json()["id"])
        shopper.put_in_cart(wine, 1)
    store.mails(wait_for=6)
    admin = store.admin()
    admin.post(f"/admin/wines/{wine}/images", data=b"no picture", headers={"Content-Type": "image/png"})
    backup = tmp_path / "backup"
    done = store.command("backup", backup)
    assert done.returncode == 0, done.stderr
    assert re.search(r"\d+ files, [\d.]+ MB", done.stdout)
    before = everything(store)
    store.stop()
    done = run_program("restore", backup, "--data", tmp_path / "new")
    assert done.returncode == 0, done.stderr
    restored = start_store(data=tmp_path / "new", demo=False)
    assert everything(restored) == before
    assert "password" not in restored.output
    for shopper in shoppers:
        client = restored.client()
        client.email, client.password = shopper.email, shopper.password
        client.sign_in()
        assert client.get(f"/orders/{shopper.placed['id']}").json() == shopper.placed
        assert client.get("/cart").json()["items"][0]["quantity"] == 1
        assert client.get("/me").json()["name"] == shopper.user["name"]


def test_backup_under_load_is_one_instant(data, tmp_path, start_store):
    store = start_store(data=data)
    wine = store.wine_in_stock(at_least=60)
    store.admin().post(f"/admin/wines/{wine['id']}/stock", json={"change": 5000, "reason": "For the test"})
    stock = wine["available"] + 5000
    placed, stop = [], threading.Event()

    def buy():
        shopper = store.shopper()
        while not stop.is_set():
            shopper.put_in_cart(wine["id"])
            placed.append(shopper.order().json()["id"])

    buyers = [threading.Thread(target=buy) for _ in range(4)]
    for buyer in buyers:
        buyer.start()
    try:
        while len(placed) < 50:
            assert any(buyer.is_alive() for buyer in buyers)
            stop.wait(0.01)
        acknowledged = list(placed)
        done = store.command("backup", tmp_path / "backup")
    finally:
        stop.set()
        for buyer in buyers:
            buyer.join()
    assert done.returncode == 0, done.stderr
    store.stop()
    done = run_program("restore", tmp_path / "backup", "--data", tmp_path / "new")
    assert done.returncode == 0, done.stderr
    restored = start_store(data=tmp_path / "new", demo=False)
    admin = restored.admin()
    known = [row["id"] for row in rows_of(admin.get("/admin/orders", params={"format": "csv"}).text)]
    assert set(acknowledged) <= set(known), "an acknowledged order is not in the backup"
    # What was in flight is taken up again.
    pending = {"status": "pending", "limit": 1}
    eventually(lambda: not admin.get("/admin/orders", params=pending).json()["items"])
    rows = rows_of(admin.get("/admin/orders", params={"format": "csv"}).text)
    sold = sum(int(row["quantity"]) for row in rows if row["status"] == "confirmed")
    kept = admin.get(f"/admin/wines/{wine['id']}").json()
    assert (kept["reserved"], kept["available"]) == (sold, stock - sold)


def test_backup_of_a_stopped_store(copy, tmp_path):
    assert run_program("backup", tmp_path / "backup", "--data", copy).returncode == 0
    manifest = json.loads((tmp_path / "backup" / "manifest.json").read_text())
    names = {file["path"] for file in manifest["files"]}
    assert {"keys", "user.db", "order.db", "product.db", "destinations.csv"} <= names


def test_backup_goes_into_a_new_directory_elsewhere(copy, tmp_path):
    taken = tmp_path / "taken"
    taken.mkdir()
    (taken / "mine").write_text("mine")
    assert_one_line(run_program("backup", taken, "--data", copy), taken)
    assert (taken / "mine").read_text() == "mine"
    assert_one_line(run_program("backup", copy / "backup", "--data", copy), copy / "backup")
    assert not (copy / "backup").exists() and not (copy / "backup.partial").exists()


@pytest.fixture
def backup(copy, tmp_path):
    assert run_program("backup", tmp_path / "backup", "--data", copy).returncode == 0
    return tmp_path / "backup"


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    "damage, named",
    [
        (lambda backup: flip(backup / "order.db"), "order.db"),
        (lambda backup: flip(backup / "keys"), "keys"),
        (lambda backup: (backup / "user.db").unlink(), "user.db"),
        (lambda backup: (backup / "product.db").write_bytes(b""), "product.db"),
        (lambda backup: (backup / "manifest.json").unlink(), "manifest.json"),
        (lambda backup: (backup / "manifest.json").write_text("{"), "manifest.json"),
        (lambda backup: (backup / "manifest.json").write_text("{}"), "manifest.json"),
        (lambda backup: outside(backup), "../outside"),
    ],
)
def test_a_damaged_backup_is_refused(backup, tmp_path, damage, named):
    damage(backup)
    assert_one_line(run_program("restore", backup, "--data", tmp_path / "new"), named)
    assert not (tmp_path / "new").exists() and not (tmp_path / "new.partial").exists()
    assert not (tmp_path / "outside").exists()


def outside(backup):
    manifest = json.loads((backup / "manifest.json").read_text())
    manifest["files"][0]["path"] = "../outside"
    (backup / "manifest.json").write_text(json.dumps(manifest))


def test_restore_overwrites_nothing(backup, tmp_path):
    full = tmp_path / "full"
    full.mkdir()
    (full / "mine").write_text("mine")
    assert_one_line(run_program("restore", backup, "--data", full), full)
    assert [file.name for file in full.iterdir()] == ["mine"]


def test_restore_of_nothing(tmp_path):
    assert_one_line(run_program("restore", tmp_path / "none", "--data", tmp_path / "new"), tmp_path / "none")


def test_a_cut_backup_leaves_nothing_that_looks_whole(store, tmp_path):
    process = subprocess.Popen([PROGRAM, "backup", tmp_path / "backup", "--data", store.data])
    process.kill()
    process.wait()
    # The running store goes on with it or not; what there is under the name is whole.
    if (tmp_path / "backup").exists():
        assert run_program("restore", tmp_path / "backup", "--data", tmp_path / "new").returncode == 0
