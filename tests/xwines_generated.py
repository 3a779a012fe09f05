#!/usr/bin/python3
"""A stand-in for the X-Wines data set, for tests where it is not there: xwines_generated.py DIRECTORY

Writes wines.csv, ratings_train.csv and ratings_valid.csv with the columns of X-Wines, always the same ones. Wines are
of a few styles that share type, grapes, regions and dishes; shoppers are fond of one or two styles, so what is rated
together has attributes in common. Some wines are rated far more often than others, by anybody. Ratings are split by
time.
"""

import csv
import datetime
import pathlib
import random
import sys

WINES = 1007
SHOPPERS = 700
RATINGS = 24
LATER = 4  # the last ones of each shopper, kept for ratings_valid.csv

# type, body, acidity, strength, grapes, (code, country, regions), dishes
STYLES = [
    ("Red", "Full-bodied", "Medium", 14.0, "Cabernet Sauvignon|Merlot|Cabernet Franc|Petit Verdot",
     [("FR", "France", "Médoc|Saint-Émilion"), ("US", "United States", "Napa Valley|Paso Robles")], "Beef|Lamb|Game Meat"),
    ("Red", "Light-bodied", "High", 13.0, "Pinot Noir|Gamay Noir",
     [("FR", "France", "Bourgogne|Beaujolais"), ("NZ", "New Zealand", "Central Otago")], "Duck|Poultry|Mushrooms"),
    ("Red", "Full-bodied", "Medium", 14.5, "Syrah/Shiraz|Grenache|Mourvedre",
     [("FR", "France", "Côtes-du-Rhône"), ("AU", "Australia", "Barossa Valley|McLaren Vale")], "Barbecue|Lamb|Spicy Food"),
    ("Red", "Medium-bodied", "Medium", 13.5, "Tempranillo|Graciano|Mazuelo",
     [("ES", "Spain", "Rioja|Ribera del Duero")], "Lamb|Cured Meat|Maturated Cheese"),
    ("Red", "Very full-bodied", "High", 14.0, "Nebbiolo|Sangiovese|Barbera",
     [("IT", "Italy", "Barolo|Chianti|Toscana")], "Pasta|Beef|Veal"),
    ("Red", "Full-bodied", "Low", 14.0, "Malbec|Carménère|Bonarda",
     [("AR", "Argentina", "Mendoza|Salta"), ("CL", "Chile", "Colchagua Valley")], "Beef|Barbecue|Pizza"),
    ("White", "Medium-bodied", "Medium", 13.0, "Chardonnay",
     [("FR", "France", "Chablis|Meursault"), ("US", "United States", "Sonoma Coast")], "Poultry|Rich Fish|Shellfish"),
    ("White", "Light-bodied", "High", 12.5, "Sauvignon Blanc|Sémillon",
     [("FR", "France", "Sancerre"), ("NZ", "New Zealand", "Marlborough")], "Goat Cheese|Lean Fish|Salad"),
    ("White", "Very light-bodied", "High", 11.0, "Riesling|Gewürztraminer",
     [("DE", "Germany", "Mosel|Rheingau"), ("FR", "France", "Alsace")], "Pork|Spicy Food|Sushi"),
    ("Sparkling", "Light-bodied", "High", 12.0, "Glera/Prosecco|Macabeo|Xarel-lo|Pinot Meunier",
     [("IT", "Italy", "Valdobbiadene"), ("ES", "Spain", "Penedès"), ("FR", "France", "Champagne")], "Appetizer|Shellfish|Fruit"),
    ("Rosé", "Light-bodied", "Medium", 12.5, "Cinsault|Tibouren|Vermentino",
     [("FR", "France", "Côtes-de-Provence")], "Salad|Vegetarian|Lean Fish"),
    ("Dessert/Port", "Very full-bodied", "Low", 20.0, "Touriga Nacional|Touriga Franca|Tinta Roriz",
     [("PT", "Portugal", "Porto")], "Blue Cheese|Chocolate|Sweet Dessert"),
]  # fmt: skip

