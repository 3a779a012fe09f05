/** One order: what goes where, what was paid, what happened, and the steps it can take next. */
import { useEffect, useState } from "preact/hooks";
import { ApiProblem, asProblem } from "../api/client.ts";
import type { Charge } from "../api/types.ts";
import { Icon } from "../components/Icon.tsx";
import { Bones, Button, Empty, ProblemNote } from "../components/parts.tsx";
import { Thumb } from "../components/Wine.tsx";
import { o } from "../i18n/office.ts";
import { count, countryName, money, volume } from "../lib/format.ts";
import { useTitle } from "../lib/head.ts";
import { dropResources } from "../lib/resource.ts";
import { navigate } from "../lib/router.tsx";
import { shopName } from "../lib/shop.ts";
import { toast } from "../lib/signals.ts";
import { ask } from "./ask.tsx";
import { Tag } from "./Grid.tsx";
import { dropLists, patchLists } from "./lists.ts";
import type { OfficePage } from "./Office.tsx";
import { office, repeat } from "./office.ts";
import { OfficeIcon } from "./OfficeIcon.tsx";
import { orderTone, paymentTone, reasonWords, stepsFrom, type Step } from "./statuses.ts";
import { ago, exactly } from "./time.ts";
import type { AdminOrder } from "./types.ts";
import { lookWhatWaits, waiting } from "./waiting.ts";

const PENDING_LOOK_MS = 1500;

type OnOrder = (order: AdminOrder) => void;

const amount = (order: AdminOrder, minor: number): string => money({ amount: minor, currency: order.totals.currency });

function addressOf(order: AdminOrder): string[] {
  const to = order.shipping_address;
  if (!to) return [];
  const town = [to.postal_code, to.city, to.region].filter(Boolean).join(" ");
  return [to.name, to.line1, to.line2 ?? "", town, countryName(to.country)].filter(Boolean);
}

/** Does a step from the version that was looked at. A step somebody else took first is shown, not overrun. */
async function step(order: AdminOrder, path: string, body: Record<string, unknown>, onOrder: OnOrder): Promise<AdminOrder> {
  try {
    const after = await office.post<AdminOrder>(`/orders/${order.id}/${path}`, { ...body, version: order.version });
    onOrder(after);
    patchLists("/orders", after);
    // The lists by status no longer hold the right rows.
    dropLists("/orders?status");
    dropResources("overview");
    lookWhatWaits();
    return after;
  } catch (error) {
    const problem = asProblem(error);
    if (problem.status !== 409) throw error;
    onOrder(await office.get<AdminOrder>(`/orders/${order.id}`));
    const detail = problem.code === "version_conflict" ? o.order.conflict : o.order.notPossible;
    throw new ApiProblem(409, { detail, code: problem.code });
  }
}

function askStep(order: AdminOrder, to: Step, onOrder: OnOrder): void {
  const words = o.order.actions[to];
  if (!words) return;
  ask({
    title: words.title(order.number),
    text: words.text,
    action: words.label,
    bad: to === "cancelled",
    reason: words.reason,
    run: async (reason) => {
      await step(order, "status", { status: to, ...(reason ? { reason } : {}) }, onOrder);
      const next = to === "shipped" && waiting.value.toShip > 1;
      toast(words.done(order.number), next ? { label: o.order.nextToShip, run: () => navigate("/office/orders?status=confirmed") } : undefined);
    },
  });
}

function askRefund(order: AdminOrder, onOrder: OnOrder): void {
  const total = amount(order, order.totals.total);
  ask({
    title: o.order.refund.title(total),
    text: o.order.refund.text,
    action: o.order.refund.label,
    bad: true,
    reason: true,
    run: async (reason) => {
      await step(order, "refund", reason ? { reason } : {}, onOrder);
      toast(o.order.refund.done(total));
    },
  });
}

