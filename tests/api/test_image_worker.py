"""winestore-image, the caged process that makes a picture's sizes: real pictures, and hostile ones."""

import json
import os
import pathlib
import resource
import struct
import subprocess
import time
import zlib

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("BUILD", ROOT / "build"))
WORKER = BUILD / "src/services/image/worker/winestore-image"
MAKER = BUILD / "tests/tools/picture_maker"
DONE, NOT_A_PICTURE, TOO_LARGE = 0, 2, 3


def make(*arguments):
    return subprocess.run([MAKER, *map(str, arguments)], capture_output=True, check=True).stdout


def shrink(data):
    """Exit code, the sizes as (width, height, webp), the report."""
    done = subprocess.run([WORKER], input=data, capture_output=True, timeout=60)
    lines = done.stderr.decode().splitlines()
    assert len(lines) == 1, lines
    report = json.loads(lines[0])
    assert report["outcome"] == done.returncode
    if done.returncode != DONE:
        assert done.stdout == b""
        assert report["reason"] and report["message"]
        return done.returncode, [], report
    assert done.stdout[:4] == b"WIMG"
    (count,) = struct.unpack(">I", done.stdout[4:8])
    sizes, at = [], 8
    for _ in range(count):
        width, height, length = struct.unpack(">III", done.stdout[at:at + 12])
        sizes.append((width, height, done.stdout[at + 12:at + 12 + length]))
        at += 12 + length
    assert at == len(done.stdout)
    for _, _, webp in sizes:
        assert webp[:4] == b"RIFF" and webp[8:12] == b"WEBP"
    return done.returncode, sizes, report


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width, height, body, *, bits=8, colour=0, extra=b""):
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + extra + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def zeros(count):
    """`count` zero bytes, compressed a thousand to one."""
    packer, parts = zlib.compressobj(9), []
    block = bytes(1 << 20)
    for _ in range(count >> 20):
        parts.append(packer.compress(block))
    parts.append(packer.compress(bytes(count & ((1 << 20) - 1))))
    return b"".join(parts) + packer.flush()


@pytest.mark.parametrize("kind", ["jpeg", "png", "webp"])
@pytest.mark.parametrize("options", [(), ("interlaced",), ("alpha",)])
def test_three_sizes(kind, options):
    if options == ("interlaced",) and kind == "webp":
        options = ()
    rc, sizes, report = shrink(make(kind, 1500, 2000, *options))
    assert rc == DONE
    assert [(w, h) for w, h, _ in sizes] == [(1000, 1333), (600, 800), (300, 400)]
    assert (report["format"], report["width"], report["height"]) == (kind, 1500, 2000)
    assert len(sizes[2][2]) < len(sizes[0][2]) < 100_000


@pytest.mark.parametrize("width, expected", [(1000, [1000, 600, 300]), (999, [999, 600, 300]), (601, [601, 600, 300]),
                                             (600, [600, 300]), (301, [301, 300]), (300, [300]), (20, [20]), (1, [1])])
def test_a_picture_is_never_enlarged(width, expected):
    rc, sizes, _ = shrink(make("png", width, 40))
    assert rc == DONE
    assert [w for w, _, _ in sizes] == expected


def test_a_turned_picture_stands_upright():
    _, sizes, _ = shrink(make("jpeg", 1500, 1000, "turned"))
    assert [(w, h) for w, h, _ in sizes] == [(1000, 1500), (600, 900), (300, 450)]


@pytest.mark.parametrize("kind, options", [("jpeg", ("cmyk",)), ("png", ("deep", "alpha")), ("jpeg", ("noise",))])
def test_other_colours(kind, options):
    rc, sizes, _ = shrink(make(kind, 800, 600, *options))
    assert rc == DONE
    assert len(sizes) == 3


def test_metadata_stays_behind():
    data = make("jpeg", 800, 600, "private")
    assert b"SECRET-PLACE" in data
    _, sizes, _ = shrink(data)
    for _, _, webp in sizes:
        assert b"SECRET-PLACE" not in webp
        assert b"ICCP" not in webp and b"XMP " not in webp


@pytest.mark.parametrize("width, height", [(30000, 1), (1, 30000), (12000, 4000), (4000, 12000)])
def test_long_pictures_stay_within_the_box(width, height):
    rc, sizes, _ = shrink(make("png", width, height))
    assert rc == DONE
    assert all(1 <= w <= 1000 and 1 <= h <= 4000 for w, h, _ in sizes)


NO_PICTURES = {
    "nothing": b"",
    "text": b"Dear Sir or Madam, this is no picture, though it is called bottle.jpg.\n" * 50,
    "html": b"<!DOCTYPE html><script>alert(1)</script>",
    "svg": b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><image href="file:///etc/passwd"/></svg>',
    "pdf": b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n",
    "bmp": b"BM" + bytes(100),
    "jpeg head": b"\xff\xd8\xff\xe0\x00\x10JFIF\x00",
    "jpeg noise": b"\xff\xd8\xff" + bytes(range(256)) * 200,
    "png head": b"\x89PNG\r\n\x1a\n",
    "png noise": b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 200,
    "webp head": b"RIFF\x00\x00\x00\x00WEBP",
    "webp noise": b"RIFF\xff\xff\xff\xffWEBPVP8 " + bytes(range(256)) * 20,
    "png without lines": png(100, 100, zlib.compress(b"")),
    "png of width 0": png(0, 100, zlib.compress(b"")),
    "png broken check": png(10, 10, zlib.compress(bytes(110)))[:-20] + bytes(20),
}


