/** Fits words into a label without asking the browser: widths of the serif's letters are known here. */

/* Advance widths of Alegreya 500 in hundredths of an em, from the space to the tilde. */
const WIDTHS = [
  19, 28, 31, 51, 46, 69, 71, 18, 28, 28, 44, 51, 28, 37, 29, 33, 52, 35, 48, 42, 46, 43, 46, 42, 48, 46, 24,
  24, 49, 51, 49, 36, 84, 60, 61, 62, 70, 59, 52, 66, 75, 36, 33, 64, 52, 84, 72, 68, 56, 69, 62, 53, 56, 67,
  62, 95, 67, 56, 57, 31, 33, 31, 50, 46, 40, 47, 51, 43, 54, 45, 33, 50, 54, 29, 26, 51, 25, 83, 55, 51, 53,
  52, 40, 40, 33, 54, 45, 72, 48, 45, 46, 31, 36, 31, 51,
];
const UNKNOWN = 60;

/** Width in em; `spacing` is letter spacing in em. */
export function measure(text: string, spacing = 0): number {
  let width = 0;
  let letters = 0;
  for (const char of text.normalize("NFD")) {
    const code = char.codePointAt(0) as number;
    if (code >= 0x300 && code < 0x370) continue; // a combining accent stands above its letter
    width += WIDTHS[code - 32] ?? UNKNOWN;
    letters++;
  }
  return width / 100 + Math.max(0, letters - 1) * spacing;
}

export interface Fitted {
  lines: string[];
  size: number;
}

function shorten(text: string, size: number, width: number, spacing: number): string {
  if (measure(text, spacing) * size <= width) return text;
  let end = text.length;
  while (end > 1 && measure(`${text.slice(0, end)}…`, spacing) * size > width) end--;
  return `${text.slice(0, end).trimEnd()}…`;
}

/** The ways to break words into exactly `count` lines; words stay whole. */
function breaks(words: string[], count: number): string[][] {
  if (count === 1) return [[words.join(" ")]];
  const all: string[][] = [];
  for (let first = 1; first <= words.length - (count - 1); first++) {
    const head = words.slice(0, first).join(" ");
    for (const rest of breaks(words.slice(first), count - 1)) all.push([head, ...rest]);
  }
  return all;
}

/**
 * The largest size between `min` and `max` at which the text fits `width` in at most `lines` lines and
 * `height`; fewer lines win unless more give clearly larger letters. What fits nowhere is cut with "…".
 */
export function fit(
  text: string,
  box: {
    width: number;
    height: number;
    max: number;
    min: number;
    lines: number;
    spacing?: number;
    leading?: number;
  },
): Fitted {
  const { spacing = 0, leading = 1.05 } = box;
  const words = text.split(/\s+/).filter(Boolean).slice(0, 9);
  let best: Fitted | undefined;
  for (let count = 1; count <= Math.min(box.lines, words.length); count++) {
    for (const lines of breaks(words, count)) {
      const widest = Math.max(...lines.map((line) => measure(line, spacing)));
      const size = Math.min(box.max, box.width / widest, box.height / (count * leading));
      if (!best || size > best.size * (lines.length > best.lines.length ? 1.16 : 1.0001))
        best = { lines, size };
    }
  }
  if (!best || best.size < box.min) {
    const size = Math.max(box.min, Math.min(best?.size ?? box.min, box.max));
    const lines = (best?.lines ?? [text]).map((line) => shorten(line, size, box.width, spacing));
    return { lines, size };
  }
  return best;
}
