/** The basket's lines and total, in the drawer and on the pages that show it. */
import { useEffect, useState } from "preact/hooks";
import { useResource } from "../lib/resource.ts";
import { api } from "../api/client.ts";
import type { Cart, CartItem, Charge, Destination } from "../api/types.ts";
import { t } from "../i18n/index.ts";
import {
  cart,
  cartCount,
  cartProblem,
  destination,
  loadCart,
  MOST_BOTTLES,
  placeCode,
  removeFromCart,
  setDestination,
  setQuantity,
} from "../lib/cart.ts";
import { money } from "../lib/format.ts";
import { drawerOpen, toasts } from "../lib/signals.ts";
import { fullName, unusualSize, winePath } from "../lib/wines.ts";
import { Bones, Button, Dialog, Empty, IconButton, ProblemNote, Stepper } from "./parts.tsx";
import { Thumb } from "./Wine.tsx";

export function useDestinations() {
  return useResource("destinations", (signal) =>
    api.get<{ items: Destination[] }>("/destinations", { signal }),
  );
}

function Line({ item, currency }: { item: CartItem; currency: string }) {
  const [busy, setBusy] = useState(false);
  const wine = { id: item.wine_id, name: fullName(item) };
  const change = (work: Promise<void>) => {
    setBusy(true);
    work.catch(() => undefined).finally(() => setBusy(false));
  };
  const short = item.available < item.quantity;
  return (
    <li class="line" aria-busy={busy}>
      <Thumb wineId={item.wine_id} />
      <div class="line-main">
        <p class="over">{item.winery}</p>
        <a
          class="line-name"
          href={winePath({ ...item, id: item.wine_id })}
          onClick={() => (drawerOpen.value = false)}
        >
          {item.name} <span class="vintage">{item.vintage ?? ""}</span>
        </a>
        <p class="quiet small">
          {[t.cart.each(money({ amount: item.unit_price, currency })), unusualSize(item.bottle_ml)]
            .filter(Boolean)
            .join(" · ")}
        </p>
        {item.price_changed && <p class="tag tag-gold">{t.cart.priceChanged}</p>}
        {short && (
          <p class="wrong row">
            {t.cart.tooFew(item.available)}
            {item.available > 0 && (
              <Button kind="plain" onClick={() => change(setQuantity(wine, item.available))}>
                {t.cart.take(item.available)}
              </Button>
            )}
          </p>
        )}
        <div class="line-tools">
          <Stepper
            value={item.quantity}
            min={1}
            max={Math.max(1, Math.min(MOST_BOTTLES, Math.max(item.available, item.quantity)))}
            label={t.cart.line(wine.name)}
            onChange={(quantity) => change(setQuantity(wine, quantity))}
          />
          <IconButton
            icon="bin"
            label={t.cart.remove(wine.name)}
            onClick={() => change(removeFromCart(wine))}
          />
          <strong class="num line-total">{money({ amount: item.line_total, currency })}</strong>
        </div>
      </div>
    </li>
  );
}

export function CartLines({ of }: { of: Cart }) {
  return (
    <ul class="lines">
      {of.items.map((item) => (
        <Line key={item.wine_id} item={item} currency={of.totals.currency} />
      ))}
    </ul>
  );
}

interface Totalled {
  totals: { subtotal: number; shipping: number | null; tax: number | null; total: number; currency: string };
  charges: Charge[];
}

