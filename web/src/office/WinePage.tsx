/** One wine: its texts in a form that forgets nothing, beside it picture and stock. */
import { useEffect, useRef, useState } from "preact/hooks";
import { asProblem, type ApiProblem } from "../api/client.ts";
import { Bottle } from "../bottle/Bottle.tsx";
import { Bones, Button, Empty, focusFirstError, ProblemNote, problemTitle } from "../components/parts.tsx";
import { Icon } from "../components/Icon.tsx";
import { o } from "../i18n/office.ts";
import { useTitle } from "../lib/head.ts";
import type { Errors } from "../lib/form.ts";
import { dropResources } from "../lib/resource.ts";
import { navigate, place } from "../lib/router.tsx";
import { toast } from "../lib/signals.ts";
import { winePath } from "../lib/wines.ts";
import { ask } from "./ask.tsx";
import { bodyOf, checkDraft, differences, draftErrors, draftLike, draftOf, emptyDraft, keepDraft, keptDraft, sketchOf, type Draft } from "./draft.ts";
import { Tag } from "./Grid.tsx";
import { dropLists, patchLists } from "./lists.ts";
import { office } from "./office.ts";
import type { OfficePage } from "./Office.tsx";
import { Picture } from "./Picture.tsx";
import { StockForm, wineLabel } from "./Stock.tsx";
import { ago, exactly } from "./time.ts";
import type { AdminWine } from "./types.ts";
import { knownWords, WineForm } from "./WineForm.tsx";

/** What has changed of the wine that is shown. */
type OnWine = (change: Partial<AdminWine>) => void;

/** Tells every kept list and page that this wine is now another. */
function spread(wine: AdminWine): void {
  patchLists("/wines", wine);
  dropResources(`wine:${wine.id}`);
  dropResources("wines:");
}

async function undo(before: AdminWine): Promise<AdminWine> {
  const now = await office.get<AdminWine>(`/wines/${before.id}`);
  const wine = await office.put<AdminWine>(`/wines/${before.id}`, bodyOf(draftOf(before), false), now.version);
  spread(wine);
  return wine;
}

function BackLink() {
  return (
    <a class="back" href="/office/wines">
      <Icon name="left" size={16} />
      {o.wine.back}
    </a>
  );
}

interface SaveBarProps {
  adding: boolean;
  changed: number;
  wrong: number;
  busy: boolean;
  onDiscard: () => void;
}

function SaveBar({ adding, changed, wrong, busy, onDiscard }: SaveBarProps) {
  if (!adding && !changed) return null;
  return (
    <div class="save-bar">
      <p class={wrong ? "wrong" : "small quiet"} role="status">
        {wrong ? o.wine.fix(wrong) : adding ? o.wine.unsaved : o.wine.changed(changed)}
      </p>
      <div class="row">
        {changed > 0 && <Button onClick={onDiscard}>{o.wine.discard}</Button>}
        <Button kind="main" type="submit" busy={busy} title="Ctrl+S">
          {adding ? o.wine.create : o.wine.save}
        </Button>
      </div>
    </div>
  );
}

function Conflict({ onTheirs, onMine }: { onTheirs: () => void; onMine: () => void }) {
  return (
    <div class="note note-bad" role="alert">
      <strong>{o.wine.conflict}</strong>
      <p>{o.wine.conflictText}</p>
      <div class="row">
        <Button onClick={onTheirs}>{o.wine.takeTheirs}</Button>
        <Button onClick={onMine}>{o.wine.keepMine}</Button>
      </div>
    </div>
  );
}

interface EditorProps {
  /** Null for one that is being added. */
  wine: AdminWine | null;
  /** Under which name its draft is kept. */
  slot: string;
  start: Draft;
  onWine: OnWine;
}

