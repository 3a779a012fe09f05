import { useSignalEffect } from "@preact/signals";
import type { ComponentType } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { asProblem, type ApiProblem } from "./api/client.ts";
import { Bones, ProblemNote } from "./components/parts.tsx";
import { Shell } from "./components/Shell.tsx";
import { t } from "./i18n/index.ts";
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

/* Home, list and wine come with the first script; what only some visitors need comes when they do. */
const ROUTES: Array<{ pattern: string; page?: Page; late?: Late }> = [
  { pattern: "/", page: Home },
  { pattern: "/wines", page: List },
  { pattern: "/wines/:id", page: Wine },
  { pattern: "/wines/:id/:slug", page: Wine },
];

function LatePage({ load, params }: { load: Late; params: Record<string, string> }) {
  const [page, setPage] = useState<{ page: Page }>();
  const [problem, setProblem] = useState<ApiProblem>();
  const [round, setRound] = useState(0);
  useEffect(() => {
    let current = true;
    setProblem(undefined);
    load().then(
      (module) => current && setPage({ page: module.page }),
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
  for (const route of ROUTES) {
    const params = match(route.pattern, path);
    if (!params) continue;
    if (route.page) return <route.page key={route.pattern} params={params} />;
    if (route.late) return <LatePage key={route.pattern} load={route.late} params={params} />;
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
      <main id="main" ref={main} tabIndex={-1} class="wrap" aria-label={t.shopName}>
        {currentPage(place.value.path)}
      </main>
    </Shell>
  );
}
