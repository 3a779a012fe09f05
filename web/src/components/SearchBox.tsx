/** The search field that answers while typing: a combobox whose options lead to wines or searches. */
import { useEffect, useId, useRef, useState } from "preact/hooks";
import { api, isAbort } from "../api/client.ts";
import type { Suggestion } from "../api/types.ts";
import { t } from "../i18n/index.ts";
import { navigate, place } from "../lib/router.tsx";
import { say } from "../lib/signals.ts";
import { Icon } from "./Icon.tsx";

const PAUSE_MS = 90;

function target(one: Suggestion): string {
  const value = encodeURIComponent(one.text);
  switch (one.kind) {
    case "wine":
      return one.wine_id ? `/wines/${one.wine_id}` : `/wines?q=${value}`;
    case "winery":
    case "region":
    case "grape":
      return `/wines?${one.kind}=${value}`;
    default:
      return `/wines?q=${value}`;
  }
}

/** The typed letters in the suggestion, so that the eye finds what is new. */
function Marked({ text, typed }: { text: string; typed: string }) {
  const plain = (value: string) =>
    value
      .normalize("NFD")
      .replace(/[\u0300-\u036f]/g, "")
      .toLowerCase();
  // Folding may change the length; the mark is only drawn where it surely fits.
  const at = plain(text).length === text.length ? plain(text).indexOf(plain(typed)) : -1;
  if (at < 0 || !typed) return <>{text}</>;
  return (
    <>
      {text.slice(0, at)}
      <b>{text.slice(at, at + typed.length)}</b>
      {text.slice(at + typed.length)}
    </>
  );
}

export function SearchBox({ big, id }: { big?: boolean; id: string }) {
  const current = place.value;
  const [text, setText] = useState(current.path === "/wines" ? (current.query.get("q") ?? "") : "");
  const [items, setItems] = useState<Suggestion[]>([]);
  const [open, setOpen] = useState(false);
  const [active, setActive] = useState(-1);
  const listId = useId();
  const box = useRef<HTMLFormElement>(null);
  const input = useRef<HTMLInputElement>(null);
  const typed = useRef(false);

  useEffect(() => {
    setText(current.path === "/wines" ? (current.query.get("q") ?? "") : "");
    setOpen(false);
    typed.current = false;
  }, [current.key]);

  useEffect(() => {
    const query = text.trim();
    if (!typed.current) return;
    if (!query) {
      setItems([]);
      setOpen(false);
      return;
    }
    const stop = new AbortController();
    const timer = setTimeout(() => {
      api.get<{ items: Suggestion[] }>("/wines/suggest", { query: { q: query }, signal: stop.signal }).then(
        (answer) => {
          setItems(answer.items);
          setActive(-1);
          setOpen(answer.items.length > 0 && document.activeElement === input.current);
          say(t.find.found(answer.items.length));
        },
        (error: unknown) => {
          if (!isAbort(error)) setOpen(false);
        },
      );
    }, PAUSE_MS);
    return () => {
      clearTimeout(timer);
      stop.abort();
    };
  }, [text]);

  const go = (to: string) => {
    setOpen(false);
    input.current?.blur();
    navigate(to);
  };
  const submit = () => {
    const one = open ? items[active] : undefined;
    if (one) return go(target(one));
    const query = text.trim();
    go(query ? `/wines?q=${encodeURIComponent(query)}` : "/wines");
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === "Escape") {
      if (open) event.preventDefault();
      setOpen(false);
      setActive(-1);
    } else if ((event.key === "ArrowDown" || event.key === "ArrowUp") && items.length) {
      event.preventDefault();
      setOpen(true);
      const step = event.key === "ArrowDown" ? 1 : -1;
      // -1 is the field itself: the arrows go round through it.
      const places = items.length + 1;
      setActive(((active + 1 + step + places) % places) - 1);
    }
  };

  return (
    <form
      ref={box}
      class={`find${big ? " find-big" : ""}`}
      role="search"
      action="/wines"
      onSubmit={(event) => {
        event.preventDefault();
        submit();
      }}
      onFocusOut={(event) => {
        if (!box.current?.contains(event.relatedTarget as Node | null)) setOpen(false);
      }}
    >
      <label class="hush" for={id}>
        {t.find.label}
      </label>
      <Icon name="search" size={20} />
      <input
        ref={input}
        id={id}
        name="q"
        type="text"
        inputmode="search"
        class="input"
        role="combobox"
        aria-expanded={open}
        aria-controls={listId}
        aria-autocomplete="list"
        aria-activedescendant={open && active >= 0 ? `${listId}-${active}` : undefined}
        autocomplete="off"
        autocapitalize="off"
        spellcheck={false}
        enterkeyhint="search"
        maxLength={200}
        placeholder={t.find.placeholder}
        value={text}
        onInput={(event) => {
          typed.current = true;
          setText(event.currentTarget.value);
        }}
        onFocus={() => typed.current && items.length && setOpen(true)}
        onKeyDown={onKeyDown}
      />
      {big && (
        <button type="submit" class="btn btn-main">
          {t.find.button}
        </button>
      )}
      <ul id={listId} role="listbox" aria-label={t.find.label} class="find-list" hidden={!open}>
        {items.map((one, i) => (
          <li
            key={`${one.kind} ${one.wine_id ?? one.text}`}
            id={`${listId}-${i}`}
            role="option"
            aria-selected={i === active}
            class={i === active ? "on" : ""}
            onPointerDown={(event) => event.preventDefault()}
            onClick={() => go(target(one))}
          >
            <span>
              <Marked text={one.text} typed={text.trim()} />
              {one.detail && <span class="quiet small"> {one.detail}</span>}
            </span>
            <span class="quiet tiny">{t.find.kinds[one.kind]}</span>
          </li>
        ))}
      </ul>
    </form>
  );
}
