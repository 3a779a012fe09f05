/** What a wine's bottle looks like: a pure function of the wine, so the same wine always gets the same bottle. */
import { Chance } from "./chance.ts";
import { SHAPES, type Shape, type ShapeName } from "./shapes.ts";

/** What the drawing needs to know; every wine of the API has it. */
export interface BottleWine {
  name: string;
  winery: string;
  type: string;
  country?: string | null;
  region?: string | null;
  appellation?: string | null;
  grapes?: readonly string[] | null;
  vintage?: number | null;
  bottle_ml?: number | null;
  sweetness?: string | null;
}

export interface Glass {
  /** Shadow side, body and light side. */
  dark: string;
  mid: string;
  light: string;
  /** Clear glass shows the wine and the air above it. */
  wine?: { dark: string; mid: string; light: string };
}

export interface LabelColours {
  paper: string;
  ink: string;
  soft: string;
  accent: string;
}

export const LABELS = [
  "estate",
  "monogram",
  "modern",
  "hills",
  "vine",
  "numeral",
  "foil",
  "arch",
  "stripe",
  "sun",
  "oval",
] as const;
export type LabelName = (typeof LABELS)[number];

export interface Look {
  shape: Shape;
  glass: Glass;
  capsule: { colour: string; kind: "foil" | "screw" | "wax" | "stopper" | "champagne" };
  label: LabelName;
  colours: LabelColours;
  /** For the small differences within a family of labels. */
  seed: string;
  /** Whole bottles of other sizes stand smaller or larger. */
  scale: number;
}

const GLASS = {
  antique: { dark: "#0c120c", mid: "#1d2b1c", light: "#3f5a39" },
  leaf: { dark: "#171608", mid: "#343115", light: "#6b6630" },
  olive: { dark: "#2c2e10", mid: "#5e6128", light: "#9b9c58" },
  green: { dark: "#10281a", mid: "#245236", light: "#5d9069" },
  brown: { dark: "#24120a", mid: "#532d15", light: "#94602f" },
  black: { dark: "#050505", mid: "#141213", light: "#3b3538" },
} satisfies Record<string, Glass>;

const CLEAR = { dark: "#98a29f", mid: "#dde3e0", light: "#ffffff" };

const clear = (dark: string, mid: string, light: string): Glass => ({ ...CLEAR, wine: { dark, mid, light } });

const ROSES = [
  clear("#c9755f", "#eda58c", "#fbd3c2"),
  clear("#c46a6c", "#ea9d98", "#f8cdc7"),
  clear("#cf8a5c", "#f0b488", "#fbdcc2"),
] as const;
const GOLDS = [
  clear("#a5700f", "#d9a02c", "#f3d27d"),
  clear("#8e560c", "#c8831d", "#ebb95f"),
  clear("#b4891f", "#dfb948", "#f4e09b"),
] as const;
const PALES = [clear("#a9a34c", "#d8d487", "#f1efc2"), clear("#b3a34a", "#dfd07f", "#f5eac0")] as const;

const CAPSULES = [
  "#6d1530",
  "#17181a",
  "#a37b32",
  "#1c2a47",
  "#1f4030",
  "#d9cfba",
  "#8d2f1f",
  "#4a4a4d",
] as const;

type Papers = readonly LabelColours[];
const OLD_PAPERS: Papers = [
  { paper: "#f7f0df", ink: "#2a211a", soft: "#7d6c57", accent: "#7b1e3a" },
  { paper: "#fbf8f1", ink: "#26211d", soft: "#7a7066", accent: "#9b7327" },
  { paper: "#f3e9d3", ink: "#2b2418", soft: "#7e6c4c", accent: "#2b4a38" },
  { paper: "#f6f1e6", ink: "#1f2433", soft: "#6c6d78", accent: "#233a66" },
  { paper: "#efe4cf", ink: "#31201a", soft: "#83664f", accent: "#9c4a22" },
];
const NEW_PAPERS: Papers = [
  { paper: "#fdfcf9", ink: "#1d1b1a", soft: "#76716b", accent: "#c4552d" },
  { paper: "#f7f5ef", ink: "#17262b", soft: "#66757a", accent: "#1f7a79" },
  { paper: "#fbf4ea", ink: "#2b1f2b", soft: "#7b6a78", accent: "#71315f" },
  { paper: "#f4f3ee", ink: "#222a1d", soft: "#6d7563", accent: "#5d7a2e" },
  { paper: "#fdf9f0", ink: "#1c2236", soft: "#6a6f82", accent: "#2f5aa8" },
  { paper: "#fff8ee", ink: "#3a1f14", soft: "#8a6a57", accent: "#d08a1d" },
];
const DARK_PAPERS: Papers = [
  { paper: "#1b1a1c", ink: "#f3e7cb", soft: "#bda878", accent: "#d2ab5f" },
  { paper: "#1c2740", ink: "#f1ecdf", soft: "#b9b7ae", accent: "#d6b873" },
  { paper: "#4b1022", ink: "#f6e9d8", soft: "#d5b59e", accent: "#dcb66c" },
  { paper: "#1e3329", ink: "#efe9d6", soft: "#b6bda5", accent: "#cfae62" },
];
const BLUSH_PAPERS: Papers = [
  { paper: "#fffaf6", ink: "#4a2522", soft: "#98706a", accent: "#c8675b" },
  { paper: "#fdf3ec", ink: "#3b2a33", soft: "#8a717b", accent: "#b65a7c" },
  { paper: "#ffffff", ink: "#2d3a44", soft: "#74828b", accent: "#d98b6a" },
];

