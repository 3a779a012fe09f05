/** The first page: what sold, what runs out, what is stuck. */
import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Icon } from "../components/Icon.tsx";
import { Bone, Button, ProblemNote } from "../components/parts.tsx";
import { o } from "../i18n/office.ts";
import { count, decimal, money } from "../lib/format.ts";
import { useTitle } from "../lib/head.ts";
import { useResource } from "../lib/resource.ts";
import { place } from "../lib/router.tsx";
import { RevenueChart } from "./Chart.tsx";
import { changeOf } from "./forecast.ts";
import { ForecastPanel } from "./Forecast.tsx";
import { setQuery, Tag } from "./Grid.tsx";
import { office, repeat } from "./office.ts";
import { askRedrive } from "./Queues.tsx";
import { openStock } from "./Stock.tsx";
import { ago, clock, exactly } from "./time.ts";
import type { Dashboard, Queue } from "./types.ts";
import { waiting } from "./waiting.ts";

/* A year is told in whole weeks. */
const YEAR = 364;
const SPANS = [7, 30, 90, YEAR] as const;
const USUAL = 30;
const LOOK_MS = 30_000;
const SOON_DAYS = 14;
const MOST_SELLERS = 10;
const MOST_SEARCHES = 10;

interface Seen {
  board: Dashboard;
  queues: Queue[];
  at: number;
}

async function look(days: number, signal: AbortSignal): Promise<Seen> {
  const [board, queues] = await Promise.all([
    office.get<Dashboard>("/analytics/dashboard", { query: { days }, signal }),
    office.get<{ items: Queue[] }>("/queues", { signal }),
  ]);
  return { board, queues: queues.items, at: Date.now() };
}

function Panel({ title, text, children, id }: { title: string; text?: string; children: ComponentChildren; id: string }) {
  return (
    <section class="card panel" aria-labelledby={id}>
      <div>
        <h2 id={id}>{title}</h2>
        {text && <p class="hint">{text}</p>}
      </div>
      {children}
    </section>
  );
}

/** What changed against the days before, in percent, and what there was before. */
function Compared({ now, before, text }: { now: number; before: number; text: string }) {
  const { percent, up } = changeOf(now, before);
  if (percent === undefined) return <dd class="sums-before quiet">{now ? o.overview.nothingBefore : ""}</dd>;
  return (
    <dd class="sums-before num">
      <span class={up ? "up" : "down"}>
        {up ? "+" : "−"}
        {count(Math.abs(percent))} %
      </span>{" "}
      <span class="quiet">{o.overview.before(text)}</span>
    </dd>
  );
}

function Totals({ board, days }: { board: Dashboard; days: number }) {
  const { totals: now, previous: before } = board;
  const amount = (minor: number) => money({ amount: minor, currency: now.currency });
  const average = (one: Dashboard["totals"]) => (one.orders ? Math.round(one.amount / one.orders) : 0);
  const figures = [
    [o.overview.revenue, now.amount, before.amount, amount],
    [o.overview.orders, now.orders, before.orders, count],
    [o.overview.average, average(now), average(before), (minor: number) => (minor ? amount(minor) : "–")],
  ] as const;
  return (
    <div class="stack-s">
      <dl class="sums">
        {figures.map(([label, value, past, text]) => (
          <div class="card" key={label}>
            <dt>{label}</dt>
            <dd>{text(value)}</dd>
            <Compared now={value} before={past} text={text(past)} />
          </div>
        ))}
      </dl>
      <p class="hint">{o.overview.comparedWith(days)}</p>
    </div>
  );
}

const percent = (rate: number | null): string => (rate === null ? "" : `${decimal(rate * 100, rate < 0.1 ? 1 : 0)} %`);

interface Step {
  name: "impressions" | "clicks" | "views" | "carts" | "orders";
  share?: string;
}

function Steps({ title, funnel, steps }: { title: string; funnel: Dashboard["funnel"]; steps: readonly Step[] }) {
  const most = Math.max(1, ...steps.map((step) => funnel[step.name]));
  return (
    <div>
      <h3 class="steps-head">{title}</h3>
      <ol class="funnel">
        {steps.map(({ name, share }) => (
          <li key={name}>
            <p class="spread small">
              <span>
                <strong class="num">{count(funnel[name])}</strong> {o.overview.funnelSteps[name]}
              </span>
              {share && <span class="quiet num">{share}</span>}
            </p>
            <span class="funnel-bar" aria-hidden="true">
              {funnel[name] > 0 && <span style={{ width: `${(funnel[name] / most) * 100}%` }} />}
            </span>
          </li>
        ))}
      </ol>
    </div>
  );
}

