import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { api, type ApiProblem } from "../api/client.ts";
import type { FacetName, FacetValue, Wine, WineList } from "../api/types.ts";
import { Icon } from "../components/Icon.tsx";
import { Bone, Button, Dialog, Empty, ProblemNote } from "../components/parts.tsx";
import { RecommendedRow } from "../components/Recommended.tsx";
import { CardBone, WineCard } from "../components/Wine.tsx";
import { t } from "../i18n/index.ts";
import { noteActivity } from "../lib/activity.ts";
import { count, minorUnits, money } from "../lib/format.ts";
import { useTitle } from "../lib/head.ts";
import { useRecommendations } from "../lib/recommend.ts";
import { LONG_MS, peekResource, putResource, useResource } from "../lib/resource.ts";
import { navigate, place } from "../lib/router.tsx";
import { say } from "../lib/signals.ts";
import { isListParameter, keepWines, listKey, listQuery } from "../lib/wines.ts";

const PAGE = 24;
/** So many pages follow by themselves; then a button keeps the foot of the page within reach. */
const BY_ITSELF = 2;
const FACETS: readonly FacetName[] = ["type", "country", "region", "grape", "pairing", "vintage", "winery"];
const AT_FIRST = 7;
const SORTS = ["relevance", "rating", "price", "-price", "newest", "name"];

const fetchPage = (query: string, cursor: string | null, signal?: AbortSignal): Promise<WineList> =>
  api
    .get<WineList>(
      `/wines?${query}${query ? "&" : ""}limit=${PAGE}${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ""}`,
      signal ? { signal } : {},
    )
    .then((list) => {
      keepWines(list.items);
      return list;
    });

interface Loaded extends WineList {
  pages: number;
}

function go(query: URLSearchParams): void {
  query.delete("cursor");
  const text = query.toString();
  navigate(text ? `/wines?${text}` : "/wines", { stay: true });
}

function toggled(query: URLSearchParams, name: string, value: string): URLSearchParams {
  const next = new URLSearchParams(query);
  const values = next.getAll(name);
  next.delete(name);
  const kept = values.includes(value) ? values.filter((one) => one !== value) : [...values, value];
  for (const one of kept) next.append(name, one);
  return next;
}

const valueLabel = (name: string, value: string): string =>
  name === "type" ? (t.types[value] ?? value) : value;

function Facet({
  name,
  values,
  query,
  open,
}: {
  name: FacetName;
  values: FacetValue[];
  query: URLSearchParams;
  open: boolean;
}) {
  const [all, setAll] = useState(false);
  const chosen = query.getAll(name);
  // What is chosen stays visible even where it no longer matches anything.
  const listed = [
    ...values,
    ...chosen
      .filter((value) => !values.some((one) => one.value === value))
      .map((value) => ({ value, count: 0 })),
  ];
  if (!listed.length) return null;
  const shown = all ? listed : listed.filter((one, i) => i < AT_FIRST || chosen.includes(one.value));
  return (
    <details class="facet" open={open || chosen.length > 0}>
      <summary>
        {t.list.facets[name]}
        <Icon name="down" size={16} />
      </summary>
      <ul>
        {shown.map((one) => (
          <li key={one.value}>
            <label class="check">
              <input
                type="checkbox"
                checked={chosen.includes(one.value)}
                onChange={() => go(toggled(query, name, one.value))}
              />
              <span>{valueLabel(name, one.value)}</span>
              <span class="quiet small num">{count(one.count)}</span>
            </label>
          </li>
        ))}
      </ul>
      {listed.length > AT_FIRST && (
        <Button kind="plain" aria-expanded={all} onClick={() => setAll(!all)}>
          {all ? t.list.fewerValues : t.list.moreValues(listed.length - AT_FIRST)}
        </Button>
      )}
    </details>
  );
}