@pytest.mark.parametrize("name", NO_PICTURES)
def test_what_is_no_picture(name):
    rc, _, _ = shrink(NO_PICTURES[name])
    assert rc == NOT_A_PICTURE


@pytest.mark.parametrize("kind", ["gif", "tiff"])
def test_formats_beyond_the_three(kind):
    rc, _, report = shrink(make(kind, 100, 100))
    assert rc == NOT_A_PICTURE
    assert report["format"] is None


@pytest.mark.parametrize("kind", ["jpeg", "png", "webp"])
@pytest.mark.parametrize("part", [0.1, 0.5, 0.9])
def test_a_truncated_picture(kind, part):
    data = make(kind, 1200, 900, "noise")
    rc, _, report = shrink(data[:int(len(data) * part)])
    assert rc == NOT_A_PICTURE
    assert report["format"] == kind


def test_a_bomb_of_two_and_a_half_gigapixels():
    data = png(50_000, 50_000, zeros(50_000 * 6251), bits=1)
    assert len(data) < 1_000_000
    rc, _, report = shrink(data)
    assert rc == TOO_LARGE
    assert (report["width"], report["height"]) == (50_000, 50_000)
    assert report["ms"] < 2000
    assert report["peak_kib"] < 200_000


@pytest.mark.parametrize("width, height", [(2**31 - 1, 2**31 - 1), (2**31 - 1, 1), (1, 10**7), (50_001, 1000), (30_001, 1)])
def test_absurd_headers(width, height):
    rc, _, _ = shrink(png(width, height, zeros(1000), bits=1))
    assert rc in (NOT_A_PICTURE, TOO_LARGE)


def test_the_largest_that_is_allowed():
    rc, sizes, report = shrink(png(10_000, 5_000, zeros(5_000 * 60_001), bits=16, colour=2))
    assert rc == DONE
    assert [w for w, _, _ in sizes] == [1000, 600, 300]
    assert report["peak_kib"] < 900_000


def test_a_bomb_in_the_metadata():
    gigabyte = zeros(1 << 30)
    text = chunk(b"zTXt", b"Comment\0\0" + gigabyte)
    profile = chunk(b"iCCP", b"profile\0\0" + gigabyte)
    for extra in (text, profile):
        rc, _, report = shrink(png(10, 10, zlib.compress(bytes(110)), extra=extra))
        assert rc in (DONE, NOT_A_PICTURE, TOO_LARGE)
        assert report["peak_kib"] < 200_000


def test_out_of_time():
    """Twenty gigabytes of comments: stopped after ten seconds of work."""
    text = chunk(b"zTXt", b"Comment\0\0" + zeros(1 << 30))
    rc, _, report = shrink(png(10, 10, zlib.compress(bytes(110)), extra=text * 19))
    assert rc == TOO_LARGE
    assert "too long" in report["message"]


def test_too_many_bytes():
    data = make("jpeg", 100, 100)
    rc, _, report = shrink(data + bytes(20 * 1024 * 1024 + 1 - len(data)))
    assert rc == TOO_LARGE
    assert report["format"] is None
    assert shrink(data + bytes(20 * 1024 * 1024 - len(data)))[0] == DONE


def test_bytes_changed_here_and_there():
    """No crash, no hang, whatever a byte says: an answer of the agreed kind for each."""
    for kind in ("jpeg", "png", "webp"):
        data = make(kind, 64, 64, "noise")
        for step in range(25):
            at = step * len(data) // 25 + step % 7
            broken = data[:at] + bytes([data[at] ^ 0xff, 0xff]) + data[at + 2:]
            rc, _, _ = shrink(broken)
            assert rc in (DONE, NOT_A_PICTURE, TOO_LARGE)


@pytest.mark.skipif("asan" in BUILD.name or "tsan" in BUILD.name, reason="sanitizers need more than the cage gives")
def test_the_cage_is_locked(tmp_path):
    """The worker waits for its input in the cage: what the kernel says about it there."""
    worker = subprocess.Popen([WORKER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    status = pathlib.Path(f"/proc/{worker.pid}/status")
    for _ in range(500):
        time.sleep(0.01)
        if "Seccomp:\t2" in status.read_text():
            break
    text = status.read_text()
    assert "Seccomp:\t2" in text
    assert "NoNewPrivs:\t1" in text
    assert resource.prlimit(worker.pid, resource.RLIMIT_AS) == (1 << 30, 1 << 30)
    assert resource.prlimit(worker.pid, resource.RLIMIT_CPU) == (10, 11)
    assert resource.prlimit(worker.pid, resource.RLIMIT_CORE) == (0, 0)
    assert resource.prlimit(worker.pid, resource.RLIMIT_NOFILE) == (32, 32)
    worker.communicate(b"")
