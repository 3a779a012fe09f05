/** The shapes of api/openapi.yaml that the storefront reads and writes. */
import type { Money } from "../lib/format.ts";

export type WineType = "Red" | "White" | "Rosé" | "Sparkling" | "Dessert" | "Fortified";

export interface Wine {
  id: string;
  group_id: string;
  sku: string;
  name: string;
  winery: string;
  type: WineType;
  country: string;
  region: string;
  subregion?: string | null;
  appellation?: string | null;
  elaborate?: string | null;
  grapes: string[];
  grape_shares: Array<{ name: string; percent: number }>;
  pairings: string[];
  vintage: number | null;
  vintage_label: string;
  bottle_ml: number;
  abv: number;
  body: "very light" | "light" | "medium" | "full" | "very full" | null;
  acidity: "low" | "medium" | "high" | null;
  sweetness: "bone dry" | "dry" | "off-dry" | "medium" | "sweet" | null;
  tannin: "none" | "low" | "medium" | "high" | null;
  notes?: string | null;
  drink_from?: number | null;
  drink_until?: number | null;
  organic: boolean;
  ingredients?: string | null;
  energy_kj?: number | null;
  energy_kcal?: number | null;
  sugar_g_l?: number | null;
  website?: string | null;
  price: Money;
  available: number;
  rating: { mean: number | null; count: number };
  images: Array<{ url: string; width: number }>;
  /** In lists: how many vintages and sizes the group has. */
  vintages?: number;
}

export interface FacetValue {
  value: string;
  count: number;
}
export type FacetName = "type" | "country" | "region" | "grape" | "pairing" | "winery" | "vintage";

export interface WineList {
  items: Wine[];
  total: number;
  facets: Record<FacetName, FacetValue[]> & { price: { min: number | null; max: number | null } };
  next_cursor: string | null;
  /** What the search made of a misspelt query, when it found nothing as it was typed. */
  corrected?: string | null;
}

export interface Suggestion {
  kind: "wine" | "winery" | "region" | "grape" | "search";
  text: string;
  /** With kind wine: its winery. */
  detail?: string | null;
  wine_id?: string;
}

export interface Rating {
  id: string;
  stars: number;
  note: string | null;
  author: string;
  created_at: string;
}
export interface RatingList {
  items: Rating[];
  mean: number | null;
  count: number;
  next_cursor: string | null;
}

export interface User {
  id: string;
  email: string;
  name: string;
  birth_date: string | null;
  email_verified: boolean;
  role: "shopper" | "admin";
  marketing: boolean;
  created_at: string;
}

export interface Address {
  name: string;
  line1: string;
  line2?: string | null;
  city: string;
  region?: string | null;
  postal_code: string;
  country: string;
}
export interface SavedAddress extends Address {
  id: string;
  default: boolean;
}

export interface Notification {
  id: string;
  template: string;
  subject: string;
  status: "queued" | "sent" | "failed";
  order_id: string | null;
  created_at: string;
  sent_at: string | null;
}

export interface CartItem {
  wine_id: string;
  quantity: number;
  unit_price: number;
  line_total: number;
  name: string;
  winery: string;
  vintage: number | null;
  bottle_ml: number;
  available: number;
  price_changed: boolean;
}
export interface Charge {
  kind: "shipping" | "tax" | "excise";
  label: string;
  amount: number;
  /** A tax that the prices hold already: told, not added. */
  included?: boolean;
}
export interface Destination {
  country: string;
  region: string | null;
  name: string;
  min_age: number;
  tax_percent: number;
  tax_included?: boolean;
  shipping_flat: number;
  shipping_per_bottle: number;
  free_shipping_from: number | null;
  currency: string;
  note: string | null;
  valid_from: string;
}
export interface Cart {
  items: CartItem[];
  totals: { subtotal: number; shipping: number | null; tax: number | null; total: number; currency: string };
  charges: Charge[];
  destination: Destination | null;
}

export type OrderStatus =
  "pending" | "confirmed" | "rejected" | "shipped" | "delivered" | "cancelled" | "returned";

export interface OrderLine {
  wine_id: string;
  name: string;
  winery: string;
  vintage: number | null;
  bottle_ml: number;
  quantity: number;
  unit_price: number;
  line_total: number;
}
export interface Order {
  id: string;
  number: string;
  status: OrderStatus;
  reason: string | null;
  version: number;
  lines: OrderLine[];
  totals: { subtotal: number; shipping: number; tax: number; total: number; currency: string };
  charges: Charge[];
  shipping_address: Address | null;
  email: string | null;
  placed_at: string;
  updated_at: string;
  payment: { method?: string; status: string };
  fulfilment: { status: string };
  history: Array<{ status: OrderStatus; at: string; reason: string | null }>;
}

export interface Page<T> {
  items: T[];
  next_cursor: string | null;
}

export interface Recommendation {
  wine: Wine;
  reason: {
    kind: "similar_to" | "popular" | "bought_together" | "new" | "buy_again";
    text: string;
    wine_id?: string;
  };
  experiment?: { id: string; arm: "a" | "b" };
}

export interface RecommendationList {
  items: Recommendation[];
  list: "personal" | "basket" | "buy_again";
  personal: boolean;
  note?: { code: string; text: string };
}
