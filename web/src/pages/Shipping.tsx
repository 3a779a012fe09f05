import { useDestinations } from "../components/Cart.tsx";
import { Bones, ProblemNote } from "../components/parts.tsx";
import { t } from "../i18n/index.ts";
import { placeCode } from "../lib/cart.ts";
import { countryName, decimal, money } from "../lib/format.ts";
import { useTitle } from "../lib/head.ts";

function Shipping() {
  useTitle(t.shipping.title);
  const { data, problem, reload } = useDestinations();
  return (
    <div class="stack-l">
      <div class="stack-s">
        <h1>{t.shipping.title}</h1>
        <p class="lead">{t.shipping.intro}</p>
      </div>
      {problem && !data && <ProblemNote problem={problem} retry={reload} />}
      {!data && !problem && <Bones lines={14} />}
      {data && (
        <div class="scroll-x" tabIndex={0} role="region" aria-label={t.shipping.title}>
          <table class="table places">
            <thead>
              <tr>
                <th scope="col">{t.shipping.place}</th>
                <th scope="col">{t.shipping.age}</th>
                <th scope="col">{t.shipping.cost}</th>
                <th scope="col">{t.shipping.free}</th>
                <th scope="col">{t.shipping.tax}</th>
              </tr>
            </thead>
            <tbody>
              {data.items.map((one) => {
                const sum = (amount: number) => money({ amount, currency: one.currency });
                const percent = decimal(one.tax_percent, 2);
                return (
                  <tr key={placeCode(one)}>
                    <th scope="row">
                      {one.name}
                      {one.region && <span class="quiet"> · {countryName(one.country)}</span>}
                    </th>
                    <td class="num">{one.min_age}</td>
                    <td class="num">
                      {one.shipping_per_bottle
                        ? t.shipping.costValue(sum(one.shipping_flat), sum(one.shipping_per_bottle))
                        : t.shipping.costFlat(sum(one.shipping_flat))}
                    </td>
                    <td class="num">{one.free_shipping_from === null ? "–" : sum(one.free_shipping_from)}</td>
                    <td class="num">
                      {one.tax_included ? t.shipping.taxIn(percent) : t.shipping.taxOnTop(percent)}
                    </td>
                  </tr>
                );
              })}
            </tbody>
          </table>
        </div>
      )}
      <p class="note">{t.shipping.note}</p>
    </div>
  );
}

export { Shipping as page };