HEADER = (
    "WineID,WineName,Type,Elaborate,Grapes,Harmonize,ABV,Body,Acidity,Code,Country,RegionID,RegionName,WineryID,"
    "WineryName,Website,Vintages"
).split(",")
KINDS = "Château|Domaine|Bodegas|Weingut|Tenuta|Quinta|Viña|Cantina d'|Estate".split("|")
SYLLABLES = "mar bel ro san vi lo ter dor cas mon gra ne al tou ber chi pe lan".split()


def name(chance, syllables=3):
    return "".join(chance.choice(SYLLABLES) for _ in range(syllables)).capitalize()


def some(chance, texts, most):
    texts = texts.split("|")
    return chance.sample(texts, chance.randint(1, min(most, len(texts))))


def wine(chance, number, style):
    kind, body, acidity, abv, grapes, places, dishes = STYLES[style]
    code, country, regions = chance.choice(places)
    region = chance.choice(regions.split("|"))
    blend = some(chance, grapes, 3)
    if chance.random() < 0.1:  # no style is quite alone with its grapes
        blend.append("Merlot" if "Merlot" not in blend else "Syrah/Shiraz")
    winery = chance.randrange(200)
    known = random.Random(winery)
    newest = chance.randint(2012, 2021)
    vintages = ["N.V."] if kind == "Sparkling" and chance.random() < 0.5 else list(range(newest, newest - 12, -1))
    if chance.random() < 0.1:
        vintages.append("N.V.")
    return [
        100001 + number,
        f"{name(chance)} {chance.choice(['Reserva', 'Cuvée', 'Grande Réserve', 'Old Vines', blend[0]])}",
        kind,
        "Varietal/100%" if len(blend) == 1 else "Assemblage/Blend",
        blend,
        some(chance, dishes, 3),
        abv + chance.randint(-10, 10) / 10,
        body,
        acidity,
        code,
        country,
        1001 + sum(region.encode()),
        region,
        10001 + winery,
        f"{known.choice(KINDS)} {name(known)}",
        f"http://www.{name(known).lower()}.example" if chance.random() < 0.7 else "",
        vintages,
    ]


def rated(chance, by_style, everything):
    """What a shopper rates, in the order of time: mostly of the styles they are fond of, known wines before others."""
    fond = chance.sample(range(len(STYLES)), 1 + (chance.random() < 0.4))
    chosen = {}
    while len(chosen) < RATINGS:
        liked = chance.random() < 0.75
        wines = by_style[chance.choice(fond)] if liked else everything
        number = wines[int(len(wines) * chance.random() ** 2.5)]
        stars = chance.choice([4, 4, 4.5, 5]) if liked else chance.choice([2, 2.5, 3, 3.5, 4])
        chosen.setdefault(number, stars)
    return list(chosen.items())


def write(path, header, rows):
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def generate(folder):
    """Writes the three files into `folder`, which is made, and returns it."""
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    chance = random.Random(1007)
    style_of = [chance.randrange(len(STYLES)) for _ in range(WINES)]
    write(folder / "wines.csv", HEADER, [wine(chance, number, style) for number, style in enumerate(style_of)])
    everything = chance.sample(range(WINES), WINES)  # the best known first
    by_style = [[number for number in everything if style_of[number] == style] for style in range(len(STYLES))]
    train, valid = [], []
    opening = datetime.datetime(2012, 4, 19, 20, 46)
    for shopper in range(SHOPPERS):
        for step, (number, stars) in enumerate(rated(chance, by_style, everything)):
            later = step >= RATINGS - LATER
            at = opening + datetime.timedelta(days=3000 * later + 60 * step, seconds=chance.randrange(8_000_000))
            rating = [1200000 + shopper, 100001 + number, float(stars), chance.randint(1990, 2021), at]
            (valid if later else train).append(rating)
    for path, ratings in (("ratings_train.csv", train), ("ratings_valid.csv", valid)):
        ratings.sort(key=lambda rating: rating[4])
        write(folder / path, ["UserID", "WineID", "Rating", "Vintage", "Date"], ratings)
    return folder


if __name__ == "__main__":
    generate(sys.argv[1])