/** Two numbers in major units; they count when the field is left or Enter pressed. */
function PriceFacet({
  query,
  range,
  currency,
}: {
  query: URLSearchParams;
  range: WineList["facets"]["price"] | undefined;
  currency: string;
}) {
  const unit = minorUnits(currency);
  const change = (name: "min_price" | "max_price", text: string) => {
    const next = new URLSearchParams(query);
    const value = Number(text.replace(",", "."));
    if (!text.trim() || !Number.isFinite(value) || value < 0) next.delete(name);
    else next.set(name, String(Math.round(value * unit)));
    const low = Number(next.get("min_price"));
    const high = Number(next.get("max_price"));
    // A range turned round is meant the other way.
    if (next.has("max_price") && low > high) {
      next.set("min_price", String(high));
      next.set("max_price", String(low));
    }
    if (next.toString() !== query.toString()) go(next);
  };
  const field = (
    name: "min_price" | "max_price",
    label: string,
    hint: number | null | undefined,
  ): JSX.Element => (
    <div class="field">
      <label for={name}>{label}</label>
      <input
        id={name}
        class="input num"
        inputMode="decimal"
        placeholder={hint == null ? "" : String(Math.floor(hint / unit))}
        value={query.has(name) ? String(Number(query.get(name)) / unit) : ""}
        onChange={(event) => change(name, event.currentTarget.value)}
      />
    </div>
  );
  return (
    <details class="facet" open>
      <summary>
        {t.list.facets.price}
        <Icon name="down" size={16} />
      </summary>
      <div class="price-range">
        {field("min_price", t.list.from, range?.min)}
        {field("max_price", t.list.to, range?.max)}
      </div>
    </details>
  );
}

function Filters({
  query,
  facets,
  currency,
}: {
  query: URLSearchParams;
  facets: WineList["facets"] | undefined;
  currency: string;
}) {
  return (
    <div class="facets">
      <label class="check">
        <input
          type="checkbox"
          checked={query.get("in_stock") === "true"}
          onChange={() => go(toggled(query, "in_stock", "true"))}
        />
        {t.list.inStock}
      </label>
      {facets ? (
        <>
          <Facet name="type" values={facets.type} query={query} open />
          <PriceFacet query={query} range={facets.price} currency={currency} />
          {FACETS.slice(1).map((name) => (
            <Facet
              key={name}
              name={name}
              values={facets[name]}
              query={query}
              open={name === "country" || name === "grape"}
            />
          ))}
        </>
      ) : (
        Array.from({ length: 9 }, (_, i) => <Bone key={i} height="28px" width={`${90 - (i % 3) * 20}%`} />)
      )}
    </div>
  );
}

/** What is chosen, each going away with a tap. */
function Chosen({ query, currency }: { query: URLSearchParams; currency: string }) {
  const chips: Array<{ key: string; label: string; without: URLSearchParams }> = [];
  for (const name of FACETS) {
    for (const value of query.getAll(name)) {
      chips.push({
        key: `${name} ${value}`,
        label: valueLabel(name, value),
        without: toggled(query, name, value),
      });
    }
  }
  const low = query.get("min_price");
  const high = query.get("max_price");
  if (low || high) {
    const without = new URLSearchParams(query);
    without.delete("min_price");
    without.delete("max_price");
    const price = (amount: string) => money({ amount: Number(amount), currency });
    const label =
      low && high
        ? t.list.between(price(low), price(high))
        : high
          ? t.list.upTo(price(high))
          : t.list.above(price(low as string));
    chips.push({ key: "price", label, without });
  }
  if (query.get("in_stock") === "true") {
    chips.push({ key: "in_stock", label: t.list.inStock, without: toggled(query, "in_stock", "true") });
  }
  if (!chips.length) return null;
  const none = new URLSearchParams();
  for (const name of ["q", "sort"]) if (query.get(name)) none.set(name, query.get(name) as string);
  return (
    <ul class="row chosen">
      {chips.map((chip) => (
        <li key={chip.key}>
          <button
            type="button"
            class="chip chip-on"
            aria-label={t.list.remove(chip.label)}
            onClick={() => go(chip.without)}
          >
            {chip.label}
            <Icon name="close" size={15} />
          </button>
        </li>
      ))}
      {chips.length > 1 && (
        <li>
          <Button kind="plain" onClick={() => go(none)}>
            {t.list.clear}
          </Button>
        </li>
      )}
    </ul>
  );
}

