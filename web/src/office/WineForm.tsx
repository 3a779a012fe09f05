/** The fields of a wine; what is in them belongs to the page. */
import { useEffect, useState } from "preact/hooks";
import { api } from "../api/client.ts";
import type { FacetName, WineList } from "../api/types.ts";
import { Button, Field, IconButton } from "../components/parts.tsx";
import { t } from "../i18n/index.ts";
import { o } from "../i18n/office.ts";
import type { Errors } from "../lib/form.ts";
import { minorUnits } from "../lib/format.ts";
import type { Draft, GrapeDraft, TextField } from "./draft.ts";

type Known = Partial<Record<FacetName, string[]>> & { currency?: string };

let known: Promise<Known> | undefined;

/** Countries, regions, grapes and the like that are in the shop already, so that they are written alike. */
export function knownWords(): Promise<Known> {
  known ??= api.get<WineList>("/wines", { query: { limit: 1 } }).then(
    (list) => {
      const words: Known = list.items[0] ? { currency: list.items[0].price.currency } : {};
      for (const name of ["country", "region", "grape", "winery", "pairing"] as const) {
        words[name] = list.facets[name]?.map((one) => one.value) ?? [];
      }
      return words;
    },
    () => ((known = undefined), {}),
  );
  return known;
}

function useKnownWords(): Known {
  const [words, setWords] = useState<Known>({});
  useEffect(() => {
    void knownWords().then(setWords);
  }, []);
  return words;
}

const SCALES = {
  body: ["very light", "light", "medium", "full", "very full"],
  acidity: ["low", "medium", "high"],
  sweetness: ["bone dry", "dry", "off-dry", "medium", "sweet"],
  tannin: ["none", "low", "medium", "high"],
} as const;

interface FormProps {
  draft: Draft;
  errors: Errors;
  adding: boolean;
  onChange: (draft: Draft) => void;
}

interface PartProps extends FormProps {
  known: Known;
}

interface TextProps extends FormProps {
  name: TextField;
  label?: string;
  list?: string;
  rows?: number;
  required?: boolean;
  mode?: "numeric" | "decimal" | "url";
}

function Text({ name, label, list, rows, required, mode, draft, errors, onChange }: TextProps) {
  const hint = o.wine.hints[name];
  return (
    <Field
      label={label ?? o.wine.fields[name] ?? name}
      name={name}
      value={draft.texts[name]}
      error={errors[name]}
      autocomplete="off"
      {...(hint ? { hint } : {})}
      {...(list ? { list } : {})}
      {...(rows ? { rows } : {})}
      {...(mode ? { inputMode: mode } : {})}
      {...(required ? { "aria-required": "true" } : {})}
      onInput={(event) => onChange({ ...draft, texts: { ...draft.texts, [name]: event.currentTarget.value } })}
    />
  );
}

function Choice({ name, options, draft, errors, onChange }: FormProps & { name: TextField; options: ReadonlyArray<{ value: string; label: string }> }) {
  return (
    <Field
      label={o.wine.fields[name] ?? name}
      name={name}
      value={draft.texts[name]}
      error={errors[name]}
      options={options}
      onChange={(event) => onChange({ ...draft, texts: { ...draft.texts, [name]: event.currentTarget.value } })}
    />
  );
}

function Words({ id, words }: { id: string; words: readonly string[] | undefined }) {
  return (
    <datalist id={id}>
      {words?.map((word) => (
        <option key={word} value={word} />
      ))}
    </datalist>
  );
}

function Grapes({ draft, errors, onChange, known }: PartProps) {
  const set = (grapes: GrapeDraft[]) => onChange({ ...draft, grapes });
  const change = (at: number, part: Partial<GrapeDraft>) => set(draft.grapes.map((one, i) => (i === at ? { ...one, ...part } : one)));
  return (
    <div class="grape-lines" role="group" aria-labelledby="grapes-label">
      <p class="label" id="grapes-label">
        {o.wine.fields.grapes}
      </p>
      {draft.grapes.map((grape, i) => (
        <div class="grape-line" key={i}>
          <input class="input" aria-label={o.wine.grape(i + 1)} list="known-grapes" autocomplete="off" maxLength={100} value={grape.name} onInput={(event) => change(i, { name: event.currentTarget.value })} />
          <input
            class="input figure"
            aria-label={o.wine.share(i + 1)}
            aria-invalid={errors.grapes ? "true" : undefined}
            inputMode="decimal"
            autocomplete="off"
            placeholder={o.wine.sharePlaceholder}
            value={grape.percent}
            onInput={(event) => change(i, { percent: event.currentTarget.value })}
          />
          <IconButton icon="bin" label={o.wine.removeGrape(i + 1)} disabled={draft.grapes.length === 1 && !grape.name} onClick={() => set(draft.grapes.length > 1 ? draft.grapes.filter((_, at) => at !== i) : [{ name: "", percent: "" }])} />
        </div>
      ))}
      {errors.grapes && <p class="wrong">{errors.grapes}</p>}
      {draft.grapes.length < 20 && (
        <div>
          <Button kind="plain" onClick={() => set([...draft.grapes, { name: "", percent: "" }])}>
            {o.wine.addGrape}
          </Button>
        </div>
      )}
      <Words id="known-grapes" words={known.grape} />
    </div>
  );
}

