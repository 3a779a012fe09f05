/** The reasoning of the forecast's chart, apart from its drawing. */
import type { Expected, Forecast } from "./types.ts";

export type Horizon = 7 | 28;

export interface Row {
  one: Forecast;
  expected: Expected;
}

export const expectedIn = (one: Forecast, horizon: Horizon): Expected | null =>
  horizon === 7 ? one.next_7_days : one.next_28_days;

/** The wines a forecast was made for, most bottles first. */
export function rowsOf(list: readonly Forecast[], horizon: Horizon): Row[] {
  const rows: Row[] = [];
  for (const one of list) {
    const expected = expectedIn(one, horizon);
    if (one.state === "made" && expected) rows.push({ one, expected });
  }
  return rows.sort((a, b) => b.expected.bottles - a.expected.bottles);
}

/** Where on a line of 0 to `top` the parts of a row stand, in percent. What is beyond the end is left out. */
export function placesOf({ one, expected }: Row, top: number) {
  const at = (value: number) => Math.min(100, (value / top) * 100);
  return {
    bar: at(expected.bottles),
    from: at(expected.low),
    width: at(expected.high) - at(expected.low),
    stock: one.available === null || one.available > top ? undefined : at(one.available),
  };
}

/** Bottles as one says them: a decimal where there are few. */
export function bottlesText(value: number, locale?: string): string {
  return new Intl.NumberFormat(locale, { maximumFractionDigits: value < 9.95 ? 1 : 0 }).format(value);
}

/** The mean of the wines' errors, in bottles a week. */
export function errorsOf(rows: readonly Row[]): { error: number; naive: number } {
  const mean = (of: (one: Forecast) => number | null) => rows.reduce((total, { one }) => total + (of(one) ?? 0), 0) / (rows.length || 1);
  return { error: mean((one) => one.error), naive: mean((one) => one.naive_error) };
}

export interface Change {
  /** In percent; undefined where there is nothing to compare with. */
  percent: number | undefined;
  up: boolean;
}

export function changeOf(now: number, before: number): Change {
  if (before <= 0) return { percent: undefined, up: now > 0 };
  return { percent: Math.round(((now - before) / before) * 100), up: now >= before };
}
