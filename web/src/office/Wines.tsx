import { useTitle } from "../lib/head.ts";
import { o } from "../i18n/office.ts";
import { WinePicture } from "../components/Wine.tsx";
import { t } from "../i18n/index.ts";
import { count, fixed, money, volume } from "../lib/format.ts";
import { place } from "../lib/router.tsx";
import { hasDraft } from "./draft.ts";
import { Grid, NothingHere, SearchLine, setQuery, Tag, type Column } from "./Grid.tsx";
import { useList } from "./lists.ts";
import { openStock, wineLabel } from "./Stock.tsx";
import { ago } from "./time.ts";
import type { AdminWine } from "./types.ts";

const PAGE = 50;
const FEW = 6;

const path = (wine: AdminWine): string => `/office/wines/${wine.id}`;

function NameCell({ wine }: { wine: AdminWine }) {
  return (
    <div class="name-cell">
      <span class="row-picture">
        <WinePicture wine={wine} sizes="28px" />
      </span>
      <span class="name-text">
        <a class="row-link" href={path(wine)}>
          {wine.name} <span class="vintage">{wine.vintage_label}</span>
        </a>
        <span class="row-meta">
          {wine.winery} · {t.types[wine.type] ?? wine.type} · <span class="nowrap">{volume(wine.bottle_ml)}</span>
        </span>
        {(wine.status === "withdrawn" || hasDraft(wine.id)) && (
          <span class="row-tags">
            {wine.status === "withdrawn" && <Tag>{o.wines.status.withdrawn}</Tag>}
            {hasDraft(wine.id) && <Tag tone="gold">{o.wines.draft}</Tag>}
          </span>
        )}
      </span>
    </div>
  );
}

function StockCell({ wine }: { wine: AdminWine }) {
  const tone = !wine.available ? " stock-out" : wine.available <= FEW ? " stock-few" : "";
  return (
    <button type="button" class={`stock-button${tone}`} aria-label={o.wines.restock(`${wineLabel(wine)}, ${o.overview.left(wine.available)}`)} onClick={() => openStock(wine)}>
      {count(wine.available)}
    </button>
  );
}

const COLUMNS: ReadonlyArray<Column<AdminWine>> = [
  { key: "name", head: o.wines.head.wine, sort: ["name", "-name"], class: "grows", cell: (wine) => <NameCell wine={wine} /> },
  {
    key: "place",
    head: o.wines.head.place,
    from: "desk",
    cell: (wine) => (
      <>
        {wine.appellation || wine.region}
        <span class="row-meta">{wine.country}</span>
      </>
    ),
  },
  {
    key: "rating",
    head: o.wines.head.rating,
    from: "wide",
    figure: true,
    cell: (wine) => (wine.rating.count ? `${fixed(wine.rating.mean ?? 0)} (${count(wine.rating.count)})` : <span class="quiet">–</span>),
  },
  {
    key: "changed",
    head: o.wines.head.changed,
    from: "wide",
    cell: (wine) => <span class="quiet">{ago(wine.updated_at)}</span>,
  },
  { key: "price", head: o.wines.head.price, sort: ["price", "-price"], figure: true, cell: (wine) => money(wine.price) },
  {
    key: "reserved",
    head: o.wines.head.reserved,
    from: "desk",
    figure: true,
    cell: (wine) => (wine.reserved ? count(wine.reserved) : <span class="quiet">–</span>),
  },
  {
    key: "available",
    head: o.wines.head.available,
    sort: ["available", "-available"],
    figure: true,
    cell: (wine) => <StockCell wine={wine} />,
  },
];

export function Wines() {
  useTitle(o.title(o.wines.title));
  const { query } = place.value;
  const q = query.get("q") ?? "";
  const asked = query.get("sort") ?? "name";
  const sort = asked in o.wines.sorts ? asked : "name";
  const list = useList<AdminWine>("/wines", { q, sort, limit: PAGE });
  return (
    <>
      <div class="page-head">
        <h1>{o.wines.title}</h1>
        <a class="btn btn-main" href="/office/wines/new">
          {o.wines.add}
        </a>
      </div>
      <div class="bar">
        <SearchLine label={o.list.search} placeholder={o.wines.placeholder} total={list.total} />
        <label class="bar-sort">
          <span class="hush">{o.wines.sort}</span>
          <select class="input" value={sort} onChange={(event) => setQuery({ sort: event.currentTarget.value === "name" ? "" : event.currentTarget.value })}>
            {Object.entries(o.wines.sorts).map(([value, label]) => (
              <option key={value} value={value} selected={value === sort}>
                {label}
              </option>
            ))}
          </select>
        </label>
      </div>
      <Grid
        caption={o.wines.title}
        list={list}
        columns={COLUMNS}
        href={path}
        sort={sort}
        onSort={(next) => setQuery({ sort: next === "name" ? "" : next })}
        empty={<NothingHere filtered={Boolean(q)} none={o.wines.none} noneText={o.list.noneText} empty={o.wines.empty} emptyText={o.wines.emptyText} />}
      />
    </>
  );
}