/** The draft, its errors, and saving it; a conflict keeps the draft and asks. */
function useEditor({ wine, slot, start, onWine }: EditorProps) {
  const form = useRef<HTMLFormElement>(null);
  const [errors, setErrors] = useState<Errors>({});
  const [problem, setProblem] = useState<ApiProblem>();
  const [busy, setBusy] = useState(false);
  const draft = keptDraft(slot) ?? start;
  const changed = differences(draft, start);

  const change = (next: Draft) => {
    keepDraft(slot, differences(next, start) ? next : null);
    if (Object.keys(errors).length) {
      const still = checkDraft(next);
      setErrors(Object.fromEntries(Object.entries(errors).filter(([name]) => still[name])));
    }
  };
  const refuse = (found: Errors) => {
    setErrors(found);
    focusFirstError(form.current);
  };
  const settle = (after: AdminWine) => {
    keepDraft(slot, null);
    spread(after);
    setErrors({});
    setProblem(undefined);
    if (!wine) {
      dropLists("/wines");
      toast(o.wine.added(wineLabel(after)));
      navigate(`/office/wines/${after.id}`, { replace: true });
      return;
    }
    onWine(after);
    toast(o.wine.saved(wineLabel(after)), {
      label: o.undo,
      run: () => void undo(wine).then((now) => (onWine(now), toast(o.undone)), () => toast(o.cannotUndo)),
    });
  };
  const save = (version: number) => {
    const found = checkDraft(draft);
    setProblem(undefined);
    if (Object.keys(found).length || busy) return refuse(found);
    setErrors({});
    setBusy(true);
    const body = bodyOf(draft, !wine);
    (wine ? office.put<AdminWine>(`/wines/${wine.id}`, body, version) : office.post<AdminWine>("/wines", body))
      .then(settle, (error: unknown) => {
        const refused = asProblem(error);
        setProblem(refused);
        refuse(draftErrors(refused.code === "sku_taken" && !refused.errors.length ? [{ field: "sku", message: refused.detail }] : refused.errors));
      })
      .finally(() => setBusy(false));
  };
  const reload = async (keepMine: boolean) => {
    if (!wine) return;
    const now = await office.get<AdminWine>(`/wines/${wine.id}`);
    setProblem(undefined);
    if (keepMine) return save(now.version);
    keepDraft(slot, null);
    spread(now);
    onWine(now);
  };
  const discard = () => {
    keepDraft(slot, null);
    setErrors({});
    setProblem(undefined);
  };
  return { form, draft, changed, errors, problem, busy, change, save: () => save(wine?.version ?? 0), reload, discard };
}

function Editor(props: EditorProps) {
  const { wine, onWine } = props;
  const { form, draft, changed, errors, problem, busy, change, save, reload, discard } = useEditor(props);
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.key.toLowerCase() !== "s" || !(event.ctrlKey || event.metaKey)) return;
      event.preventDefault();
      form.current?.requestSubmit();
    };
    document.addEventListener("keydown", onKey);
    return () => document.removeEventListener("keydown", onKey);
  }, []);
  const conflict = problem?.code === "version_conflict";
  const sketch = sketchOf(draft);
  return (
    <div class="wine-edit">
      <form
        ref={form}
        class="stack"
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          if (!wine || changed) save();
        }}
      >
        {conflict && <Conflict onTheirs={() => void reload(false)} onMine={() => void reload(true)} />}
        {problem && !conflict && !Object.keys(errors).length && (
          <p class="wrong" role="alert">
            {problem.detail && problem.status < 500 ? problem.detail : problemTitle(problem)}
          </p>
        )}
        <WineForm draft={draft} errors={errors} adding={!wine} onChange={change} />
        <SaveBar adding={!wine} changed={changed} wrong={Object.keys(errors).length} busy={busy} onDiscard={discard} />
      </form>
      <aside class="wine-side">
        {wine ? (
          <>
            <Picture wine={wine} sketch={sketch} onWine={onWine} />
            {wine.status === "for_sale" && (
              <section class="card panel stock-panel" aria-labelledby="stock-head">
                <h2 id="stock-head">{o.stock.title}</h2>
                <StockForm wine={wine} onStock={(stock) => onWine({ available: stock.available, on_hand: stock.on_hand, reserved: stock.reserved })} />
              </section>
            )}
          </>
        ) : (
          <div class="card panel">
            <div class="plinth">
              <Bottle wine={sketch} class="bottle" />
            </div>
            <p class="hint">{o.picture.drawn}</p>
          </div>
        )}
      </aside>
    </div>
  );
}