function Actions({ order, onOrder }: { order: AdminOrder; onOrder: OnOrder }) {
  const steps = stepsFrom(order.status);
  const refundable = order.payment.status === "captured";
  const isMain = (to: Step) => to === "shipped" || to === "delivered";
  if (!steps.length && !refundable) return null;
  return (
    <div class="row">
      {steps.map((to) => (
        <Button key={to} kind={isMain(to) ? "main" : to === "cancelled" ? "bad" : "line"} onClick={() => askStep(order, to, onOrder)}>
          {to === "shipped" && <Icon name="truck" size={20} />}
          {o.order.actions[to]?.label}
        </Button>
      ))}
      {refundable && (
        <Button kind={order.status === "returned" ? "main" : "line"} onClick={() => askRefund(order, onOrder)}>
          {o.order.refund.label}
        </Button>
      )}
    </div>
  );
}

function Lines({ order }: { order: AdminOrder }) {
  const charge = (one: Charge) => (
    <tr key={one.kind + one.label}>
      <td class="from-desk" />
      <th scope="row" colSpan={2}>
        {one.included ? o.order.included(one.label) : one.label}
      </th>
      <td class="figure">{amount(order, one.amount)}</td>
    </tr>
  );
  return (
    <table class="grid order-lines">
      <caption class="hush">{o.order.lines}</caption>
      <thead>
        <tr>
          <th scope="col">{o.order.wine}</th>
          <th scope="col" class="figure from-desk">
            {o.order.each}
          </th>
          <th scope="col" class="figure bottles">
            {o.order.quantity}
          </th>
          <th scope="col" class="figure">
            {o.order.sum}
          </th>
        </tr>
      </thead>
      <tbody>
        {order.lines.map((line) => (
          <tr key={line.wine_id}>
            <th scope="row">
              <div class="name-cell">
                <Thumb wineId={line.wine_id} />
                <span class="name-text">
                  <a href={`/office/wines/${line.wine_id}`}>
                    {line.name} <span class="vintage">{line.vintage ?? ""}</span>
                  </a>
                  <span class="row-meta">
                    {line.winery} · <span class="nowrap">{volume(line.bottle_ml)}</span>
                  </span>
                </span>
              </div>
            </th>
            <td class="figure from-desk">{amount(order, line.unit_price)}</td>
            <td class="figure strong bottles">{count(line.quantity)}</td>
            <td class="figure">{amount(order, line.line_total)}</td>
          </tr>
        ))}
      </tbody>
      <tfoot>
        <tr>
          <td class="from-desk" />
          <th scope="row" colSpan={2}>
            {o.order.subtotal}
          </th>
          <td class="figure">{amount(order, order.totals.subtotal)}</td>
        </tr>
        {order.charges.map(charge)}
        <tr class="total">
          <td class="from-desk" />
          <th scope="row" colSpan={2}>
            {o.order.total}
          </th>
          <td class="figure">{amount(order, order.totals.total)}</td>
        </tr>
      </tfoot>
    </table>
  );
}

function History({ order }: { order: AdminOrder }) {
  return (
    <section class="card panel" aria-labelledby="history-head">
      <h2 id="history-head">{o.order.history}</h2>
      <ol class="trail">
        {order.history.map((one, i) => (
          <li key={i} class={i === order.history.length - 1 ? "trail-now" : undefined}>
            <span class="strong">{o.order.events[one.status] ?? one.status}</span>
            <time class="small quiet" dateTime={one.at} title={ago(one.at)}>
              {exactly(one.at)}
            </time>
            {one.reason && <span class="small">{reasonWords(one.reason)}</span>}
          </li>
        ))}
      </ol>
    </section>
  );
}

function copy(text: string): void {
  navigator.clipboard?.writeText(text).then(() => toast(o.copied), () => undefined);
}

