/** The office's table: a real table, dense, its rows opened by their first cell's link, by a click or by Enter. */
import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { Icon } from "../components/Icon.tsx";
import { Bone, Button, Empty, ProblemNote } from "../components/parts.tsx";
import { o } from "../i18n/office.ts";
import { count } from "../lib/format.ts";
import { navigate, place } from "../lib/router.tsx";
import { say } from "../lib/signals.ts";
import { rowKeys, SEARCH_ID } from "./keys.ts";
import type { List } from "./lists.ts";

export interface Column<T> {
  key: string;
  head: string;
  cell: (item: T) => ComponentChildren;
  /** The words of the `sort` parameter, upwards and downwards. */
  sort?: readonly [string, string?];
  /** Figures stand on the right. */
  figure?: boolean;
  /** From which width on it is shown: beside the name always, `desk` from 760 px, `wide` from 1200 px. */
  from?: "desk" | "wide";
  class?: string;
}

interface GridProps<T> {
  caption: string;
  list: List<T>;
  columns: ReadonlyArray<Column<T>>;
  href?: (item: T) => string;
  sort?: string;
  onSort?: (sort: string) => void;
  empty: ComponentChildren;
}

const columnClass = <T,>(column: Column<T>): string | undefined =>
  [column.figure && "figure", column.from && `from-${column.from}`, column.class].filter(Boolean).join(" ") || undefined;

function Head<T>({ column, sort, onSort }: { column: Column<T>; sort: string | undefined; onSort: ((sort: string) => void) | undefined }) {
  if (!column.sort || !onSort) {
    return (
      <th scope="col" class={columnClass(column)}>
        {column.head}
      </th>
    );
  }
  const [up, down = up] = column.sort;
  const state = sort === up ? "ascending" : sort === down ? "descending" : undefined;
  return (
    <th scope="col" class={columnClass(column)} aria-sort={state ?? "none"}>
      <button type="button" class="sort-head" title={o.list.sortedBy(column.head)} onClick={() => onSort(sort === up ? down : up)}>
        {column.head}
        <span class={`sort-mark${state ? ` sort-${state}` : ""}`} aria-hidden="true">
          <Icon name="down" size={14} />
        </span>
      </button>
    </th>
  );
}

function BoneRows({ columns }: { columns: ReadonlyArray<{ key: string; class: string | undefined }> }) {
  return (
    <>
      {Array.from({ length: 12 }, (_, row) => (
        <tr key={row} class="bone-row" aria-hidden="true">
          {columns.map((column, i) => (
            <td key={column.key} class={column.class}>
              <Bone width={i ? "60%" : `${85 - ((row * 13) % 40)}%`} height="1.1em" />
            </td>
          ))}
        </tr>
      ))}
    </>
  );
}

/** Asks for the next page before its end is reached. */
function Foot<T>({ list }: { list: List<T> }) {
  const ref = useRef<HTMLDivElement>(null);
  const more = useRef(list.loadMore);
  more.current = list.loadMore;
  const shown = list.items?.length ?? 0;
  useEffect(() => {
    if (!ref.current || !list.hasMore || !("IntersectionObserver" in window)) return;
    const observer = new IntersectionObserver((entries) => entries.some((one) => one.isIntersecting) && more.current(), { rootMargin: "600px" });
    observer.observe(ref.current);
    return () => observer.disconnect();
  }, [list.hasMore, shown]);
  if (!shown) return null;
  const text = list.total === undefined ? o.list.shownOnly(count(shown)) : o.list.shown(count(shown), count(list.total));
  return (
    <div class="grid-foot" ref={ref}>
      <p class="small quiet num">{text}</p>
      {list.hasMore && (
        <Button busy={list.loading} onClick={list.loadMore}>
          {o.list.more}
        </Button>
      )}
    </div>
  );
}

export function Grid<T extends { id: string }>({ caption, list, columns, href, sort, onSort, empty }: GridProps<T>) {
  const { items } = list;
  const open = (event: MouseEvent, item: T) => {
    const target = event.target as HTMLElement;
    if (!href || event.ctrlKey || event.metaKey || target.closest("a, button, input, label, summary")) return;
    if (!window.getSelection()?.toString()) navigate(href(item));
  };
  if (list.problem && !items) return <ProblemNote problem={list.problem} retry={list.reload} />;
  if (items && !items.length && !list.loading) return <>{empty}</>;
  return (
    <>
      {list.problem && <ProblemNote problem={list.problem} retry={list.reload} />}
      <table class={`grid${href ? " grid-links" : ""}`} aria-busy={list.loading ? "true" : undefined} onKeyDown={rowKeys}>
        <caption class="hush">{caption}</caption>
        <thead>
          <tr>
            {columns.map((column) => (
              <Head key={column.key} column={column} sort={sort} onSort={onSort} />
            ))}
          </tr>
        </thead>
        <tbody>
          {items?.map((item) => (
            <tr key={item.id} onClick={(event) => open(event, item)}>
              {columns.map((column, i) =>
                i ? (
                  <td key={column.key} class={columnClass(column)}>
                    {column.cell(item)}
                  </td>
                ) : (
                  <th key={column.key} scope="row" class={columnClass(column)}>
                    {column.cell(item)}
                  </th>
                ),
              )}
            </tr>
          )) ?? <BoneRows columns={columns.map((column) => ({ key: column.key, class: columnClass(column) }))} />}
        </tbody>
      </table>
      <Foot list={list} />
    </>
  );
}

