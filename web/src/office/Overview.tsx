/** The first page: what sold, what runs out, what is stuck. */
import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Icon } from "../components/Icon.tsx";
import { Bone, Button, ProblemNote } from "../components/parts.tsx";
import { o } from "../i18n/office.ts";
import { count, money } from "../lib/format.ts";
import { useTitle } from "../lib/head.ts";
import { useResource } from "../lib/resource.ts";
import { place } from "../lib/router.tsx";
import { RevenueChart } from "./Chart.tsx";
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

function Totals({ board, currency }: { board: Dashboard; currency: string }) {
  const orders = board.revenue.reduce((sum, one) => sum + one.orders, 0);
  const amount = board.revenue.reduce((sum, one) => sum + one.amount, 0);
  const figures = [
    [o.overview.revenue, money({ amount, currency })],
    [o.overview.orders, count(orders)],
    [o.overview.average, orders ? money({ amount: Math.round(amount / orders), currency }) : "–"],
  ] as const;
  return (
    <dl class="sums">
      {figures.map(([label, value]) => (
        <div class="card" key={label}>
          <dt>{label}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

function Funnel({ funnel }: { funnel: Dashboard["funnel"] }) {
  const steps = ["views", "carts", "orders"] as const;
  const most = Math.max(funnel.views, funnel.carts, funnel.orders, 1);
  return (
    <Panel title={o.overview.funnel} id="funnel-head">
      <ol class="funnel">
        {steps.map((step, i) => {
          const before = i ? funnel[steps[i - 1] as (typeof steps)[number]] : 0;
          const share = before ? `${Math.round((funnel[step] / before) * 100)} %` : "";
          return (
            <li key={step}>
              <p class="spread small">
                <span>
                  <strong class="num">{count(funnel[step])}</strong> {o.overview.funnelSteps[step]}
                </span>
                {share && <span class="quiet num">{o.overview.ofBefore(share)}</span>}
              </p>
              <span class="funnel-bar" aria-hidden="true">
                {funnel[step] > 0 && <span style={{ width: `${(funnel[step] / most) * 100}%` }} />}
              </span>
            </li>
          );
        })}
      </ol>
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

function LowStock({ board, onChange }: { board: Dashboard; onChange: () => void }) {
  return (
    <Panel title={o.overview.low} id="low-head">
      {board.low_stock.length ? (
        <ul class="plain-rows">
          {board.low_stock.map((one) => {
            const soon = !one.available || (one.days_left !== null && one.days_left < SOON_DAYS);
            const pace = one.days_left === null ? o.overview.noPace : o.overview.daysLeft(one.days_left);
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
  const currency = seen?.board.revenue.find((one) => one.currency)?.currency || "EUR";
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
          <Totals board={seen.board} currency={currency} />
          <RevenueChart revenue={seen.board.revenue} currency={currency} />
          <div class="panels">
            <div>
              <Stuck board={seen.board} queues={seen.queues} onChange={reload} />
              <LowStock board={seen.board} onChange={reload} />
              <Searches board={seen.board} />
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