function Head({ wine, onWine }: { wine: AdminWine; onWine: OnWine }) {
  const withdraw = () =>
    ask({
      title: o.wine.withdrawSure(wineLabel(wine)),
      text: o.wine.withdrawText,
      action: o.wine.withdraw,
      bad: true,
      run: async () => {
        const { version } = await office.get<AdminWine>(`/wines/${wine.id}`);
        await office.delete(`/wines/${wine.id}`, version);
        keepDraft(wine.id, null);
        spread({ ...wine, status: "withdrawn" });
        onWine({ status: "withdrawn", version: version + 1 });
        toast(o.wine.withdrawn(wineLabel(wine)));
      },
    });
  const gone = wine.status === "withdrawn";
  return (
    <>
      <div class="page-head">
        <div>
          <BackLink />
          <h1>
            {wine.name} <span class="vintage">{wine.vintage_label}</span> {gone && <Tag>{o.wines.status.withdrawn}</Tag>}
          </h1>
          <p class="small quiet" title={exactly(wine.updated_at)}>
            {wine.winery} · {o.wine.meta(wine.version, ago(wine.updated_at))}
          </p>
        </div>
        <div class="row page-actions">
          {!gone && (
            <a class="btn btn-line" href={winePath(wine)} target="_blank" rel="noopener">
              {o.wine.inShop}
            </a>
          )}
          <a class="btn btn-line" href={`/office/wines/new?from=${wine.id}`}>
            {gone ? o.wine.addAnew : o.wine.another}
          </a>
          {!gone && (
            <Button kind="bad" onClick={withdraw}>
              {o.wine.withdraw}
            </Button>
          )}
        </div>
      </div>
      {gone && (
        <div class="note">
          <strong>{o.wine.isWithdrawn}</strong>
          <p>{o.wine.isWithdrawnText}</p>
        </div>
      )}
    </>
  );
}

function Existing({ id }: { id: string }) {
  const [wine, setWine] = useState<AdminWine>();
  const [problem, setProblem] = useState<ApiProblem>();
  const load = () => {
    setProblem(undefined);
    office.get<AdminWine>(`/wines/${id}`).then(setWine, (error: unknown) => setProblem(asProblem(error)));
  };
  useEffect(load, [id]);
  const change: OnWine = (part) => setWine((now) => now && { ...now, ...part });
  useTitle(wine && o.title(wineLabel(wine)));
  if (problem?.status === 404) {
    return (
      <Empty title={o.wine.gone} text={o.wine.goneText}>
        <a class="btn btn-line" href="/office/wines">
          {o.wine.back}
        </a>
      </Empty>
    );
  }
  if (problem) return <ProblemNote problem={problem} retry={load} />;
  if (!wine) return <Bones lines={8} />;
  return (
    <>
      <Head wine={wine} onWine={change} />
      <Editor key={id} wine={wine} slot={id} start={draftOf(wine)} onWine={change} />
    </>
  );
}

function New({ from }: { from: string }) {
  const [start, setStart] = useState<Draft>();
  const [like, setLike] = useState<AdminWine>();
  useTitle(o.title(o.wine.new));
  useEffect(() => {
    const fresh = () => void knownWords().then((words) => setStart(emptyDraft(words.currency)));
    if (!from) return fresh();
    office.get<AdminWine>(`/wines/${from}`).then((wine) => {
      setLike(wine);
      setStart(draftLike(wine));
    }, fresh);
  }, [from]);
  return (
    <>
      <div class="page-head">
        <div>
          <BackLink />
          <h1>{like ? o.wine.copyOf(like.name) : o.wine.new}</h1>
        </div>
      </div>
      {start ? <Editor key={from} wine={null} slot={`new:${from}`} start={start} onWine={() => undefined} /> : <Bones lines={8} />}
    </>
  );
}

export function WinePage({ params }: OfficePage) {
  const id = params.id ?? "";
  return id === "new" ? <New from={place.value.query.get("from") ?? ""} /> : <Existing key={id} id={id} />;
}
