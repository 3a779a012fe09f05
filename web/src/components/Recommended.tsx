/** Rows of wines that the store suggests, each saying why. */
import type { Recommendation } from "../api/types.ts";
import { t } from "../i18n/index.ts";
import { cart, cartCount, inCart } from "../lib/cart.ts";
import { useRecommendations } from "../lib/recommend.ts";
import { maybeSignedIn } from "../lib/signals.ts";
import { user } from "../lib/session.ts";
import { WineRow } from "./Wine.tsx";

interface RowProps {
  title: string;
  text?: string | undefined;
  list: string;
  items: readonly Recommendation[] | undefined;
  /** Among strangers "popular" is what the heading says already. */
  quiet?: boolean;
  pending?: boolean;
}

export function RecommendedRow({ items, quiet, ...rest }: RowProps) {
  return (
    <WineRow
      {...rest}
      wines={items?.map((item) => item.wine)}
      reasons={items?.map((item) => (quiet && item.reason.kind === "popular" ? "" : item.reason.text))}
      experiments={items?.map((item) => item.experiment)}
    />
  );
}

/** What goes with what is in the basket; nothing without one. */
export function GoesWith() {
  const filled = cartCount.value > 0 && cart.value !== undefined;
  const { data } = useRecommendations("basket", filled);
  const items = data?.items.filter((item) => !inCart(item.wine.id));
  return (
    <RecommendedRow
      title={t.recommended.basket}
      text={t.recommended.basketWhy}
      list="basket"
      items={filled ? items : undefined}
    />
  );
}

/** What the shopper ordered before; nothing for strangers and those who never did. */
export function BuyAgain() {
  const known = user.value ? true : user.value === undefined && maybeSignedIn();
  const { data } = useRecommendations("buy_again", known);
  return (
    <RecommendedRow
      title={t.recommended.again}
      text={t.recommended.againWhy}
      list="buy_again"
      items={known ? data?.items : undefined}
    />
  );
}
