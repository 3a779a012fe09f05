/** The arithmetic of the revenue chart, apart from its drawing. */
import type { Revenue } from "./types.ts";

export interface Bar {
  /** The first day it stands for. */
  day: string;
  days: number;
  amount: number;
  orders: number;
}

const MOST_DAYS = 92;

/** A bar per day; per week where days would be too thin to tell apart. Weeks end with the last day. */
export function barsOf(revenue: readonly Revenue[]): Bar[] {
  const size = revenue.length > MOST_DAYS ? 7 : 1;
  const bars: Bar[] = [];
  for (let end = revenue.length; end > 0; end -= size) {
    const days = revenue.slice(Math.max(0, end - size), end);
    const sum = (of: (one: Revenue) => number) => days.reduce((total, one) => total + of(one), 0);
    bars.unshift({ day: days[0]?.day ?? "", days: days.length, amount: sum((one) => one.amount), orders: sum((one) => one.orders) });
  }
  return bars;
}

/** Round steps (1, 2 or 5 times a power of ten) from 0 to above the highest value: three to five of them. */
export function ticksFor(highest: number, wanted = 4): number[] {
  if (highest <= 0) return [0, 1];
  const rough = highest / wanted;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5, 10].find((one) => one * power >= rough) ?? 10);
  const ticks = [];
  for (let at = 0; at < highest + step; at += step) ticks.push(Number(at.toPrecision(12)));
  return ticks;
}