function Funnel({ funnel }: { funnel: Dashboard["funnel"] }) {
  const of = (rate: number | null, text: (share: string) => string) => (rate === null ? {} : { share: text(percent(rate)) });
  return (
    <Panel title={o.overview.funnel} id="funnel-head">
      <Steps
        title={o.overview.funnelLists}
        funnel={funnel}
        steps={[{ name: "impressions" }, { name: "clicks", ...of(funnel.click_rate, o.overview.ofShown) }]}
      />
      <Steps
        title={o.overview.funnelShoppers}
        funnel={funnel}
        steps={[
          { name: "views" },
          { name: "carts", ...of(funnel.cart_rate, o.overview.ofBefore) },
          { name: "orders", ...of(funnel.order_rate, o.overview.ofBefore) },
        ]}
      />
      {funnel.conversion !== null && <p class="small num">{o.overview.conversion(percent(funnel.conversion))}</p>}
    </Panel>
  );
}

function Sellers({ board, currency }: { board: Dashboard; currency: string }) {
  const most = Math.max(1, ...board.best_sellers.map((one) => one.bottles));
  return (
    <Panel title={o.overview.sellers} id="sellers-head">
      {board.best_sellers.length ? (
        <ol class="rank">
          {board.best_sellers.slice(0, MOST_SELLERS).map((one) => (
            <li key={one.wine_id}>
              <span class="rank-bar" aria-hidden="true" style={{ width: `${(one.bottles / most) * 100}%` }} />
              <a href={`/office/wines/${one.wine_id}`}>{one.name}</a>
              <span class="small quiet num">
                {o.bottles(one.bottles)} · {money({ amount: one.amount, currency })}
              </span>
            </li>
          ))}
        </ol>
      ) : (
        <p class="small quiet">{o.overview.noSellers}</p>
      )}
    </Panel>
  );
}

function Searches({ board }: { board: Dashboard }) {
  return (
    <Panel title={o.overview.searches} text={o.overview.searchesText} id="searches-head">
      {board.searches_without_result.length ? (
        <ul class="plain-rows">
          {board.searches_without_result.map((one) => (
            <li key={one.query}>
              <span class="break">“{one.query}”</span>
              <span class="small quiet num">{o.overview.timesAsked(one.count)}</span>
            </li>
          ))}
        </ul>
      ) : (
        <p class="small quiet">{o.overview.noSearches}</p>
      )}
    </Panel>
  );
}

function Found({ board }: { board: Dashboard }) {
  return (
    <Panel title={o.overview.found} text={o.overview.foundText} id="found-head">
      {board.searches.length ? (
        <ul class="plain-rows">
          {board.searches.slice(0, MOST_SEARCHES).map((one) => (
            <li key={one.query}>
              <a class="break" href={`/wines?q=${encodeURIComponent(one.query)}`}>
                “{one.query}”
              </a>
              <span class="small quiet num">
                {one.click_rate === null
                  ? o.overview.searchTimes(one.searches)
                  : o.overview.clickedOf(o.overview.searchTimes(one.searches), percent(one.click_rate))}
              </span>
            </li>
          ))}
        </ul>
      ) : (
        <p class="small quiet">{o.overview.noFound}</p>
      )}
    </Panel>
  );
}

function LowStock({ board, onChange }: { board: Dashboard; onChange: () => void }) {
  return (
    <Panel title={o.overview.low} id="low-head">
      {board.low_stock.length ? (
        <ul class="plain-rows">
          {board.low_stock.map((one) => {
            const soon = !one.available || (one.days_left !== null && one.days_left < SOON_DAYS);
            const days = one.days_left === null ? o.overview.noPace : o.overview.daysLeft(one.days_left);
            const pace = one.days_left_by === "pace" ? `${days} ${o.overview.byPace}` : days;
            return (
              <li key={one.wine_id}>
                <span>
                  <a href={`/office/wines/${one.wine_id}`}>{one.name}</a>
                  <span class="row-meta num">
                    <span class={soon ? "bad" : ""}>{o.overview.left(one.available)}</span>
                    {one.available > 0 && ` · ${pace}`}
                  </span>
                </span>
                <Button aria-label={`${o.overview.restock}: ${one.name}`} onClick={() => openStock(one.wine_id, onChange)}>
                  {o.overview.restock}
                </Button>
              </li>
            );
          })}
        </ul>
      ) : (
        <p class="small quiet">{o.overview.noLow}</p>
      )}
    </Panel>
  );
}

const PLACES: Record<string, (id: string) => string> = {
  order: (id) => `/office/orders/${id}`,
  mail: () => "/office/messages?status=failed",
  image: (id) => `/office/wines/${id}`,
  message: () => "/office/queues",
};