/** Changes parameters of the address in place; empty ones leave it. */
export function setQuery(changes: Record<string, string | readonly string[]>): void {
  const query = new URLSearchParams(place.value.query);
  for (const [name, value] of Object.entries(changes)) {
    query.delete(name);
    for (const one of typeof value === "string" ? [value] : value) if (one) query.append(name, one);
  }
  const text = query.toString();
  navigate(place.value.path + (text ? `?${text}` : ""), { replace: true });
}

const PAUSE_MS = 200;

/** The search of a list: it searches while one types, and keeps the words in the address. */
export function SearchLine({ label, placeholder, total }: { label: string; placeholder: string; total?: number | undefined }) {
  const inAddress = place.value.query.get("q") ?? "";
  const [words, setWords] = useState(inAddress);
  const timer = useRef(0);
  const last = useRef(inAddress);
  useEffect(() => {
    if (inAddress !== last.current) setWords((last.current = inAddress));
  }, [inAddress]);
  useEffect(() => () => clearTimeout(timer.current), []);
  useEffect(() => {
    if (inAddress && total !== undefined) say(o.list.shownOnly(count(total)));
  }, [total, inAddress]);
  const go = (text: string) => {
    clearTimeout(timer.current);
    last.current = text.trim();
    if (last.current !== inAddress) setQuery({ q: last.current });
  };
  const type = (text: string) => {
    setWords(text);
    clearTimeout(timer.current);
    timer.current = window.setTimeout(() => go(text), PAUSE_MS);
  };
  return (
    <form
      class="search-line"
      role="search"
      onSubmit={(event) => {
        event.preventDefault();
        go(words);
        document.querySelector<HTMLElement>(".grid .row-link")?.focus();
      }}
    >
      <label class="hush" for={SEARCH_ID}>
        {label}
      </label>
      <Icon name="search" size={18} />
      <input
        id={SEARCH_ID}
        class="input"
        type="search"
        autocomplete="off"
        spellcheck={false}
        maxLength={200}
        placeholder={placeholder}
        value={words}
        onInput={(event) => type(event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key !== "ArrowDown") return;
          const first = document.querySelector<HTMLElement>(".grid .row-link");
          if (first) (event.preventDefault(), first.focus());
        }}
      />
      <kbd aria-hidden="true">/</kbd>
    </form>
  );
}

/** One of several states of a list, as a row of choices; none chosen means all. */
export function StatusPick({ label, name, options }: { label: string; name: string; options: ReadonlyArray<{ value: string; label: string }> }) {
  const chosen = place.value.query.getAll(name);
  const choices = [{ value: "", label: o.list.all }, ...options];
  return (
    <fieldset class="pick">
      <legend class="hush">{label}</legend>
      {choices.map((choice) => {
        const on = choice.value ? chosen.includes(choice.value) : !chosen.length;
        return (
          <label key={choice.value} class={`chip${on ? " chip-on" : ""}`}>
            <input class="hush" type="radio" name={name} checked={on} onChange={() => setQuery({ [name]: choice.value })} />
            {choice.label}
          </label>
        );
      })}
    </fieldset>
  );
}

/** Where a list shows nothing: because nothing matches, or because there is nothing at all. */
export function NothingHere({ filtered, none, empty, noneText, emptyText }: { filtered: boolean; none: string; empty: string; noneText: string; emptyText: string }) {
  return (
    <Empty title={filtered ? none : empty} text={filtered ? noneText : emptyText}>
      {filtered && <Button onClick={() => navigate(place.value.path, { replace: true })}>{o.list.clear}</Button>}
    </Empty>
  );
}

export function Tag({ tone, children }: { tone?: "good" | "bad" | "gold" | undefined; children: ComponentChildren }) {
  return <span class={`tag${tone ? ` tag-${tone}` : ""}`}>{children}</span>;
}
