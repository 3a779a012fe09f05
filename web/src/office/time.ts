/** Moments as people say them: "3 minutes ago" for what is near, the date for the rest. */
import { date, dateTime } from "../lib/format.ts";

const locale = navigator.language || "en";
const relative = new Intl.RelativeTimeFormat(locale, { numeric: "auto", style: "short" });
const STEPS: ReadonlyArray<[Intl.RelativeTimeFormatUnit, number]> = [
  ["second", 60],
  ["minute", 3600],
  ["hour", 86_400],
];
const SIZES: Record<string, number> = { second: 1, minute: 60, hour: 3600 };

export function ago(value: string, now = Date.now()): string {
  const seconds = Math.round((now - Date.parse(value)) / 1000);
  if (Number.isNaN(seconds)) return "";
  for (const [unit, below] of STEPS) {
    if (Math.abs(seconds) < below) return relative.format(-Math.round(seconds / (SIZES[unit] as number)), unit);
  }
  return date(value);
}

export function exactly(value: string): string {
  return Number.isNaN(Date.parse(value)) ? "" : dateTime(value);
}

/** A span in its largest unit: 95 seconds are "2 min". */
export function span(seconds: number): string {
  const [unit, size] = seconds < 90 ? ["second", 1] : seconds < 5400 ? ["minute", 60] : seconds < 129_600 ? ["hour", 3600] : ["day", 86_400];
  const format = new Intl.NumberFormat(locale, { style: "unit", unit: unit as string, unitDisplay: "short", maximumFractionDigits: 0 });
  return format.format(seconds / (size as number));
}

/** Days of the report are the server's, in UTC: they must not slip into the day before on their way here. */
export function day(value: string, style: "short" | "long" = "short"): string {
  const parts: Intl.DateTimeFormatOptions =
    style === "short" ? { day: "numeric", month: "short" } : { weekday: "short", day: "numeric", month: "short", year: "numeric" };
  return new Intl.DateTimeFormat(locale, { ...parts, timeZone: "UTC" }).format(new Date(`${value}T00:00:00Z`));
}

export const clock = (moment: Date): string => new Intl.DateTimeFormat(locale, { timeStyle: "short" }).format(moment);
