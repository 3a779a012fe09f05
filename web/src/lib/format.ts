/** Numbers, money and dates in the reader's own locale. */

const locale = typeof navigator === "undefined" ? "en" : navigator.language || "en";

export interface Money {
  amount: number;
  currency: string;
}

const moneyFormats = new Map<string, Intl.NumberFormat>();

function moneyFormat(currency: string): Intl.NumberFormat {
  let format = moneyFormats.get(currency);
  if (!format) {
    format = new Intl.NumberFormat(locale, { style: "currency", currency, currencyDisplay: "narrowSymbol" });
    moneyFormats.set(currency, format);
  }
  return format;
}

/** How many minor units one major unit has: 100 for euro, 1 for yen. */
export function minorUnits(currency: string): number {
  return 10 ** (moneyFormat(currency).resolvedOptions().maximumFractionDigits ?? 2);
}

/** Amounts are integer minor units; the number of decimals is the currency's. */
export function money(value: Money): string {
  return moneyFormat(value.currency).format(value.amount / minorUnits(value.currency));
}

export function times(value: Money, count: number): Money {
  return { amount: value.amount * count, currency: value.currency };
}

export function count(value: number): string {
  return new Intl.NumberFormat(locale).format(value);
}

export function decimal(value: number, digits = 1): string {
  return new Intl.NumberFormat(locale, { maximumFractionDigits: digits }).format(value);
}

export function fixed(value: number, digits = 1): string {
  return new Intl.NumberFormat(locale, {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  }).format(value);
}

export function date(value: string): string {
  return new Intl.DateTimeFormat(locale, { dateStyle: "medium" }).format(new Date(value));
}

export function dateTime(value: string): string {
  return new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "short" }).format(new Date(value));
}

/** 750 -> "75 cl", 1500 -> "1.5 l": as it stands on the bottle. */
export function volume(ml: number): string {
  return ml >= 1000 ? `${decimal(ml / 1000, 2)} l` : `${decimal(ml / 10, 1)} cl`;
}

let regionNames: Intl.DisplayNames | undefined;

/** The name of a country from its ISO code; what is no code is given back as it is. */
export function countryName(code: string): string {
  if (!/^[A-Z]{2}$/.test(code)) return code;
  try {
    regionNames ??= new Intl.DisplayNames([locale], { type: "region" });
    return regionNames.of(code) ?? code;
  } catch {
    return code;
  }
}

interface Postal {
  name: string;
  line1: string;
  line2?: string | null;
  city: string;
  region?: string | null;
  postal_code: string;
  country: string;
}

/** City before code where the country writes it so. */
const CODE_LAST = new Set(["US", "CA", "AU", "GB", "NZ"]);

/** An address in lines, as it is written on the parcel. */
export function addressLines(address: Postal): string[] {
  const town = CODE_LAST.has(address.country)
    ? `${[address.city, address.region].filter(Boolean).join(", ")} ${address.postal_code}`
    : `${address.postal_code} ${address.city}${address.region ? `, ${address.region}` : ""}`;
  return [address.name, address.line1, address.line2 ?? "", town, countryName(address.country)].filter(
    Boolean,
  );
}