const OLD_WORLD =
  /france|italy|spain|portugal|germany|austria|hungary|greece|switzerland|georgia|romania|croatia|slovenia|bulgaria|lebanon|moldova/i;
const OLD_LABELS: readonly LabelName[] = [
  "estate",
  "estate",
  "monogram",
  "vine",
  "arch",
  "oval",
  "foil",
  "numeral",
];
const NEW_LABELS: readonly LabelName[] = [
  "modern",
  "hills",
  "stripe",
  "numeral",
  "sun",
  "vine",
  "foil",
  "monogram",
];

const BURGUNDIAN =
  /pinot|chardonnay|gamay|syrah|shiraz|grenache|garnacha|nebbiolo|aligot|mourv|cinsau|nerello|viognier|marsanne|roussanne|chenin|mencia|trousseau|poulsard/i;
const RHENISH =
  /riesling|gew|sylvaner|silvaner|müller|muller|pinot blanc|weissburgunder|auxerrois|scheurebe/i;
const RHENISH_PLACE = /mosel|rhein|alsace|nahe|pfalz|elbling|luxemb|wachau|kamptal|franken/i;

function shapeName(wine: BottleWine, chance: Chance): ShapeName {
  const grape = wine.grapes?.[0] ?? "";
  switch (wine.type) {
    case "Sparkling":
      return "sparkling";
    case "Fortified":
      return "port";
    case "Dessert":
      return RHENISH.test(grape) ? "flute" : "slim";
    case "Rosé":
      return chance.pick(["provence", "provence", "burgundy", "bordeaux"] as const);
    case "White":
      if (RHENISH.test(grape) || RHENISH_PLACE.test(wine.region ?? "")) return "flute";
      return BURGUNDIAN.test(grape) ? "burgundy" : chance.pick(["bordeaux", "burgundy"] as const);
    default:
      if (
        /bourgogne|burgundy|beaujolais|rh[oô]ne|barolo|barbaresco/i.test(`${wine.region} ${wine.appellation}`)
      ) {
        return "burgundy";
      }
      return BURGUNDIAN.test(grape) ? "burgundy" : "bordeaux";
  }
}

function glassFor(wine: BottleWine, shape: ShapeName, chance: Chance): Glass {
  const grape = wine.grapes?.[0] ?? "";
  switch (wine.type) {
    case "Rosé":
      return chance.pick(ROSES);
    case "Sparkling":
      if (/ros[eé]|rosat/i.test(`${wine.name} ${wine.appellation}`)) return chance.pick(ROSES);
      return chance.pick([GLASS.antique, GLASS.green, GLASS.leaf] as const);
    case "Dessert":
      return shape === "flute" ? GLASS.brown : chance.pick(GOLDS);
    case "Fortified":
      if (/moscat|muscat|white|fino|manzanilla|blanc/i.test(`${wine.name} ${grape}`))
        return chance.pick(GOLDS);
      return chance.pick([GLASS.black, GLASS.brown, GLASS.antique] as const);
    case "White":
      if (shape === "flute") return chance.pick([GLASS.green, GLASS.green, GLASS.brown] as const);
      if (shape === "burgundy") return chance.pick([GLASS.olive, GLASS.olive, GLASS.leaf] as const);
      return chance.pick([...PALES, GLASS.olive, GLASS.green] as const);
    default:
      if (shape === "burgundy") return chance.pick([GLASS.leaf, GLASS.leaf, GLASS.antique] as const);
      return chance.pick([GLASS.antique, GLASS.antique, GLASS.black] as const);
  }
}

export function lookOf(wine: BottleWine): Look {
  // A house keeps its label over the years; shape and glass belong to the wine.
  const house = new Chance(`house ${wine.winery}`);
  const own = new Chance(`wine ${wine.winery} ${wine.name}`);
  const name = shapeName(wine, own);
  const old = OLD_WORLD.test(wine.country ?? "");

  let label = house.pick(old ? OLD_LABELS : NEW_LABELS);
  let papers = old ? OLD_PAPERS : NEW_PAPERS;
  if (label === "foil") papers = DARK_PAPERS;
  else if (wine.type === "Rosé") papers = BLUSH_PAPERS;
  else if (wine.type === "Fortified" && house.next() < 0.5) {
    label = "foil";
    papers = DARK_PAPERS;
  }
  const colours = house.pick(papers);

  let kind: Look["capsule"]["kind"] = "foil";
  if (name === "sparkling") kind = "champagne";
  else if (name === "port") kind = "stopper";
  else if (/new zealand|australia/i.test(wine.country ?? "") || (name === "flute" && house.next() < 0.5))
    kind = "screw";
  else if (house.next() < 0.1) kind = "wax";

  const ml = wine.bottle_ml ?? 750;
  const scale = ml <= 250 ? 0.72 : ml <= 375 ? 0.82 : ml <= 500 ? 0.88 : ml >= 1500 ? 1 : 0.94;
  return {
    shape: SHAPES[name],
    glass: glassFor(wine, name, own),
    capsule: { colour: house.next() < 0.45 ? colours.accent : house.pick(CAPSULES), kind },
    label,
    colours,
    seed: `${wine.winery} ${wine.name}`,
    scale,
  };
}
