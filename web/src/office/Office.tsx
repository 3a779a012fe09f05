/** The office's frame: who may come in, the ways around, and what every page shares. */
import { useSignalEffect } from "@preact/signals";
import type { ComponentChildren, ComponentType } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { asProblem, type ApiProblem } from "../api/client.ts";
import { IconButton, Bones, Button, ProblemNote } from "../components/parts.tsx";
import { Announcer, Logo, ThemePick } from "../components/Shell.tsx";
import { t } from "../i18n/index.ts";
import { o } from "../i18n/office.ts";
import { useTitle } from "../lib/head.ts";
import { dropResources } from "../lib/resource.ts";
import { match, place } from "../lib/router.tsx";
import { loadSession, signOut, user } from "../lib/session.ts";
import { NotFound } from "../pages/NotFound.tsx";
import { AskBox } from "./ask.tsx";
import { Customers } from "./Customers.tsx";
import { KeysBox } from "./KeysBox.tsx";
import { keysShown } from "./keys.ts";
import { dropLists } from "./lists.ts";
import { Messages } from "./Messages.tsx";
import { hintOffice, maybeOffice, repeat } from "./office.ts";
import { OfficeIcon, type OfficeIconName } from "./OfficeIcon.tsx";
import { OrderPage } from "./OrderPage.tsx";
import { Orders } from "./Orders.tsx";
import { Overview } from "./Overview.tsx";
import { Queues } from "./Queues.tsx";
import { Recommendations } from "./Recommendations.tsx";
import { NotYours, SignIn } from "./SignIn.tsx";
import { StockBox } from "./Stock.tsx";
import { lookWhatWaits, waiting } from "./waiting.ts";
import { WinePage } from "./WinePage.tsx";
import { Wines } from "./Wines.tsx";

export interface OfficePage {
  params: Record<string, string>;
}

const PAGES: Array<{ pattern: string; page: ComponentType<OfficePage> }> = [
  { pattern: "/office", page: Overview },
  { pattern: "/office/wines", page: Wines },
  { pattern: "/office/wines/:id", page: WinePage },
  { pattern: "/office/orders", page: Orders },
  { pattern: "/office/orders/:id", page: OrderPage },
  { pattern: "/office/customers", page: Customers },
  { pattern: "/office/messages", page: Messages },
  { pattern: "/office/recommendations", page: Recommendations },
  { pattern: "/office/queues", page: Queues },
  { pattern: "/office/queues/:name", page: Queues },
];

const WAYS: ReadonlyArray<{ path: string; name: OfficeIconName }> = [
  { path: "/office", name: "overview" },
  { path: "/office/wines", name: "wines" },
  { path: "/office/orders", name: "orders" },
  { path: "/office/customers", name: "customers" },
  { path: "/office/messages", name: "messages" },
  { path: "/office/recommendations", name: "recommendations" },
  { path: "/office/queues", name: "queues" },
];

function Badge({ name }: { name: OfficeIconName }) {
  const { toShip, dead } = waiting.value;
  const [n, said] = name === "orders" ? [toShip, o.nav.toShip(toShip)] : name === "queues" ? [dead, o.nav.stuck(dead)] : [0, ""];
  if (!n) return null;
  return (
    <span class={`way-count${name === "queues" ? " way-count-bad" : ""}`}>
      <span aria-hidden="true">{n > 999 ? "999+" : n}</span>
      <span class="hush">{said}</span>
    </span>
  );
}

function Ways() {
  const path = place.value.path.replace(/\/+$/, "");
  return (
    <nav class="ways" aria-label={o.nav.label}>
      <ul>
        {WAYS.map((way) => {
          const here = way.path === "/office" ? path === way.path : path === way.path || path.startsWith(`${way.path}/`);
          return (
            <li key={way.path}>
              <a href={way.path} class="nav-way" aria-current={here ? "page" : undefined}>
                <OfficeIcon name={way.name} />
                <span>{o.nav[way.name as "overview"]}</span>
                <Badge name={way.name} />
              </a>
            </li>
          );
        })}
      </ul>
    </nav>
  );
}

function Tools() {
  return (
    <div class="office-tools">
      <a class="btn btn-plain" href="/">
        <OfficeIcon name="shop" size={20} />
        <span>{o.nav.shop}</span>
      </a>
      <span class="keys-button">
        <Button kind="plain" onClick={() => (keysShown.value = true)}>
          <OfficeIcon name="keyboard" size={20} />
          <span>{o.keys.open}</span>
        </Button>
      </span>
      <ThemePick />
      <p class="office-who small">
        <span class="one-line" title={user.value?.email}>
          {user.value?.name || user.value?.email}
        </span>
        <IconButton icon="out" label={t.auth.out} onClick={() => void signOut()} />
      </p>
    </div>
  );
}

function currentPage(): ComponentChildren {
  const { path } = place.value;
  for (const { pattern, page: Page } of PAGES) {
    const params = match(pattern, path);
    if (params) return <Page key={pattern + (params.id ?? "")} params={params} />;
  }
  return <NotFound />;
}

function Frame() {
  const main = useRef<HTMLElement>(null);
  const first = useRef(true);
  const [open, setOpen] = useState(false);
  useEffect(() => repeat(30_000, lookWhatWaits), []);
  useSignalEffect(() => {
    const { by } = place.value;
    setOpen(false);
    if (first.current || by === "replace") {
      first.current = false;
      return;
    }
    requestAnimationFrame(() => main.current?.focus({ preventScroll: true }));
  });
  return (
    <div class="office">
      <a class="btn btn-line skip" href="#main">
        {t.nav.skip}
      </a>
      <header class="office-side">
        <div class="office-brand">
          <a class="brand" href="/office">
            <Logo />
            <span>{o.name}</span>
          </a>
          <span class="only-phone">
            <IconButton icon={open ? "close" : "person"} label={o.you} aria-expanded={open} aria-controls="office-more" onClick={() => setOpen(!open)} />
          </span>
        </div>
        <Ways />
        <div id="office-more" class={`office-more${open ? " office-more-open" : ""}`}>
          <Tools />
        </div>
      </header>
      <main id="main" class="office-main" ref={main} tabIndex={-1} aria-label={o.name}>
        {currentPage()}
      </main>
    </div>
  );
}

function Door({ children }: { children: ComponentChildren }) {
  useTitle(o.title(o.signIn.go));
  return (
    <main id="main" class="door">
      {children}
    </main>
  );
}

export function Office() {
  const [problem, setProblem] = useState<ApiProblem>();
  const look = () => {
    setProblem(undefined);
    loadSession().catch((error: unknown) => setProblem(asProblem(error)));
  };
  useEffect(look, []);
  const who = user.value;
  useEffect(() => {
    if (who !== undefined) hintOffice(who?.role === "admin");
    // Nothing of the shop's is left behind for whoever sits down next.
    if (who === null) {
      dropLists("/");
      dropResources("");
    }
  }, [who]);
  let inside: ComponentChildren;
  if (problem) inside = <Door>{<ProblemNote problem={problem} retry={look} />}</Door>;
  else if (who === undefined) inside = maybeOffice() ? <Frame /> : <Door>{<Bones lines={3} />}</Door>;
  else if (who === null) inside = <Door>{<SignIn />}</Door>;
  else if (who.role !== "admin") inside = <Door>{<NotYours name={who.name} />}</Door>;
  else inside = <Frame />;
  return (
    <>
      {inside}
      <AskBox />
      <StockBox />
      <KeysBox />
      <Announcer />
    </>
  );
}
