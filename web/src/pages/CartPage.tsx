import { useEffect } from "preact/hooks";
import { CartLines, DeliverTo, EmptyCart, Totals } from "../components/Cart.tsx";
import { Bones, ProblemNote } from "../components/parts.tsx";
import { GoesWith } from "../components/Recommended.tsx";
import { t } from "../i18n/index.ts";
import { cart, cartCount, cartProblem, loadCart } from "../lib/cart.ts";
import { useTitle } from "../lib/head.ts";

function CartPage() {
  useTitle(t.cart.title);
  const retry = () => void loadCart().catch(() => undefined);
  useEffect(retry, []);
  const now = cart.value;
  if (!now) {
    if (cartProblem.value) return <ProblemNote problem={cartProblem.value} retry={retry} />;
    return cartCount.value ? <Bones lines={8} /> : <EmptyCart page />;
  }
  if (!now.items.length) return <EmptyCart page />;
  return (
    <div class="stack-l">
      <h1>{t.cart.title}</h1>
      <div class="beside">
        <CartLines of={now} />
        <aside class="card stack" aria-label={t.cart.total}>
          <DeliverTo />
          <Totals of={now} place={now.destination} />
          <a class="btn btn-main btn-big btn-wide" href="/checkout">
            {t.cart.checkout}
          </a>
          <a class="btn btn-plain btn-wide" href="/wines">
            {t.cart.keep}
          </a>
        </aside>
      </div>
      <GoesWith />
    </div>
  );
}

export { CartPage as page };
