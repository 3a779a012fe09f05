/** What forms share: the checks that need no server, and the server's answers put beside their fields. */
import type { ApiProblem } from "../api/client.ts";
import { t } from "../i18n/index.ts";

export type Errors = Record<string, string>;

/** The server's field errors by the last part of their path: "shipping_address.city" is "city". */
export function fieldErrors(problem: ApiProblem | undefined): Errors {
  const errors: Errors = {};
  for (const { field, message } of problem?.errors ?? []) {
    const name = field.split(".").pop() ?? field;
    errors[name] ??= message.charAt(0).toUpperCase() + message.slice(1);
  }
  return errors;
}

export const looksLikeEmail = (text: string): boolean => /^[^\s@]+@[^\s@]+\.[^\s@]+$/.test(text);

/** Whole years between a date of birth (YYYY-MM-DD) and today; NaN for what is no date. */
export function ageOf(birth: string, today = new Date()): number {
  const parts = /^(\d{4})-(\d{2})-(\d{2})$/.exec(birth);
  if (!parts) return Number.NaN;
  const [year, month, day] = parts.slice(1).map(Number) as [number, number, number];
  const date = new Date(year, month - 1, day);
  if (date.getMonth() !== month - 1 || year < 1900) return Number.NaN;
  const before = today.getMonth() + 1 < month || (today.getMonth() + 1 === month && today.getDate() < day);
  return today.getFullYear() - year - (before ? 1 : 0);
}

/** Says which of the named values are empty. */
export function missing(values: Record<string, string>, names: readonly string[]): Errors {
  const errors: Errors = {};
  for (const name of names) if (!values[name]?.trim()) errors[name] = t.checkout.required;
  return errors;
}

/** 122 random bits as 32 letters; `crypto.randomUUID` is missing where a shop is reached over plain HTTP. */
export function randomKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
