import type { User } from "../api/types.ts";
import { o } from "../i18n/office.ts";
import { date } from "../lib/format.ts";
import { ageOf } from "../lib/form.ts";
import { useTitle } from "../lib/head.ts";
import { place } from "../lib/router.tsx";
import { Grid, NothingHere, SearchLine, Tag, type Column } from "./Grid.tsx";
import { useList } from "./lists.ts";

const PAGE = 50;

function States({ user }: { user: User }) {
  return (
    <span class="tags">
      {user.role === "admin" && <Tag tone="gold">{o.customer.admin}</Tag>}
      <Tag tone={user.email_verified ? "good" : undefined}>{user.email_verified ? o.customer.verified : o.customer.unverified}</Tag>
      {user.marketing && <Tag>{o.customer.marketing}</Tag>}
    </span>
  );
}

const COLUMNS: ReadonlyArray<Column<User>> = [
  {
    key: "name",
    head: o.customer.head.name,
    class: "grows",
    cell: (user) => (
      <>
        <span class="strong">{user.name}</span>
        <a class="row-meta break row-link" href={`mailto:${user.email}`}>
          {user.email}
        </a>
      </>
    ),
  },
  { key: "since", head: o.customer.head.since, from: "desk", cell: (user) => date(user.created_at) },
  {
    key: "age",
    head: o.customer.head.age,
    from: "desk",
    figure: true,
    cell: (user) => {
      const age = ageOf(user.birth_date ?? "");
      return Number.isNaN(age) ? <span class="quiet">–</span> : o.customer.years(age);
    },
  },
  { key: "state", head: o.customer.head.state, cell: (user) => <States user={user} /> },
];

export function Customers() {
  useTitle(o.title(o.customer.title));
  const q = place.value.query.get("q") ?? "";
  const list = useList<User>("/customers", { q, limit: PAGE });
  return (
    <>
      <div class="page-head">
        <h1>{o.customer.title}</h1>
      </div>
      <div class="bar">
        <SearchLine label={o.list.search} placeholder={o.customer.placeholder} />
        <p class="hint">{o.customer.searchHint}</p>
      </div>
      <Grid
        caption={o.customer.title}
        list={list}
        columns={COLUMNS}
        empty={<NothingHere filtered={Boolean(q)} none={o.customer.none} noneText={o.customer.noneText} empty={o.customer.empty} emptyText={o.customer.emptyText} />}
      />
    </>
  );
}
