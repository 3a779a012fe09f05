import { o } from "../i18n/office.ts";
import { useTitle } from "../lib/head.ts";
import { place } from "../lib/router.tsx";
import { Grid, NothingHere, StatusPick, Tag, type Column } from "./Grid.tsx";
import { useList } from "./lists.ts";
import { messageTone } from "./statuses.ts";
import { ago, exactly } from "./time.ts";
import type { AdminNotification } from "./types.ts";

const PAGE = 50;
const STATUSES = ["queued", "sent", "failed"] as const;

function When({ at }: { at: string | null }) {
  if (!at) return <span class="quiet">–</span>;
  return (
    <time dateTime={at} title={exactly(at)}>
      {ago(at)}
    </time>
  );
}

const COLUMNS: ReadonlyArray<Column<AdminNotification>> = [
  {
    key: "message",
    head: o.message.head.message,
    class: "grows",
    cell: (message) => (
      <>
        {message.order_id ? (
          <a class="row-link" href={`/office/orders/${message.order_id}`}>
            {message.subject}
          </a>
        ) : (
          <span class="strong">{message.subject}</span>
        )}
        <span class="row-meta">
          {o.message.kinds[message.template] ?? message.template} ·{" "}
          {message.user_id ? <a href={`/office/customers?q=${message.user_id}`}>{o.message.toAccount}</a> : o.message.toGuest}
          <span class="only-phone-inline">
            {" "}
            · <When at={message.created_at} />
          </span>
        </span>
        {message.error && <span class="row-meta wrong">{message.error}</span>}
      </>
    ),
  },
  { key: "created", head: o.message.head.created, from: "desk", cell: (message) => <When at={message.created_at} /> },
  { key: "sent", head: o.message.head.sent, from: "wide", cell: (message) => <When at={message.sent_at} /> },
  { key: "attempts", head: o.message.head.attempts, from: "desk", figure: true, cell: (message) => String(message.attempts) },
  {
    key: "status",
    head: o.message.head.status,
    cell: (message) => <Tag tone={messageTone(message.status)}>{o.message.status[message.status] ?? message.status}</Tag>,
  },
];

export function Messages() {
  useTitle(o.title(o.message.title));
  const status = place.value.query.get("status") ?? "";
  const list = useList<AdminNotification>("/notifications", { status, limit: PAGE }, /* live= */ true);
  return (
    <>
      <div class="page-head">
        <div>
          <h1>{o.message.title}</h1>
          <p class="small quiet">{o.message.text}</p>
        </div>
      </div>
      <div class="bar">
        <StatusPick label={o.message.statusFilter} name="status" options={STATUSES.map((one) => ({ value: one, label: o.message.status[one] ?? one }))} />
      </div>
      <Grid
        caption={o.message.title}
        list={list}
        columns={COLUMNS}
        empty={<NothingHere filtered={Boolean(status)} none={o.message.none} noneText={o.message.noneText} empty={o.message.empty} emptyText={o.message.emptyText} />}
      />
    </>
  );
}
