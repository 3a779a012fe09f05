/** The basket. The server keeps it; this is its latest answer. */
import { computed, signal } from "@preact/signals";
import { api, ApiProblem, asProblem } from "../api/client.ts";
import type { Cart, Destination } from "../api/types.ts";
import { t } from "../i18n/index.ts";
import { drawerOpen, maybeSignedIn, toast } from "./signals.ts";
import { recall, remember } from "./storage.ts";

export const MOST_BOTTLES = 999;

export const cart = signal<Cart | undefined>(undefined);
export const cartProblem = signal<ApiProblem | undefined>(undefined);

const COUNT_KEY = "ws.cart-count";
const remembered = signal(Number(recall(COUNT_KEY)) || 0);

/** Bottles in the basket; what it was last time until the server has answered. */
export const cartCount = computed(() =>
  cart.value ? cart.value.items.reduce((sum, item) => sum + item.quantity, 0) : remembered.value,
);

export interface Place {
  country: string;
  region: string | null;
}

const PLACE_KEY = "ws.destination";

function storedPlace(): Place | null {
  const text = recall(PLACE_KEY);
  if (!text) return null;
  const [country, region] = text.split("-");
  return country ? { country, region: region || null } : null;
}

/** Where the shopper last said it goes; shipping and tax are counted for it. */
export const destination = signal<Place | null>(storedPlace());

export const placeCode = (place: Place | Destination | null): string =>
  place ? (place.region ? `${place.country}-${place.region}` : place.country) : "";

function take(answer: Cart): Cart {
  cart.value = answer;
  cartProblem.value = undefined;
  remembered.value = answer.items.reduce((sum, item) => sum + item.quantity, 0);
  remember(COUNT_KEY, remembered.value ? String(remembered.value) : null);
  return answer;
}

const placeQuery = () => ({ country: destination.value?.country, region: destination.value?.region });

let latest = 0;

export async function loadCart(): Promise<Cart> {
  const mine = ++latest;
  try {
    let answer: Cart;
    try {
      answer = await api.get<Cart>("/cart", { query: placeQuery() });
    } catch (error) {
      // A place that is no longer served must not hide the basket.
      if (asProblem(error).code !== "destination_not_served") throw error;
      setDestination(null);
      answer = await api.get<Cart>("/cart");
    }
    return mine === latest ? take(answer) : answer;
  } catch (error) {
    if (mine === latest) cartProblem.value = asProblem(error);
    throw error;
  }
}

export function setDestination(place: Place | null): void {
  destination.value = place;
  remember(PLACE_KEY, place ? placeCode(place) : null);
}

/** At the start only those who have something in it are asked after. */
export function startCart(): void {
  if (remembered.value > 0 || maybeSignedIn()) void loadCart().catch(() => undefined);
}

export const inCart = (wineId: string): number =>
  cart.value?.items.find((item) => item.wine_id === wineId)?.quantity ?? 0;

interface Named {
  id: string;
  name: string;
}

/** Sets the number of bottles; 0 takes the line out. Problems are said here, and thrown for who wants to know. */
export async function setQuantity(wine: Named, quantity: number): Promise<void> {
  const mine = ++latest;
  try {
    const path = `/cart/items/${wine.id}`;
    const answer = quantity > 0 ? await api.put<Cart>(path, { quantity }) : await api.delete<Cart>(path);
    if (mine !== latest) return;
    take(answer);
    // The answer to a change knows no destination: ask again for the lines of the total.
    if (destination.value && answer.totals.shipping === null && answer.items.length) await loadCart();
  } catch (error) {
    const problem = asProblem(error);
    if (problem.code === "out_of_stock") {
      toast(t.cart.outOfStock(problem.errors[0]?.available ?? 0, wine.name));
    } else if (problem.code === "cart_full") toast(t.cart.full);
    else toast(problem.detail || t.problem.offline);
    throw problem;
  }
}

export async function addToCart(wine: Named, count = 1): Promise<void> {
  if (!cart.value && (remembered.value > 0 || maybeSignedIn())) await loadCart().catch(() => undefined);
  await setQuantity(wine, Math.min(MOST_BOTTLES, inCart(wine.id) + count));
  toast(t.cart.added(count, wine.name), { label: t.cart.view, run: () => (drawerOpen.value = true) });
}

export async function removeFromCart(wine: Named): Promise<void> {
  const before = inCart(wine.id);
  await setQuantity(wine, 0);
  toast(t.cart.removed(wine.name), {
    label: t.cart.undo,
    run: () => void setQuantity(wine, before).catch(() => undefined),
  });
}
