"""The table of demo destinations is sound: it keeps to docs/destinations.md."""

import csv
import datetime
import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
COLUMNS = (
    "country,region,name,min_age,currency,tax_percent,tax_label,tax_included,shipping_base,shipping_per_bottle,free_from,"
    "max_bottles_per_order,valid_from,valid_until,source,note"
).split(",")

with open(ROOT / "demo" / "destinations.csv", encoding="utf-8", newline="") as table:
    ROWS = list(csv.DictReader(table, strict=True))
IDS = ["-".join(filter(None, (row["country"], row["region"]))) for row in ROWS]


def test_places():
    assert list(ROWS[0]) == COLUMNS
    assert len(set(IDS)) == len(IDS), "one row a place: none has changed yet"
    assert {"DE", "FR", "AT", "NL", "BE", "IT", "ES", "IE", "DK", "GB", "US-CA", "US-OR", "US-FL", "US-DC"} <= set(IDS)
    assert not {"US", "US-NY", "SE"} & set(IDS)


def test_document_names_every_column():
    text = (ROOT / "docs" / "destinations.md").read_text(encoding="utf-8")
    first_cells = re.findall(r"^\| ([a-z_, ]+) \|", text, re.M)
    assert [name for cell in first_cells for name in cell.split(", ")] == COLUMNS


@pytest.mark.parametrize("row", ROWS, ids=IDS)
def test_row(row):
    american = row["country"] == "US"
    assert re.fullmatch(r"[A-Z]{2}", row["country"])
    assert bool(row["region"]) == american
    assert int(row["min_age"]) == (21 if american else 18)
    assert row["tax_included"] == ("no" if american else "yes")
    assert row["tax_label"] == ("Sales tax" if american else "VAT")
    assert row["currency"] == "EUR"
    assert 0 <= float(row["tax_percent"]) <= 30
    for field in ("shipping_base", "shipping_per_bottle"):
        assert re.fullmatch(r"\d+\.\d\d", row[field]), field
    assert re.fullmatch(r"(\d+\.\d\d)?", row["free_from"])
    assert int(row["max_bottles_per_order"]) > 0
    begin = datetime.date.fromisoformat(row["valid_from"])
    assert not row["valid_until"] or datetime.date.fromisoformat(row["valid_until"]) >= begin
    assert len(row["source"]) > 20 and row["note"]
