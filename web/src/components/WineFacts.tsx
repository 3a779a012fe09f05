/** The parts of a wine's page that draw what it is: taste, drinking window, grapes, e-label. */
import type { Wine } from "../api/types.ts";
import { t } from "../i18n/index.ts";
import { count, decimal } from "../lib/format.ts";

const STEPS = {
  body: ["very light", "light", "medium", "full", "very full"],
  acidity: ["low", "medium", "high"],
  sweetness: ["bone dry", "dry", "off-dry", "medium", "sweet"],
  tannin: ["none", "low", "medium", "high"],
} as const;

type Scale = keyof typeof STEPS;

/** Four bars: where on the way from one end to the other the wine stands. */
export function Taste({ wine }: { wine: Wine }) {
  const scales = (Object.keys(STEPS) as Scale[]).filter(
    (scale) => wine[scale] !== null && wine[scale] !== undefined,
  );
  if (!scales.length) return null;
  return (
    <section class="stack">
      <h2>{t.wine.taste}</h2>
      <dl class="taste">
        {scales.map((scale) => {
          const steps: readonly string[] = STEPS[scale];
          const at = steps.indexOf(wine[scale] as string);
          if (at < 0) return null;
          const words = t.wine.scales[scale];
          const share = at / (steps.length - 1);
          return (
            <div key={scale}>
              <dt>{words?.label}</dt>
              <dd>
                <span class="hush">{wine[scale]}</span>
                <span class="taste-bar" aria-hidden="true">
                  <span class="tiny quiet">{words?.low}</span>
                  <span class="taste-way" style={{ "--at": share.toFixed(2) }}>
                    <span class="taste-spot" />
                  </span>
                  <span class="tiny quiet">{words?.high}</span>
                </span>
              </dd>
            </div>
          );
        })}
      </dl>
    </section>
  );
}

/** The years it is at its best, as a line with today on it. */
export function DrinkWindow({ wine }: { wine: Wine }) {
  const from = wine.drink_from;
  const until = wine.drink_until;
  if (!from || !until || until < from) return null;
  const now = new Date().getFullYear();
  const start = Math.min(from, wine.vintage ?? from, now) - 0.5;
  const end = Math.max(until, now) + 1.5;
  const x = (year: number) => ((year - start) / (end - start)) * 320;
  const words =
    now < from
      ? t.wine.windowYoung(from)
      : now > until
        ? t.wine.windowPast
        : until - now <= Math.max(1, (until - from) * 0.2)
          ? t.wine.windowLast
          : t.wine.windowNow;
  const today = Math.min(300, Math.max(20, x(now + 0.5)));
  return (
    <section class="stack-s">
      <h2>{t.wine.window}</h2>
      <p>
        <strong class="num">{t.wine.windowRange(from, until)}.</strong> {words}
      </p>
      <svg class="window" viewBox="0 0 320 56" aria-hidden="true">
        <path d="M2 30H318" class="window-way" />
        <path d={`M${x(from)} 30H${x(until + 1)}`} class="window-good" />
        <path d={`M${today} 20v20`} class="window-now" />
        <text x={today} y="13" text-anchor="middle" class="window-today">
          {t.wine.today}
        </text>
        <text x={Math.max(14, x(from))} y="52" text-anchor="middle">
          {from}
        </text>
        <text x={Math.min(304, x(until + 1))} y="52" text-anchor="middle">
          {until}
        </text>
      </svg>
    </section>
  );
}

export function Grapes({ wine }: { wine: Wine }) {
  if (!wine.grapes.length) return null;
  const share = (name: string) => wine.grape_shares.find((one) => one.name === name)?.percent;
  return (
    <section class="stack-s">
      <h2>{t.wine.grapes}</h2>
      <ul class="grape-list">
        {wine.grapes.map((grape) => {
          const percent = share(grape);
          return (
            <li key={grape}>
              <a href={`/wines?grape=${encodeURIComponent(grape)}`}>{grape}</a>
              {percent !== undefined && (
                <>
                  <span class="share" style={{ "--at": (percent / 100).toFixed(2) }} aria-hidden="true" />
                  <span class="num small">{decimal(percent)} %</span>
                </>
              )}
            </li>
          );
        })}
      </ul>
    </section>
  );
}

/** What European law wants said before a wine is bought, and nothing else. */
export function ELabel({ wine }: { wine: Wine }) {
  const energy = wine.energy_kj != null && wine.energy_kcal != null;
  if (!wine.ingredients && !energy && wine.sugar_g_l == null) return null;
  return (
    <section class="stack-s">
      <h2>{t.wine.elabel}</h2>
      <table class="table elabel">
        <tbody>
          {wine.ingredients && (
            <tr>
              <th scope="row">{t.wine.ingredients}</th>
              <td>{wine.ingredients}</td>
            </tr>
          )}
          {energy && (
            <tr>
              <th scope="row">
                {t.wine.energy} <span class="quiet">({t.wine.per100.toLowerCase()})</span>
              </th>
              <td class="num">
                {t.wine.energyValue(count(wine.energy_kj as number), count(wine.energy_kcal as number))}
              </td>
            </tr>
          )}
          {wine.sugar_g_l != null && (
            <tr>
              <th scope="row">
                {t.wine.sugar} <span class="quiet">({t.wine.per100.toLowerCase()})</span>
              </th>
              <td class="num">{t.wine.sugarValue(decimal(wine.sugar_g_l / 10, 2))}</td>
            </tr>
          )}
        </tbody>
      </table>
    </section>
  );
}
