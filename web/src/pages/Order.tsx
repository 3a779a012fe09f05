import { useEffect, useState } from "preact/hooks";
import { api, asProblem } from "../api/client.ts";
import type { Order as OrderShape, OrderStatus } from "../api/types.ts";
import type { PageProps } from "../App.tsx";
import { Icon } from "../components/Icon.tsx";
import { Totals } from "../components/Cart.tsx";
import { Bones, Button, Dialog, Empty, ProblemNote, problemTitle } from "../components/parts.tsx";
import { Thumb } from "../components/Wine.tsx";
import { t } from "../i18n/index.ts";
import { loadCart } from "../lib/cart.ts";
import { followOrder, isFinal } from "../lib/follow.ts";
import { addressLines, dateTime, money } from "../lib/format.ts";
import { useTitle } from "../lib/head.ts";
import { dropResources, putResource, useResource } from "../lib/resource.ts";
import { say, toast } from "../lib/signals.ts";
import { fullName, winePath } from "../lib/wines.ts";

const WAY: readonly OrderStatus[] = ["pending", "confirmed", "shipped", "delivered"];

function Way({ order }: { order: OrderShape }) {
  const at = WAY.indexOf(order.status);
  if (at < 0) return null;
  return (
    <ol class="way">
      {WAY.map((step, i) => {
        const done = i < at || (i === at && step !== "pending");
        return (
          <li
            key={step}
            class={done ? "done" : i === at ? "now" : ""}
            aria-current={i === at ? "step" : undefined}
          >
            <span class="way-mark">{done && <Icon name="check" size={16} />}</span>
            <span>{t.order.steps[step]}</span>
          </li>
        );
      })}
    </ol>
  );
}

export function statusTone(status: OrderStatus): string {
  if (status === "rejected" || status === "cancelled" || status === "returned") return "tag-bad";
  return status === "pending" ? "tag-gold" : "tag-good";
}

function Cancel({ order, onDone }: { order: OrderShape; onDone: (order: OrderShape) => void }) {
  const [sure, setSure] = useState(false);
  const [busy, setBusy] = useState(false);
  if (order.status !== "confirmed" && order.status !== "pending") return null;
  const cancel = () => {
    setBusy(true);
    api
      .post<OrderShape>(`/orders/${order.id}/cancel`, {})
      .then(onDone, (error: unknown) => {
        const problem = asProblem(error);
        toast(problem.detail || problemTitle(problem));
      })
      .finally(() => {
        setBusy(false);
        setSure(false);
      });
  };
  return (
    <>
      <Button kind="bad" onClick={() => setSure(true)}>
        {t.order.cancel}
      </Button>
      <Dialog open={sure} onClose={() => setSure(false)} title={t.order.cancel} kind="box">
        <div class="stack">
          <p>{t.order.cancelSure}</p>
          <div class="row">
            <Button kind="bad" busy={busy} onClick={cancel}>
              {t.order.cancel}
            </Button>
            <Button onClick={() => setSure(false)}>{t.order.keep}</Button>
          </div>
        </div>
      </Dialog>
    </>
  );
}

function Order({ params }: PageProps) {
  const id = params.id ?? "";
  const key = `order:${id}`;
  const {
    data: order,
    problem,
    reload,
  } = useResource(key, (signal) => api.get<OrderShape>(`/orders/${id}`, { signal }));
  const [live, setLive] = useState(false);
  const [, redraw] = useState(0);
  useTitle(order ? t.order.title(order.number) : undefined);

  const take = (next: OrderShape) => {
    const before = order?.status;
    putResource(key, next);
    dropResources("orders");
    redraw((n) => n + 1);
    if (next.status !== before) say(`${t.order.status[next.status]}. ${t.order.says[next.status]}`);
    // A refused order puts its bottles back.
    if (next.status === "rejected") void loadCart().catch(() => undefined);
  };
  const known = order !== undefined;
  useEffect(() => {
    if (!order || isFinal(order.status)) return;
    return followOrder(id, order.version, take, setLive);
  }, [id, known]);

  if (!order) {
    if (problem?.status === 404 || problem?.status === 401) {
      return (
        <Empty page title={t.order.gone} text={t.order.goneText}>
          <a class="btn btn-main" href={`/sign-in?next=/orders/${id}`}>
            {t.nav.signIn}
          </a>
        </Empty>
      );
    }
    return problem ? <ProblemNote problem={problem} retry={reload} /> : <Bones lines={8} />;
  }
  const reason = order.reason ? (t.order.reasons[order.reason] ?? order.reason) : "";
  const address = order.shipping_address;
  return (
    <div class="stack-l">
      <div class="stack-s">
        <p class="quiet">
          {t.order.title(order.number)} · {t.order.placed(dateTime(order.placed_at))}
        </p>
        <h1 data-status={order.status}>{t.order.status[order.status]}</h1>
        <p class="lead">{t.order.says[order.status]}</p>
        {reason && <p>{reason}</p>}
        {live && !isFinal(order.status) && (
          <p class="quiet small live">
            <span class="live-dot" /> {t.order.live}
          </p>
        )}
      </div>
      <Way order={order} />
      <div class="row">
        {order.status === "rejected" && (
          <a class="btn btn-main" href="/cart">
            {t.order.back}
          </a>
        )}
        <Cancel order={order} onDone={take} />
        <a class="btn btn-plain" href="/wines">
          {t.order.more}
        </a>
      </div>
      <div class="beside">
        <section class="stack">
          <h2>{t.order.lines}</h2>
          <ul class="mini-lines">
            {order.lines.map((line) => (
              <li key={line.wine_id}>
                <Thumb wineId={line.wine_id} />
                <span>
                  <span class="over">{line.winery}</span>
                  <a class="line-name" href={winePath({ ...line, id: line.wine_id })}>
                    {fullName(line)}
                  </a>
                  <span class="quiet small num">
                    {line.quantity} × {money({ amount: line.unit_price, currency: order.totals.currency })}
                  </span>
                </span>
                <span class="num">{money({ amount: line.line_total, currency: order.totals.currency })}</span>
              </li>
            ))}
          </ul>
        </section>
        <aside class="card stack">
          <Totals of={order} />
          {address && (
            <div>
              <h2 class="label">{t.order.to}</h2>
              <address class="plain-address">
                {addressLines(address).map((line, i) => (
                  <span key={i}>{line}</span>
                ))}
              </address>
            </div>
          )}
          {order.email && <p class="quiet small">{t.order.confirmationTo(order.email)}</p>}
          <div>
            <h2 class="label">{t.order.history}</h2>
            <ol class="small quiet">
              {order.history.map((step, i) => (
                <li key={i} class="spread">
                  <span>
                    {step.status === "pending" ? t.order.steps.pending : t.order.status[step.status]}
                  </span>
                  <time class="num" dateTime={step.at}>
                    {dateTime(step.at)}
                  </time>
                </li>
              ))}
            </ol>
          </div>
        </aside>
      </div>
    </div>
  );
}

export { Order as page };