function heading(query: URLSearchParams): string {
  const q = query.get("q");
  if (q) return t.list.forQuery(q);
  const named = FACETS.flatMap((name) => query.getAll(name).map((value) => valueLabel(name, value)));
  return named.length && named.length <= 3 ? named.join(", ") : t.list.title;
}

/** Pages after the first: fetched one ahead, shown when asked for or, at first, when they come near. */
function useMore(key: string, list: Loaded | undefined, query: string) {
  const [problem, setProblem] = useState<ApiProblem>();
  const [, redraw] = useState(0);
  const ahead = useRef<{ cursor: string; page: Promise<WineList> } | undefined>(undefined);
  const busy = useRef(false);

  const prefetch = (cursor: string): Promise<WineList> => {
    if (ahead.current?.cursor !== cursor) {
      const page = fetchPage(query, cursor);
      page.catch(() => (ahead.current = undefined));
      ahead.current = { cursor, page };
    }
    return ahead.current.page;
  };

  const more = () => {
    if (busy.current || !list?.next_cursor) return;
    busy.current = true;
    setProblem(undefined);
    prefetch(list.next_cursor)
      .then(
        (page) => {
          const now = peekResource<Loaded>(key) ?? list;
          const known = new Set(now.items.map((wine) => wine.id));
          const items: Wine[] = [...now.items, ...page.items.filter((wine) => !known.has(wine.id))];
          putResource(key, { ...now, items, next_cursor: page.next_cursor, pages: now.pages + 1 });
          say(t.list.shown(count(items.length), count(now.total)));
        },
        (error: ApiProblem) => setProblem(error),
      )
      .finally(() => {
        busy.current = false;
        redraw((n) => n + 1);
      });
  };
  return { more, prefetch, problem };
}

function More({ list, of, query }: { list: Loaded; of: string; query: string }) {
  const { more, prefetch, problem } = useMore(of, list, query);
  const mark = useRef<HTMLDivElement>(null);
  const act = useRef(() => undefined as void);
  act.current = () => {
    if (!list.next_cursor) return;
    if (list.pages <= BY_ITSELF) more();
    else void prefetch(list.next_cursor).catch(() => undefined);
  };
  useEffect(() => {
    if (!mark.current || typeof IntersectionObserver === "undefined") return;
    const seen = new IntersectionObserver(
      (entries) => entries.some((one) => one.isIntersecting) && act.current(),
      {
        rootMargin: "900px",
      },
    );
    seen.observe(mark.current);
    return () => seen.disconnect();
  }, [of, list.pages]);
  return (
    <div class="more" ref={mark}>
      {problem && <ProblemNote problem={problem} retry={more} />}
      <p class="quiet small num">{t.list.shown(count(list.items.length), count(list.total))}</p>
      {list.next_cursor && (
        <Button big onClick={more}>
          {t.list.more}
        </Button>
      )}
    </div>
  );
}

/** Where nothing was found: what others like. */
function Instead() {
  const { data } = useRecommendations("personal");
  return (
    <RecommendedRow
      title={data?.personal ? t.recommended.personal : t.home.popular}
      items={data?.items}
      quiet={!data?.personal}
      list="recommendations"
    />
  );
}

