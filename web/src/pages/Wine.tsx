import { useEffect, useState } from "preact/hooks";
import { api } from "../api/client.ts";
import type { Wine as WineShape } from "../api/types.ts";
import type { PageProps } from "../App.tsx";
import { PairingIcon } from "../components/Pairing.tsx";
import { Bone, Button, Empty, ProblemNote, Stars, Stepper } from "../components/parts.tsx";
import { Ratings } from "../components/Ratings.tsx";
import { GoesWith } from "../components/Recommended.tsx";
import { WinePicture, WineRow } from "../components/Wine.tsx";
import { DrinkWindow, ELabel, Grapes, Taste } from "../components/WineFacts.tsx";
import { t } from "../i18n/index.ts";
import { noteActivity } from "../lib/activity.ts";
import { addToCart, inCart, MOST_BOTTLES } from "../lib/cart.ts";
import { decimal, money, times, volume } from "../lib/format.ts";
import { useTitle } from "../lib/head.ts";
import { useResource } from "../lib/resource.ts";
import { loadSession, user } from "../lib/session.ts";
import { maybeSignedIn } from "../lib/signals.ts";
import { fullName, keepWines, placeLine, unusualSize, useWine, winePath } from "../lib/wines.ts";

function Crumbs({ wine }: { wine: WineShape }) {
  const to = (name: string, value: string) => `/wines?${name}=${encodeURIComponent(value)}`;
  return (
    <nav aria-label={t.nav.crumbs}>
      <ol class="crumbs">
        <li>
          <a href="/wines">{t.nav.all}</a>
        </li>
        <li>
          <a href={to("country", wine.country)}>{wine.country}</a>
        </li>
        <li>
          <a href={to("region", wine.region)}>{wine.region}</a>
        </li>
      </ol>
    </nav>
  );
}

/** The vintages and sizes of this wine, to choose among; alone it says nothing. */
function Vintages({ wine }: { wine: WineShape }) {
  const { data } = useResource(`vintages:${wine.group_id}`, (signal) =>
    api.get<{ items: WineShape[] }>(`/wines/${wine.id}/vintages`, { signal }).then((answer) => {
      keepWines(answer.items);
      return answer;
    }),
  );
  if (!data || data.items.length < 2) return null;
  const sizes = new Set(data.items.map((one) => one.bottle_ml)).size > 1;
  const items = [...data.items].sort(
    (a, b) => (b.vintage ?? 0) - (a.vintage ?? 0) || a.bottle_ml - b.bottle_ml,
  );
  return (
    <nav aria-label={t.wine.vintages}>
      <ul class="row vintages">
        {items.map((one) => (
          <li key={one.id}>
            <a
              class={one.id === wine.id ? "chip chip-on" : "chip"}
              href={winePath(one)}
              aria-current={one.id === wine.id ? "page" : undefined}
            >
              {[one.vintage ?? t.wine.nonVintage, sizes ? volume(one.bottle_ml) : ""]
                .filter(Boolean)
                .join(" · ")}
              <span class="quiet num">{one.available ? money(one.price) : t.card.out}</span>
            </a>
          </li>
        ))}
      </ul>
    </nav>
  );
}

function Buy({ wine }: { wine: WineShape }) {
  const [quantity, setQuantity] = useState(1);
  const [busy, setBusy] = useState(false);
  const most = Math.max(1, Math.min(MOST_BOTTLES, wine.available - inCart(wine.id)));
  const chosen = Math.min(quantity, most);
  const add = (count: number) => {
    setBusy(true);
    addToCart({ id: wine.id, name: fullName(wine) }, count)
      .catch(() => undefined)
      .finally(() => {
        setBusy(false);
        setQuantity(1);
      });
  };
  const stockTone = wine.available === 0 ? "tag-bad" : wine.available <= 5 ? "tag-gold" : "tag-good";
  return (
    <div class="buy card stack">
      <div class="spread">
        <p>
          <span class="buy-price num">{money(wine.price)}</span>{" "}
          <span class="quiet small">{t.wine.perBottle}</span>
        </p>
        <span class={`tag ${stockTone}`}>{t.wine.stock(wine.available)}</span>
      </div>
      {wine.available > 0 && (
        <div class="buy-row">
          <Stepper value={chosen} min={1} max={most} label={t.wine.quantity} onChange={setQuantity} />
          <Button kind="main" big busy={busy} onClick={() => add(chosen)}>
            {t.wine.add}
          </Button>
        </div>
      )}
      {wine.available > 0 && (
        <ul class="cases">
          {[6, 12].map((size) => (
            <li key={size}>
              <button type="button" class="case" disabled={busy || most < size} onClick={() => add(size)}>
                <span>{t.wine.caseOf(size)}</span>
                <strong class="num">{money(times(wine.price, size))}</strong>
              </button>
            </li>
          ))}
        </ul>
      )}
      {inCart(wine.id) > 0 && <p class="quiet small">{t.card.inBasket(inCart(wine.id))}</p>}
    </div>
  );
}

