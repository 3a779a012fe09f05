/** An address: the country first, because it decides whether we can ship at all. */
import type { Address, Destination } from "../api/types.ts";
import { t } from "../i18n/index.ts";
import { countryName } from "../lib/format.ts";
import type { Errors } from "../lib/form.ts";
import { Field } from "./parts.tsx";

export type AddressDraft = Record<
  "name" | "line1" | "line2" | "city" | "region" | "postal_code" | "country",
  string
>;

export const ELSEWHERE = "??";

export const emptyAddress = (): AddressDraft => ({
  name: "",
  line1: "",
  line2: "",
  city: "",
  region: "",
  postal_code: "",
  country: "",
});

export const draftOf = (address: Address): AddressDraft => ({
  name: address.name,
  line1: address.line1,
  line2: address.line2 ?? "",
  city: address.city,
  region: address.region ?? "",
  postal_code: address.postal_code,
  country: address.country,
});

export function addressOf(draft: AddressDraft): Address {
  const trimmed = Object.fromEntries(
    Object.entries(draft).map(([name, value]) => [name, value.trim()]),
  ) as AddressDraft;
  return { ...trimmed, line2: trimmed.line2 || null, region: trimmed.region || null };
}

const hasRegions = (destinations: readonly Destination[], country: string): boolean =>
  destinations.some((one) => one.country === country && one.region !== null);

export const REQUIRED = ["country", "name", "line1", "city", "postal_code"] as const;

/** The names of the fields that must be filled for this country. */
export const requiredFor = (destinations: readonly Destination[], country: string): readonly string[] =>
  hasRegions(destinations, country) ? [...REQUIRED, "region"] : REQUIRED;

export function destinationFor(
  destinations: readonly Destination[],
  draft: AddressDraft,
): Destination | undefined {
  return destinations.find(
    (one) =>
      one.country === draft.country && (one.region === null || one.region === draft.region.toUpperCase()),
  );
}

/** True once the shopper has said a place that is not in the list. */
export function isNotServed(destinations: readonly Destination[], draft: AddressDraft): boolean {
  if (!destinations.length || !draft.country) return false;
  if (draft.country === ELSEWHERE || draft.region === ELSEWHERE) return true;
  if (!destinations.some((one) => one.country === draft.country)) return true;
  return (
    hasRegions(destinations, draft.country) && draft.region !== "" && !destinationFor(destinations, draft)
  );
}

export function NotServed({ destinations }: { destinations: readonly Destination[] }) {
  return (
    <div class="note note-bad" role="alert">
      <strong>{t.checkout.notServed}</strong>
      <p>{t.checkout.notServedText}</p>
      <p>{destinations.map((one) => one.name).join(", ")}.</p>
    </div>
  );
}

export function AddressFields({
  draft,
  errors,
  destinations,
  onChange,
}: {
  draft: AddressDraft;
  errors: Errors;
  destinations: readonly Destination[];
  onChange: (draft: AddressDraft) => void;
}) {
  const set = (name: keyof AddressDraft) => (event: { currentTarget: { value: string } }) =>
    onChange({ ...draft, [name]: event.currentTarget.value, ...(name === "country" ? { region: "" } : {}) });
  const countries = [...new Set(destinations.map((one) => one.country))];
  if (draft.country && draft.country !== ELSEWHERE && !countries.includes(draft.country))
    countries.push(draft.country);
  const regions = destinations.filter((one) => one.country === draft.country && one.region !== null);
  return (
    <div class="stack">
      <div class="fields">
        <Field
          label={t.checkout.country}
          name="country"
          autocomplete="country"
          value={draft.country}
          error={errors.country}
          onChange={set("country")}
          options={[
            { value: "", label: t.cart.choose },
            ...countries.map((code) => ({ value: code, label: countryName(code) })),
            { value: ELSEWHERE, label: t.checkout.elsewhere },
          ]}
        />
        {regions.length > 0 && (
          <Field
            label={t.checkout.region}
            name="region"
            autocomplete="address-level1"
            value={draft.region}
            error={errors.region}
            onChange={set("region")}
            options={[
              { value: "", label: t.cart.choose },
              ...regions.map((one) => ({ value: one.region as string, label: one.name })),
              { value: ELSEWHERE, label: t.checkout.elsewhereRegion },
            ]}
          />
        )}
      </div>
      {isNotServed(destinations, draft) && <NotServed destinations={destinations} />}
      <Field
        label={t.checkout.name}
        name="name"
        autocomplete="name"
        maxLength={100}
        value={draft.name}
        error={errors.name}
        onInput={set("name")}
      />
      <Field
        label={t.checkout.line1}
        name="line1"
        autocomplete="address-line1"
        maxLength={200}
        value={draft.line1}
        error={errors.line1}
        onInput={set("line1")}
      />
      <Field
        label={t.checkout.line2}
        name="line2"
        autocomplete="address-line2"
        maxLength={200}
        value={draft.line2}
        error={errors.line2}
        onInput={set("line2")}
      />
      <div class="fields">
        <Field
          label={t.checkout.postal}
          name="postal_code"
          autocomplete="postal-code"
          maxLength={20}
          value={draft.postal_code}
          error={errors.postal_code}
          onInput={set("postal_code")}
        />
        <Field
          label={t.checkout.city}
          name="city"
          autocomplete="address-level2"
          maxLength={100}
          value={draft.city}
          error={errors.city}
          onInput={set("city")}
        />
      </div>
    </div>
  );
}