function Stuck({ board, queues, onChange }: { board: Dashboard; queues: readonly Queue[]; onChange: () => void }) {
  const dead = queues.filter((queue) => queue.dead > 0);
  const nothing = !dead.length && !board.stuck.length;
  if (nothing) {
    return (
      <Panel title={o.overview.stuck} id="stuck-head">
        <p class="small calm">
          <Icon name="check" size={18} />
          {o.overview.noStuck}
        </p>
      </Panel>
    );
  }
  return (
    <Panel title={o.overview.stuck} id="stuck-head">
      <ul class="plain-rows">
        {dead.map((queue) => (
          <li key={queue.name}>
            <a href={`/office/queues/${queue.name}`}>{o.overview.dead(queue.dead, o.queue.names[queue.name] ?? queue.name)}</a>
            <Button onClick={() => askRedrive(queue.name, queue.dead, undefined, onChange)}>{o.overview.redrive}</Button>
          </li>
        ))}
        {board.stuck.map((one) => (
          <li key={one.kind + one.id}>
            <span>
              <Tag tone="bad">{o.overview.stuckKinds[one.kind] ?? one.kind}</Tag> <span class="break">{one.detail}</span>
              <time class="row-meta" dateTime={one.since} title={exactly(one.since)}>
                {ago(one.since)}
              </time>
            </span>
            <a class="btn btn-line" href={(PLACES[one.kind] ?? (() => "/office/queues"))(one.id)} aria-label={`${o.overview.look}: ${one.detail}`}>
              {o.overview.look}
            </a>
          </li>
        ))}
      </ul>
    </Panel>
  );
}

function ToShip() {
  const { toShip } = waiting.value;
  if (!toShip) return null;
  return (
    <a class="card to-ship" href="/office/orders?status=confirmed">
      <Icon name="truck" size={26} />
      <span>
        <strong>{o.overview.toShip(toShip)}</strong>
        <span class="small quiet block">{o.overview.toShipText}</span>
      </span>
      <Icon name="right" size={20} />
    </a>
  );
}

function Shapes() {
  return (
    <div class="overview" role="status" aria-busy="true">
      <dl class="sums" aria-hidden="true">
        {[0, 1, 2].map((i) => (
          <div class="card" key={i}>
            <dt>
              <Bone width="60%" height="0.9em" />
            </dt>
            <dd>
              <Bone width="80%" height="1em" />
            </dd>
          </div>
        ))}
      </dl>
      <div class="card panel chart-card" aria-hidden="true">
        <Bone height="250px" />
      </div>
    </div>
  );
}

export function Overview() {
  useTitle(o.title(o.overview.title));
  const asked = Number(place.value.query.get("days"));
  const days = (SPANS as readonly number[]).includes(asked) ? asked : USUAL;
  const { data, problem, reload } = useResource<Seen>(`overview:${days}`, (signal) => look(days, signal));
  const [kept, setKept] = useState<Seen>();
  useEffect(() => {
    if (data) setKept(data);
  }, [data]);
  useEffect(() => repeat(LOOK_MS, reload, /* atOnce= */ false), []);
  const seen = data ?? kept;
  const currency = seen?.board.totals.currency ?? "EUR";
  return (
    <>
      <div class="page-head">
        <div>
          <h1>{o.overview.title}</h1>
          {seen && <p class="hint">{o.overview.asOf(clock(new Date(seen.at)))}</p>}
        </div>
        <fieldset class="pick">
          <legend class="hush">{o.overview.days}</legend>
          {SPANS.map((span) => (
            <label key={span} class={`chip${span === days ? " chip-on" : ""}`}>
              <input class="hush" type="radio" name="days" checked={span === days} onChange={() => setQuery({ days: span === USUAL ? "" : String(span) })} />
              {span === YEAR ? o.overview.year : o.overview.lastDays(span)}
            </label>
          ))}
        </fieldset>
      </div>
      {problem && <ProblemNote problem={problem} retry={reload} />}
      {!seen && !problem && <Shapes />}
      {seen && (
        <div class="overview">
          <ToShip />
          <Totals board={seen.board} days={days} />
          <RevenueChart revenue={seen.board.revenue} currency={currency} />
          <ForecastPanel list={seen.board.forecast} />
          <div class="panels">
            <div>
              <Stuck board={seen.board} queues={seen.queues} onChange={reload} />
              <LowStock board={seen.board} onChange={reload} />
              <Searches board={seen.board} />
              <Found board={seen.board} />
            </div>
            <div>
              <Sellers board={seen.board} currency={currency} />
              <Funnel funnel={seen.board.funnel} />
            </div>
          </div>
        </div>
      )}
    </>
  );
}