function Facts({ wine }: { wine: WineShape }) {
  const to = (name: string, value: string) => `/wines?${name}=${encodeURIComponent(value)}`;
  const rows: Array<[string, preact.ComponentChildren]> = [
    [t.wine.fact.winery, <a href={to("winery", wine.winery)}>{wine.winery}</a>],
    [t.wine.fact.appellation, wine.appellation],
    [
      t.wine.fact.region,
      <>
        <a href={to("region", wine.region)}>{wine.region}</a>
        {wine.subregion ? `, ${wine.subregion}` : ""}
      </>,
    ],
    [t.wine.fact.country, <a href={to("country", wine.country)}>{wine.country}</a>],
    [t.wine.fact.vintage, wine.vintage ?? t.wine.nonVintage],
    [t.wine.fact.size, volume(wine.bottle_ml)],
    [t.wine.fact.alcohol, t.wine.alcohol(decimal(wine.abv))],
    [t.wine.fact.style, wine.elaborate],
    [t.wine.fact.organic, wine.organic ? t.wine.organic : null],
  ];
  return (
    <section class="stack-s">
      <h2>{t.wine.facts}</h2>
      <table class="table">
        <tbody>
          {rows
            .filter(([, value]) => value)
            .map(([name, value]) => (
              <tr key={name}>
                <th scope="row">{name}</th>
                <td>{value}</td>
              </tr>
            ))}
        </tbody>
      </table>
    </section>
  );
}

function Similar({ wine }: { wine: WineShape }) {
  const { data } = useResource(`similar:${wine.id}`, (signal) =>
    api.get<{ items: WineShape[] }>(`/wines/${wine.id}/similar`, { signal }).then((answer) => {
      keepWines(answer.items);
      return answer;
    }),
  );
  return <WineRow title={t.wine.similar} wines={data?.items} list="similar" />;
}

function WineBones() {
  return (
    <div class="wine-page" role="status" aria-label={t.loading}>
      <div class="wine-top">
        <div class="wine-stage" />
        <div class="stack">
          <Bone width="40%" />
          <Bone width="80%" height="2.6em" />
          <Bone width="60%" />
          <Bone height="200px" />
        </div>
      </div>
    </div>
  );
}

export function Wine({ params }: PageProps) {
  const id = params.id ?? "";
  const { data: wine, problem, reload } = useWine(id);
  useTitle(wine ? `${wine.winery} ${fullName(wine)}` : undefined);
  useEffect(() => {
    if (wine) noteActivity({ type: "activity.viewed", wine_id: id });
    if (maybeSignedIn() && user.value === undefined) void loadSession().catch(() => undefined);
  }, [id, wine !== undefined]);

  if (!wine) {
    if (problem && (problem.status === 404 || problem.status === 410 || problem.status === 400)) {
      return (
        <Empty page title={t.wine.gone} text={t.wine.goneText}>
          <a class="btn btn-main" href="/wines">
            {t.notFound.wines}
          </a>
        </Empty>
      );
    }
    return problem ? <ProblemNote problem={problem} retry={reload} /> : <WineBones />;
  }
  const name = fullName(wine);
  return (
    <article class="wine-page">
      <Crumbs wine={wine} />
      <div class="wine-top">
        <div class="wine-stage">
          <WinePicture
            wine={wine}
            label={`${wine.winery} ${name}`}
            sizes="(min-width: 900px) 560px, 92vw"
            eager
          />
        </div>
        <div class="wine-side stack">
          <div class="stack-s">
            <p class="quiet">
              <a class="plain" href={`/wines?winery=${encodeURIComponent(wine.winery)}`}>
                {wine.winery}
              </a>
            </p>
            <h1>
              {wine.name} <span class="vintage">{wine.vintage ?? ""}</span>
            </h1>
            <p class="wine-line">
              {t.wine.what(t.wine.typeWords[wine.type] ?? wine.type, placeLine(wine))}
              {unusualSize(wine.bottle_ml) && ` · ${unusualSize(wine.bottle_ml)}`}
            </p>
            <p class="row">
              <a class="plain" href="#ratings">
                <Stars mean={wine.rating.mean ?? 0} count={wine.rating.count} />
              </a>
              {wine.organic && <span class="tag tag-good">{t.wine.organic}</span>}
            </p>
          </div>
          {wine.notes && <p class="wine-notes">{wine.notes}</p>}
          <Vintages wine={wine} />
          <Buy wine={wine} />
          {wine.pairings.length > 0 && (
            <section class="stack-s">
              <h2 class="h-small">{t.wine.pairings}</h2>
              <ul class="pairings">
                {wine.pairings.slice(0, 8).map((pairing) => (
                  <li key={pairing}>
                    <a class="dish" href={`/wines?pairing=${encodeURIComponent(pairing)}`}>
                      <PairingIcon name={pairing} />
                      {pairing}
                    </a>
                  </li>
                ))}
              </ul>
            </section>
          )}
        </div>
      </div>
      <div class="wine-more">
        <div class="stack-l">
          <Taste wine={wine} />
          <Grapes wine={wine} />
          <ELabel wine={wine} />
        </div>
        <div class="stack-l">
          <DrinkWindow wine={wine} />
          <Facts wine={wine} />
        </div>
      </div>
      <Ratings wine={wine} />
      <Similar wine={wine} />
      <GoesWith />
    </article>
  );
}
