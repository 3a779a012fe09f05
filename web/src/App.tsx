import { useSignalEffect } from "@preact/signals";
import type { ComponentType } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { asProblem, type ApiProblem } from "./api/client.ts";
import { Bones, ProblemNote } from "./components/parts.tsx";
import { Shell } from "./components/Shell.tsx";
import { match, place } from "./lib/router.tsx";
import { Home } from "./pages/Home.tsx";
import { List } from "./pages/List.tsx";
import { NotFound } from "./pages/NotFound.tsx";
import { Wine } from "./pages/Wine.tsx";

export interface PageProps {
  params: Record<string, string>;
}
type Page = ComponentType<PageProps>;
type Late = () => Promise<{ page: Page }>;

const account: Late = () => import("./pages/Account.tsx");
const signIn: Late = () => import("./pages/SignIn.tsx");
const token: Late = () => import("./pages/Token.tsx");

/* Home, list and wine come with the first script; what only some visitors need comes when they do. */
const ROUTES: Array<{ pattern: string; page?: Page; late?: Late }> = [
  { pattern: "/", page: Home },
  { pattern: "/wines", page: List },
  { pattern: "/wines/:id", page: Wine },
  { pattern: "/wines/:id/:slug", page: Wine },
  { pattern: "/cart", late: () => import("./pages/CartPage.tsx") },
  { pattern: "/checkout", late: () => import("./pages/Checkout.tsx") },
  { pattern: "/orders/:id", late: () => import("./pages/Order.tsx") },
  { pattern: "/account", late: account },
  { pattern: "/account/:part", late: account },
  { pattern: "/sign-in", late: signIn },
  { pattern: "/register", late: signIn },
  { pattern: "/verify-email", late: token },
  { pattern: "/reset-password", late: token },
  { pattern: "/unsubscribe", late: token },
  { pattern: "/about/shipping", late: () => import("./pages/Shipping.tsx") },
];

const loaded = new Map<Late, { page: Page }>();

function LatePage({ load, params }: { load: Late; params: Record<string, string> }) {
  const [page, setPage] = useState(loaded.get(load));
  const [problem, setProblem] = useState<ApiProblem>();
  const [round, setRound] = useState(0);
  useEffect(() => {
    let current = true;
    setProblem(undefined);
    load().then(
      (module) => {
        loaded.set(load, module);
        if (current) setPage(module);
      },
      (error: unknown) => current && setProblem(asProblem(error)),
    );
    return () => {
      current = false;
    };
  }, [load, round]);
  if (problem) return <ProblemNote problem={problem} retry={() => setRound(round + 1)} />;
  if (!page) return <Bones lines={6} />;
  return <page.page params={params} />;
}

function currentPage(path: string) {
  for (const [i, route] of ROUTES.entries()) {
    const params = match(route.pattern, path);
    if (!params) continue;
    if (route.page) return <route.page key={params.id ?? i} params={params} />;
    // Routes of the same module are one page: its tabs change without a new beginning.
    const first = ROUTES.findIndex((one) => one.late === route.late);
    if (route.late) return <LatePage key={first} load={route.late} params={params} />;
  }
  return <NotFound />;
}

export function App() {
  const main = useRef<HTMLElement>(null);
  const first = useRef(true);
  // A new page is a new context: the focus moves to it, as it would with a page from the server.
  useSignalEffect(() => {
    const { path, by } = place.value;
    if (first.current || by === "replace") {
      first.current = false;
      return;
    }
    void path;
    requestAnimationFrame(() => main.current?.focus({ preventScroll: true }));
  });
  return (
    <Shell>
      <main id="main" ref={main} tabIndex={-1} class="wrap">
        {currentPage(place.value.path)}
      </main>
    </Shell>
  );
}
