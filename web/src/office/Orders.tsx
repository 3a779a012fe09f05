import { apiUrl } from "../api/client.ts";
import { o } from "../i18n/office.ts";
import { count, countryName, money } from "../lib/format.ts";
import { useTitle } from "../lib/head.ts";
import { place } from "../lib/router.tsx";
import { Grid, NothingHere, SearchLine, StatusPick, Tag, type Column } from "./Grid.tsx";
import { useList } from "./lists.ts";
import { OfficeIcon } from "./OfficeIcon.tsx";
import { orderTone, ORDER_STATUSES, paymentTone, reasonWords } from "./statuses.ts";
import { ago, exactly } from "./time.ts";
import type { AdminOrder } from "./types.ts";

const PAGE = 50;

const path = (order: AdminOrder): string => `/office/orders/${order.id}`;
const bottlesOf = (order: AdminOrder): number => order.lines.reduce((sum, line) => sum + line.quantity, 0);
const amountOf = (order: AdminOrder): string => money({ amount: order.totals.total, currency: order.totals.currency });

function whereTo(order: AdminOrder): string {
  const to = order.shipping_address;
  return to ? [to.city, to.region, countryName(to.country)].filter(Boolean).join(", ") : "";
}

const COLUMNS: ReadonlyArray<Column<AdminOrder>> = [
  {
    key: "order",
    head: o.order.head.order,
    class: "grows",
    cell: (order) => (
      <>
        <a class="row-link num" href={path(order)}>
          {order.number}
        </a>
        <span class="row-meta">
          {order.shipping_address?.name ?? o.order.erased}
          <span class="only-phone-inline"> · {ago(order.placed_at)}</span>
        </span>
      </>
    ),
  },
  {
    key: "placed",
    head: o.order.head.placed,
    from: "desk",
    cell: (order) => <time dateTime={order.placed_at} title={exactly(order.placed_at)}>{ago(order.placed_at)}</time>,
  },
  { key: "to", head: o.order.head.to, from: "wide", cell: (order) => <span class="quiet">{whereTo(order)}</span> },
  { key: "bottles", head: o.order.head.bottles, from: "desk", figure: true, cell: (order) => count(bottlesOf(order)) },
  { key: "total", head: o.order.head.total, figure: true, cell: amountOf },
  {
    key: "payment",
    head: o.order.head.payment,
    from: "wide",
    cell: (order) => <Tag tone={paymentTone(order.payment.status)}>{o.order.payments[order.payment.status] ?? order.payment.status}</Tag>,
  },
  {
    key: "status",
    head: o.order.head.status,
    cell: (order) => (
      <>
        <Tag tone={orderTone(order.status)}>{o.order.status[order.status] ?? order.status}</Tag>
        {order.reason && <span class="row-meta from-desk-block">{reasonWords(order.reason)}</span>}
      </>
    ),
  },
];

export function Orders() {
  useTitle(o.title(o.order.title));
  const { query } = place.value;
  const q = query.get("q") ?? "";
  const status = query.getAll("status");
  const list = useList<AdminOrder>("/orders", { status, q, limit: PAGE }, /* live= */ true);
  return (
    <>
      <div class="page-head">
        <h1>{o.order.title}</h1>
        <a class="btn btn-line" href={apiUrl("/admin/orders", { status, q, format: "csv" })} download="orders.csv">
          <OfficeIcon name="download" size={18} />
          {o.list.export}
        </a>
      </div>
      <div class="bar">
        <SearchLine label={o.list.search} placeholder={o.order.placeholder} total={list.total} />
        <StatusPick label={o.order.statusFilter} name="status" options={ORDER_STATUSES.map((one) => ({ value: one, label: o.order.status[one] ?? one }))} />
      </div>
      <Grid
        caption={o.order.title}
        list={list}
        columns={COLUMNS}
        href={path}
        empty={<NothingHere filtered={Boolean(q || status.length)} none={o.order.none} noneText={o.list.noneText} empty={o.order.empty} emptyText={o.order.emptyText} />}
      />
    </>
  );
}