function Where({ order }: { order: AdminOrder }) {
  const lines = addressOf(order);
  const canCopy = Boolean(navigator.clipboard) && lines.length > 0;
  return (
    <section class="card panel" aria-labelledby="to-head">
      <div class="spread">
        <h2 id="to-head">{o.order.to}</h2>
        {canCopy && (
          <button type="button" class="btn btn-icon btn-plain" aria-label={o.copy(o.order.copyAddress)} title={o.copy(o.order.copyAddress)} onClick={() => copy(lines.join("\n"))}>
            <OfficeIcon name="copy" size={18} />
          </button>
        )}
      </div>
      {lines.length ? (
        <address class="postal">
          {lines.map((line, i) => (
            <span key={i}>{line}</span>
          ))}
        </address>
      ) : (
        <p class="small quiet">{o.order.erasedText}</p>
      )}
      {order.email && (
        <p class="small">
          <a href={`mailto:${order.email}`}>{order.email}</a>
        </p>
      )}
      <p class="small quiet">
        {order.user_id ? <a href={`/office/customers?q=${order.user_id}`}>{o.order.account}</a> : o.order.guest}
      </p>
    </section>
  );
}

function Payment({ order }: { order: AdminOrder }) {
  const { status } = order.payment;
  return (
    <section class="card panel" aria-labelledby="pay-head">
      <h2 id="pay-head">{o.order.pay}</h2>
      <p class="spread">
        <span class="strong num">{amount(order, order.totals.total)}</span>
        <Tag tone={paymentTone(status)}>{o.order.payments[status] ?? status}</Tag>
      </p>
    </section>
  );
}

function Found({ order, onOrder }: { order: AdminOrder; onOrder: OnOrder }) {
  return (
    <>
      <div class="page-head">
        <div>
          <a class="back" href="/office/orders">
            <Icon name="left" size={16} />
            {o.order.back}
          </a>
          <h1 class="num">
            {order.number} <Tag tone={orderTone(order.status)}>{o.order.status[order.status] ?? order.status}</Tag>
          </h1>
          <p class="small quiet">
            {exactly(order.placed_at)}
            {order.reason && ` · ${reasonWords(order.reason)}`}
          </p>
        </div>
        <div class="row page-actions">
          <Button onClick={() => window.print()}>
            <OfficeIcon name="print" size={18} />
            {o.order.print}
          </Button>
        </div>
      </div>
      <p class="only-print">{o.order.slipOf(shopName)}</p>
      <div class="order-page">
        <div class="stack">
          <section class="card panel no-print next-step" aria-label={o.order.next}>
            <p class="small">{o.order.says[order.status]}</p>
            <Actions order={order} onOrder={onOrder} />
          </section>
          <section class="card panel" aria-label={o.order.lines}>
            <Lines order={order} />
          </section>
          <p class="only-print">{o.order.slipThanks}</p>
        </div>
        <div class="stack order-side">
          <Where order={order} />
          <Payment order={order} />
          <History order={order} />
        </div>
      </div>
    </>
  );
}

export function OrderPage({ params }: OfficePage) {
  const id = params.id ?? "";
  const [order, setOrder] = useState<AdminOrder>();
  const [problem, setProblem] = useState<ApiProblem>();
  const load = () => {
    office.get<AdminOrder>(`/orders/${id}`).then(
      (found) => {
        setOrder(found);
        setProblem(undefined);
      },
      (error: unknown) => setProblem(asProblem(error)),
    );
  };
  useEffect(load, [id]);
  const pending = order?.status === "pending";
  useEffect(() => (pending ? repeat(PENDING_LOOK_MS, load) : undefined), [pending]);
  useTitle(order && o.title(order.number));
  if (problem?.status === 404) {
    return (
      <Empty title={o.order.gone} text={o.order.goneText}>
        <a class="btn btn-line" href="/office/orders">
          {o.order.back}
        </a>
      </Empty>
    );
  }
  if (problem && !order) return <ProblemNote problem={problem} retry={load} />;
  if (!order) return <Bones lines={8} />;
  return <Found order={order} onOrder={setOrder} />;
}