const currencies = (own: string): Array<{ value: string; label: string }> =>
  [...new Set([own, "EUR", "USD", "GBP", "CHF"])].filter((code) => /^[A-Z]{3}$/.test(code)).map((code) => ({ value: code, label: code }));

function Sale(props: PartProps) {
  const { currency } = props.draft.texts;
  const decimals = minorUnits(currency || "EUR") > 1;
  // A shop has one currency; only while it has no wine yet it isn't known here.
  const settled = props.known.currency === currency && !props.errors.currency;
  return (
    <fieldset class="group">
      <legend>{o.wine.groups.sale}</legend>
      <div class="fields fields-4">
        <Text {...props} name="price" label={o.wine.priceIn(settled ? currency : "")} mode={decimals ? "decimal" : "numeric"} required />
        {!settled && <Choice {...props} name="currency" options={currencies(currency)} />}
        {props.adding && <Text {...props} name="stock" mode="numeric" />}
        <Text {...props} name="sku" />
      </div>
    </fieldset>
  );
}

function What(props: PartProps) {
  const types = Object.entries(t.types).map(([value, label]) => ({ value, label }));
  return (
    <fieldset class="group">
      <legend>{o.wine.groups.what}</legend>
      <div class="fields">
        <Text {...props} name="name" required />
        <Text {...props} name="winery" list="known-wineries" required />
      </div>
      <div class="fields fields-4">
        <Choice {...props} name="type" options={types} />
        <Text {...props} name="vintage" mode="numeric" />
        <Text {...props} name="bottle_ml" mode="numeric" required />
        <Text {...props} name="elaborate" />
      </div>
      <Words id="known-wineries" words={props.known.winery} />
    </fieldset>
  );
}

function Place(props: PartProps) {
  return (
    <fieldset class="group">
      <legend>{o.wine.groups.place}</legend>
      <div class="fields fields-4">
        <Text {...props} name="country" list="known-countries" required />
        <Text {...props} name="region" list="known-regions" required />
        <Text {...props} name="subregion" />
        <Text {...props} name="appellation" />
      </div>
      <Words id="known-countries" words={props.known.country} />
      <Words id="known-regions" words={props.known.region} />
    </fieldset>
  );
}

function Taste(props: PartProps) {
  return (
    <fieldset class="group">
      <legend>{o.wine.groups.taste}</legend>
      <div class="fields fields-6">
        {(Object.keys(SCALES) as Array<keyof typeof SCALES>).map((scale) => (
          <Choice
            {...props}
            key={scale}
            name={scale}
            options={[{ value: "", label: o.wine.unknown }, ...SCALES[scale].map((word) => ({ value: word, label: o.wine.words[word] ?? word }))]}
          />
        ))}
        <Text {...props} name="drink_from" mode="numeric" />
        <Text {...props} name="drink_until" mode="numeric" />
      </div>
      <Text {...props} name="notes" rows={3} />
    </fieldset>
  );
}

function OnLabel(props: PartProps) {
  const { draft, onChange } = props;
  return (
    <fieldset class="group">
      <legend>{o.wine.groups.label}</legend>
      <div class="fields fields-4">
        <Text {...props} name="abv" mode="decimal" required />
        <Text {...props} name="sugar_g_l" mode="decimal" />
        <Text {...props} name="energy_kj" mode="numeric" />
        <Text {...props} name="energy_kcal" mode="numeric" />
      </div>
      <label class="check">
        <input type="checkbox" checked={draft.organic} onChange={() => onChange({ ...draft, organic: !draft.organic })} />
        {o.wine.fields.organic}
      </label>
      <div class="fields">
        <Text {...props} name="ingredients" />
        <Text {...props} name="website" mode="url" />
      </div>
    </fieldset>
  );
}

export function WineForm(props: FormProps) {
  const part = { ...props, known: useKnownWords() };
  return (
    <>
      <Sale {...part} />
      <What {...part} />
      <Place {...part} />
      <fieldset class="group">
        <legend>{o.wine.groups.grapes}</legend>
        <Grapes {...part} />
        <Text {...part} name="pairings" />
      </fieldset>
      <Taste {...part} />
      <OnLabel {...part} />
    </>
  );
}
