/** Bottles that came, bottles counted: always a change with a reason, and one that can be taken back. */
import { signal } from "@preact/signals";
import { useRef, useState } from "preact/hooks";
import { asProblem } from "../api/client.ts";
import type { Wine } from "../api/types.ts";
import { Button, Dialog, Field, focusFirstError, problemTitle } from "../components/parts.tsx";
import { o } from "../i18n/office.ts";
import { fieldErrors, type Errors } from "../lib/form.ts";
import { count } from "../lib/format.ts";
import { dropResources } from "../lib/resource.ts";
import { toast } from "../lib/signals.ts";
import { dropLists, patchLists } from "./lists.ts";
import { office } from "./office.ts";
import type { AdminWine, Stock } from "./types.ts";

type Counts = Pick<AdminWine, "id" | "name" | "vintage" | "available" | "on_hand" | "reserved">;

const REASONS = "stock-reasons";

/** Everything that shows this wine's stock learns of it. */
function spread(stock: Stock): void {
  patchLists("/wines", { id: stock.wine_id, available: stock.available, on_hand: stock.on_hand, reserved: stock.reserved } as AdminWine);
  dropLists("/analytics");
  dropResources("overview");
  dropResources(`wine:${stock.wine_id}`);
}

export async function changeStock(id: string, change: number, reason: string): Promise<Stock> {
  const stock = await office.post<Stock>(`/wines/${id}/stock`, { change, reason });
  spread(stock);
  return stock;
}

interface FormProps {
  wine: Counts;
  onStock: (stock: Stock) => void;
  autofocus?: boolean;
}

export function StockForm({ wine, onStock, autofocus }: FormProps) {
  const form = useRef<HTMLFormElement>(null);
  const [mode, setMode] = useState<"delivery" | "count">("delivery");
  const [bottles, setBottles] = useState("");
  const [reason, setReason] = useState("");
  const [errors, setErrors] = useState<Errors>({});
  const [busy, setBusy] = useState(false);
  const number = /^\s*[+-]?\d{1,7}\s*$/.test(bottles) ? Number(bottles) : Number.NaN;
  const change = mode === "delivery" ? number : number - wine.on_hand;
  const usual = mode === "delivery" ? o.stock.deliveryReason : o.stock.countReason;

  const refuse = (found: Errors) => {
    setErrors(found);
    focusFirstError(form.current);
  };
  const book = (wanted: number, why: string, undo: boolean) =>
    changeStock(wine.id, wanted, why).then((stock) => {
      onStock(stock);
      if (undo) toast(o.undone);
      else
        toast(o.stock.booked(wanted, wineLabel(wine)), {
          label: o.undo,
          run: () => void book(-wanted, o.stock.undoReason(why), true).catch(() => toast(o.cannotUndo)),
        });
    });
  const submit = (event: Event) => {
    event.preventDefault();
    if (Number.isNaN(number)) return refuse({ change: o.wine.whole });
    if (mode === "count" && number < 0) return refuse({ change: o.wine.between("0", count(1_000_000)) });
    if (change === 0) return refuse({ change: mode === "count" ? o.stock.noChange : o.stock.zero });
    setErrors({});
    setBusy(true);
    book(change, reason.trim() || usual, false)
      .then(
        () => {
          setBottles("");
          setReason("");
        },
        (error: unknown) => {
          const problem = asProblem(error);
          const short = problem.errors.find((one) => one.available !== undefined)?.available;
          if (problem.code === "out_of_stock") refuse({ change: o.stock.tooFew(short ?? wine.available) });
          else refuse({ change: problemTitle(problem), ...fieldErrors(problem) });
        },
      )
      .finally(() => setBusy(false));
  };
  const hint =
    mode === "count"
      ? o.stock.countHint(wine.on_hand)
      : !Number.isNaN(number) && number !== 0
        ? o.stock.result(number, wine.on_hand + number)
        : undefined;
  return (
    <form class="stack" ref={form} onSubmit={submit} noValidate>
      <dl class="figures">
        <div>
          <dt>{o.stock.available}</dt>
          <dd class={wine.available ? "" : "bad"}>{count(wine.available)}</dd>
        </div>
        <div>
          <dt>{o.stock.reserved}</dt>
          <dd>{count(wine.reserved)}</dd>
        </div>
        <div>
          <dt>{o.stock.onHand}</dt>
          <dd>{count(wine.on_hand)}</dd>
        </div>
      </dl>
      <fieldset class="pick">
        <legend class="hush">{o.stock.title}</legend>
        {(["delivery", "count"] as const).map((one) => (
          <label key={one} class={`chip${mode === one ? " chip-on" : ""}`}>
            <input
              class="hush"
              type="radio"
              name="stock-mode"
              checked={mode === one}
              onChange={() => {
                setMode(one);
                setErrors({});
              }}
            />
            {o.stock[one]}
          </label>
        ))}
      </fieldset>
      <div class="stock-line">
        <Field
          label={mode === "delivery" ? o.stock.deliveryField : o.stock.countField}
          inputMode="numeric"
          autocomplete="off"
          name="change"
          value={bottles}
          error={errors.change}
          {...(hint ? { hint } : {})}
          autofocus={autofocus ?? false}
          onInput={(event) => setBottles(event.currentTarget.value)}
        />
        <Field
          label={o.stock.reason}
          name="reason"
          list={REASONS}
          maxLength={200}
          placeholder={usual}
          value={reason}
          error={errors.reason}
          onInput={(event) => setReason(event.currentTarget.value)}
        />
      </div>
      <datalist id={REASONS}>
        {o.stock.reasons.map((one) => (
          <option key={one} value={one} />
        ))}
      </datalist>
      <Button kind="main" type="submit" busy={busy}>
        {o.stock.book}
      </Button>
    </form>
  );
}

const shown = signal<{ wine: Counts; done: ((stock: Stock) => void) | undefined } | null>(null);

/** Opens the stock of a wine over whatever page is shown; a wine of which only the id is known is asked for. */
export function openStock(wine: AdminWine | string, done?: (stock: Stock) => void): void {
  if (typeof wine !== "string") shown.value = { wine, done };
  else
    office.get<AdminWine>(`/wines/${wine}`).then(
      (found) => (shown.value = { wine: found, done }),
      (error: unknown) => toast(problemTitle(asProblem(error))),
    );
}

export const wineLabel = (wine: Pick<Wine, "name" | "vintage">): string => (wine.vintage ? `${wine.name} ${wine.vintage}` : wine.name);

export function StockBox() {
  const now = shown.value;
  const close = () => (shown.value = null);
  return (
    <Dialog open={now !== null} onClose={close} title={now ? o.stock.dialog(wineLabel(now.wine)) : ""} kind="box">
      {now && (
        <StockForm
          wine={now.wine}
          autofocus
          onStock={(stock) => {
            now.done?.(stock);
            if (shown.value) close();
          }}
        />
      )}
    </Dialog>
  );
}