/** The total, line by line; what isn't known yet says so. */
export function Totals({ of, place }: { of: Totalled; place?: Destination | null | undefined }) {
  const { totals } = of;
  const sum = (amount: number) => money({ amount, currency: totals.currency });
  const known = totals.shipping !== null;
  const shipping = of.charges.filter((charge) => charge.kind === "shipping");
  const taxes = of.charges.filter((charge) => charge.kind !== "shipping" && charge.amount > 0);
  // Where the prices hold the tax it adds nothing: it is told below the total, not added up.
  const held = totals.tax === 0 ? taxes : [];
  const rest = totals.tax === 0 ? [] : taxes;
  const toFree =
    place?.free_shipping_from != null && totals.shipping ? place.free_shipping_from - totals.subtotal : 0;
  return (
    <div class="stack-s" aria-live="polite">
      <dl class="totals">
        <div>
          <dt>{t.cart.subtotal}</dt>
          <dd>{sum(totals.subtotal)}</dd>
        </div>
        {known ? (
          <>
            {(shipping.length ? shipping : [{ label: t.cart.shipping, amount: totals.shipping ?? 0 }]).map(
              (charge, i) => (
                <div key={i}>
                  <dt>
                    {t.cart.shipping}
                    {charge.label !== t.cart.shipping && <span class="quiet small"> · {charge.label}</span>}
                  </dt>
                  <dd>{charge.amount ? sum(charge.amount) : t.cart.free}</dd>
                </div>
              ),
            )}
            {rest.map((charge, i) => (
              <div key={`r${i}`}>
                <dt>{charge.label}</dt>
                <dd>{sum(charge.amount)}</dd>
              </div>
            ))}
            {!rest.length && totals.tax ? (
              <div>
                <dt>{t.cart.tax}</dt>
                <dd>{sum(totals.tax)}</dd>
              </div>
            ) : null}
          </>
        ) : (
          <div class="quiet">
            <dt>
              {t.cart.shipping}, {t.cart.tax.toLowerCase()}
            </dt>
            <dd>{t.cart.atCheckout}</dd>
          </div>
        )}
        <div class="totals-sum">
          <dt>{known ? t.cart.total : t.cart.soFar}</dt>
          <dd>{sum(totals.total)}</dd>
        </div>
      </dl>
      {held.map((charge, i) => (
        <p class="hint num" key={i}>
          {t.cart.holds(charge.label, sum(charge.amount))}
        </p>
      ))}
      {toFree > 0 && <p class="hint">{t.cart.freeFrom(sum(toFree))}</p>}
    </div>
  );
}

/** Asks where it goes, so that shipping and tax are known before checkout. */
export function DeliverTo() {
  const { data } = useDestinations();
  return (
    <div class="deliver">
      <label class="label" for="deliver-to">
        {t.cart.deliverTo}
      </label>
      <select
        id="deliver-to"
        class="input"
        value={placeCode(destination.value)}
        onChange={(event) => {
          const [country, region] = event.currentTarget.value.split("-");
          setDestination(country ? { country, region: region ?? null } : null);
          void loadCart().catch(() => undefined);
        }}
      >
        <option value="">{t.cart.choose}</option>
        {data?.items.map((one) => (
          <option
            key={placeCode(one)}
            value={placeCode(one)}
            selected={placeCode(one) === placeCode(destination.value)}
          >
            {one.name}
          </option>
        ))}
      </select>
    </div>
  );
}

export function EmptyCart({ page }: { page?: boolean }) {
  return (
    <Empty page={page ?? false} title={t.cart.empty} text={t.cart.emptyText}>
      <a class="btn btn-main" href="/wines" onClick={() => (drawerOpen.value = false)}>
        {t.cart.browse}
      </a>
    </Empty>
  );
}

export function CartDrawer() {
  const open = drawerOpen.value;
  useEffect(() => {
    if (!open) return;
    toasts.value = [];
    // Where most go next: its script is here when they do.
    void import("../pages/Checkout.tsx");
    void loadCart().catch(() => undefined);
  }, [open]);
  const close = () => (drawerOpen.value = false);
  const now = cart.value;
  const filled = now !== undefined && now.items.length > 0;
  return (
    <Dialog
      open={open}
      onClose={close}
      title={t.cart.title}
      foot={
        filled && (
          <div class="stack">
            <Totals of={now} place={now.destination} />
            <a class="btn btn-main btn-big btn-wide" href="/checkout" onClick={close}>
              {t.cart.checkout}
            </a>
            <a class="btn btn-plain btn-wide" href="/cart" onClick={close}>
              {t.cart.view}
            </a>
          </div>
        )
      }
    >
      {filled ? (
        <CartLines of={now} />
      ) : cartProblem.value ? (
        <ProblemNote problem={cartProblem.value} retry={() => void loadCart().catch(() => undefined)} />
      ) : now || cartCount.value === 0 ? (
        <EmptyCart />
      ) : (
        <Bones lines={5} />
      )}
    </Dialog>
  );
}