export function List() {
  const query = place.value.query;
  const text = listQuery(query);
  const key = listKey(query);
  const [sheet, setSheet] = useState(false);
  const found = useResource<Loaded>(
    key,
    (signal) => fetchPage(text, null, signal).then((list) => ({ ...list, pages: 1 })),
    LONG_MS,
  );
  // While the next answer is on its way the last one stays, dimmed: nothing jumps.
  const last = useRef<Loaded | undefined>(undefined);
  if (found.data) last.current = { ...found.data, pages: found.data.pages ?? 1 };
  const list = found.data ? last.current : found.problem ? undefined : last.current;
  const fresh = found.data !== undefined;
  const currency = list?.items[0]?.price.currency ?? "USD";
  const title = heading(query);
  useTitle(title);

  const searched = query.get("q");
  // While the next answer is on its way, the wines shown are still those of the last search.
  const shownFor = useRef(searched);
  if (found.data) shownFor.current = searched;
  useEffect(() => {
    if (!found.data) return;
    say(t.list.results(found.data.total, count(found.data.total)));
    if (searched) noteActivity({ type: "activity.searched", query: searched, results: found.data.total });
  }, [key, fresh]);

  const chosenCount = [...query.keys()].filter(
    (name) => isListParameter(name) && name !== "q" && name !== "sort",
  ).length;
  const sort = query.get("sort") ?? "relevance";
  return (
    <div class="browse">
      <aside class="browse-side" aria-label={t.list.filters}>
        <Filters query={query} facets={list?.facets} currency={currency} />
      </aside>
      <div class="browse-main" aria-busy={!fresh && !found.problem}>
        <div class="browse-head">
          <div>
            <h1>{title}</h1>
            {list?.corrected && list.corrected !== searched && <p>{t.list.corrected(list.corrected)}</p>}
            <p class="quiet num">{list ? t.list.results(list.total, count(list.total)) : "\u00a0"}</p>
          </div>
          <div class="row browse-tools">
            <Button class="only-narrow" onClick={() => setSheet(true)}>
              <Icon name="filter" size={18} />
              {t.list.filters}
              {chosenCount > 0 && <span class="num">({chosenCount})</span>}
            </Button>
            <label class="hush" for="sort">
              {t.list.sort}
            </label>
            <select
              id="sort"
              class="input sort"
              value={sort}
              onChange={(event) => {
                const next = new URLSearchParams(query);
                if (event.currentTarget.value === "relevance") next.delete("sort");
                else next.set("sort", event.currentTarget.value);
                go(next);
              }}
            >
              {SORTS.map((one) => (
                <option key={one} value={one} selected={one === sort}>
                  {t.list.sorts[one]}
                </option>
              ))}
            </select>
          </div>
        </div>
        <Chosen query={query} currency={currency} />
        {found.problem && !found.data ? (
          <ProblemNote problem={found.problem} retry={found.reload} />
        ) : !list ? (
          <ul class="wine-grid" role="status" aria-label={t.loading}>
            {Array.from({ length: 8 }, (_, i) => (
              <li key={i}>
                <CardBone />
              </li>
            ))}
          </ul>
        ) : list.items.length === 0 ? (
          <>
            <Empty title={t.list.none} text={t.list.noneText}>
              <a class="btn btn-main" href="/wines">
                {t.notFound.wines}
              </a>
            </Empty>
            <Instead />
          </>
        ) : (
          <>
            <ul class={fresh ? "wine-grid" : "wine-grid stale"}>
              {list.items.map((wine, i) => (
                <li key={wine.id}>
                  <WineCard
                    wine={wine}
                    position={i + 1}
                    {...(shownFor.current ? { list: "search", query: shownFor.current } : { list: "list" })}
                  />
                </li>
              ))}
            </ul>
            {fresh && <More key={key} list={list} of={key} query={text} />}
          </>
        )}
      </div>
      <Dialog
        open={sheet}
        onClose={() => setSheet(false)}
        title={t.list.filters}
        foot={
          <Button kind="main" big wide onClick={() => setSheet(false)}>
            {list ? t.list.show(list.total, count(list.total)) : t.close}
          </Button>
        }
      >
        <Filters query={query} facets={list?.facets} currency={currency} />
      </Dialog>
    </div>
  );
}
