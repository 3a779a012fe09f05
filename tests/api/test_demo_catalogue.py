"""The demo catalogue is sound: it keeps to docs/import-format.md, and reads as if somebody had tasted the wines."""

import collections
import csv
import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
CATALOGUE = ROOT / "demo" / "catalogue.csv"
FORMAT = ROOT / "docs" / "import-format.md"

COLUMNS = (
    "sku,group,name,winery,type,elaborate,country,region,appellation,grapes,pairings,vintage,bottle_ml,abv,body,acidity,"
    "sweetness,tannin,price,currency,stock,notes,drink_from,drink_until,organic,sugar_g_l,ingredients,website"
).split(",")
MAY_BE_EMPTY = {"group", "website"}
WORDS = {
    "type": {"Red", "White", "Rosé", "Sparkling", "Dessert", "Fortified"},
    "body": {"very light", "light", "medium", "full", "very full"},
    "acidity": {"low", "medium", "high"},
    "sweetness": {"bone dry", "dry", "off-dry", "medium", "sweet"},
    "tannin": {"none", "low", "medium", "high"},
    "organic": {"yes", "no"},
    "currency": {"EUR"},
}
PAIRINGS = {
    "Aperitif", "Barbecue", "Beef", "Blue cheese", "Chocolate", "Cured meat", "Dessert", "Duck", "Fruit", "Game", "Goat cheese",
    "Hard cheese", "Lamb", "Lean fish", "Mild cheese", "Mushrooms", "Nuts", "Pasta", "Pizza", "Pork", "Poultry", "Rich fish",
    "Risotto", "Salad", "Shellfish", "Soft cheese", "Spicy food", "Stew", "Sushi", "Veal", "Vegetarian",
}  # fmt: skip
SHARES = {"Red": 0.45, "White": 0.27, "Rosé": 0.08, "Sparkling": 0.11, "Dessert": 0.05, "Fortified": 0.04}

# g/L, both ends included
STILL_SUGAR = {"bone dry": (0, 2), "dry": (0, 9), "off-dry": (4, 18), "medium": (12, 45), "sweet": (45, 500)}
SPARKLING_SUGAR = {"bone dry": (0, 6), "dry": (0, 12), "off-dry": (12, 17), "medium": (17, 50), "sweet": (50, 500)}
# The first term found in a name counts, so the longer ones come first.
SPARKLING_TERMS = [
    ("brut nature", (0, 2.9)),
    ("extra brut", (0, 6)),
    ("extra dry", (12, 17)),
    ("demi-sec", (32, 50)),
    ("brut", (0, 11.9)),
    ("bruto", (0, 11.9)),
    ("sec", (17, 32)),
    ("doux", (50.1, 500)),
]


def read(path):
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, strict=True))


ROWS = read(CATALOGUE)
IDS = [row["sku"] for row in ROWS]
each_row = pytest.mark.parametrize("row", ROWS, ids=IDS)


def grapes_of(row):
    """[(name, share or None)] in the order written."""
    found = [re.fullmatch(r"(.+?)(?: (\d+(?:\.\d+)?))?", grape) for grape in row["grapes"].split(";")]
    return [(match[1], float(match[2]) if match[2] else None) for match in found]


def year_of(row):
    return None if row["vintage"] == "NV" else int(row["vintage"])


def test_file_is_as_documented():
    raw = CATALOGUE.read_bytes()
    assert b"\r" not in raw and b"\0" not in raw and not raw.startswith(b"\xef\xbb\xbf")
    assert raw.endswith(b"\n")
    with open(CATALOGUE, encoding="utf-8", newline="") as file:
        assert all(len(fields) == len(COLUMNS) for fields in csv.reader(file, strict=True))
    assert list(ROWS[0]) == COLUMNS


def test_document_names_every_column_and_pairing():
    text = FORMAT.read_text(encoding="utf-8")
    documented = re.findall(r"^\| \**([a-z_]+)\** \|", text, re.M)
    assert [name for name in documented if name in COLUMNS] == COLUMNS
    section = text.split("### Pairings")[1].split("###")[0]
    listed = section.strip().split("\n\n")[-1]
    assert {word.strip() for word in listed.replace("\n", " ").split(",")} == PAIRINGS


def test_size_and_spread():
    assert len(ROWS) >= 150
    assert len({row["country"] for row in ROWS}) >= 14
    types = collections.Counter(row["type"] for row in ROWS)
    for name, share in SHARES.items():
        assert abs(types[name] / len(ROWS) - share) < 0.04, name
    prices = [float(row["price"]) for row in ROWS]
    assert sum(price < 15 for price in prices) >= 50
    assert sum(40 <= price <= 120 for price in prices) >= 15
    assert sum(price > 120 for price in prices) >= 3
    assert any(row["stock"] == "0" for row in ROWS), "the page for a sold-out wine needs one"


def test_skus_are_unique():
    assert len(set(IDS)) == len(ROWS)
    assert all(re.fullmatch(r"[A-Za-z0-9._-]{1,64}", sku) for sku in IDS)


def test_rows_stand_by_country_and_region():
    countries = [row["country"] for row in ROWS]
    regions = [(row["country"], row["region"]) for row in ROWS]
    for places in (countries, regions):
        runs = [place for index, place in enumerate(places) if index == 0 or places[index - 1] != place]
        assert len(runs) == len(set(runs))


def test_groups_are_one_wine():
    groups = collections.defaultdict(list)
    for row in ROWS:
        if row["group"]:
            groups[row["group"]].append(row)
    same = ("name", "winery", "type", "country", "region", "appellation", "grapes")
    years = sizes = 0
    for name, rows in groups.items():
        assert len(rows) > 1, f"{name} stands alone: leave the group empty"
        assert all(len({row[field] for row in rows}) == 1 for field in same), name
        assert len({(row["vintage"], row["bottle_ml"]) for row in rows}) == len(rows), name
        years += len({row["vintage"] for row in rows}) > 1
        sizes += len({row["bottle_ml"] for row in rows}) > 1
    assert years >= 8 and sizes >= 6
    single = [(row["winery"], row["name"]) for row in ROWS if not row["group"]]
    assert len(set(single)) == len(single), "two rows of one wine belong in a group"


def test_notes_are_all_different():
    notes = [row["notes"] for row in ROWS]
    assert len(set(notes)) == len(notes)
    openings = collections.Counter(tuple(re.findall(r"[\w'’-]+", note.lower())[:2]) for note in notes)
    assert [words for words, count in openings.items() if count > 1] == []


@each_row
def test_row(row):
    for field in COLUMNS:
        assert row[field] == row[field].strip(), field
        assert row[field] or field in MAY_BE_EMPTY, f"{field} is empty"
    for field, words in WORDS.items():
        assert row[field] in words, field
    pairings = row["pairings"].split(";")
    assert set(pairings) <= PAIRINGS and len(set(pairings)) == len(pairings)

    assert re.fullmatch(r"NV|(19|20)\d\d", row["vintage"])
    assert row["bottle_ml"] in {"375", "500", "620", "750", "1500"}
    assert re.fullmatch(r"\d+\.\d\d", row["price"]) and float(row["price"]) > 0
    assert re.fullmatch(r"\d+", row["stock"])

    assert 5 <= float(row["abv"]) <= 22
    if row["type"] == "Fortified":
        assert float(row["abv"]) >= 15
    if row["type"] == "Red":
        assert row["tannin"] != "none"

    assert len(row["notes"]) > 60 and len(row["notes"]) <= 2000
    assert row["notes"][-1] in ".?!" and "  " not in row["notes"]
    assert "sulphites" in row["ingredients"]


@each_row
def test_grapes(row):
    grapes = grapes_of(row)
    shares = [share for _, share in grapes if share is not None]
    assert len({name for name, _ in grapes}) == len(grapes)
    assert len(shares) in (0, len(grapes)), "all shares or none"
    if shares:
        assert sum(shares) == 100
        assert shares == sorted(shares, reverse=True), "largest share first"
    assert row["elaborate"].startswith("Varietal/" if len(grapes) == 1 and shares else ("Varietal/>75%", "Assemblage/"))


@each_row
def test_drinking_window(row):
    first, last = int(row["drink_from"]), int(row["drink_until"])
    assert first <= last
    if year_of(row):
        assert year_of(row) < first, "nobody drinks it in the year of its harvest"
        assert last - year_of(row) <= 60


@each_row
def test_sugar_agrees_with_what_is_said(row):
    sugar = float(row["sugar_g_l"])
    sparkling = row["type"] == "Sparkling"
    low, high = (SPARKLING_SUGAR if sparkling else STILL_SUGAR)[row["sweetness"]]
    assert low <= sugar <= high, row["sweetness"]
    if sparkling:
        for term, (low, high) in SPARKLING_TERMS:
            if re.search(rf"\b{term}\b", row["name"].lower()):
                assert low <= sugar <= high, term
                break
    if row["type"] == "Dessert":
        assert row["sweetness"] == "sweet"
