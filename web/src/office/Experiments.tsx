/** Two models compete: start, watch, stop, and what came of those before. */
import { useEffect, useRef, useState } from "preact/hooks";
import { asProblem, type ApiProblem } from "../api/client.ts";
import { Bones, Button, Field, focusFirstError, ProblemNote } from "../components/parts.tsx";
import { o } from "../i18n/office.ts";
import { count, date, decimal } from "../lib/format.ts";
import { useResource } from "../lib/resource.ts";
import { toast } from "../lib/signals.ts";
import { ask } from "./ask.tsx";
import { Tag } from "./Grid.tsx";
import { office, repeat } from "./office.ts";
import { ago, exactly } from "./time.ts";
import type { Experiment, ExperimentResult, Model } from "./types.ts";

const LOOK_MS = 10_000;
const NAME_MAX = 100;
const SURE = 0.05;

const percent = (share: number): string => `${decimal(share * 100, 0)} %`;

/** B's share of the sessions on a line from all A's to all B's, with its interval. */
function Duel({ result }: { result: ExperimentResult }) {
  const { leader, share, interval } = result;
  if (share === null || interval === null) return null;
  const flip = leader === "a";
  const of = (value: number) => (flip ? 1 - value : value);
  const [low, high] = flip ? [of(interval.high), of(interval.low)] : [interval.low, interval.high];
  return (
    <div class="duel" role="img" aria-label={o.recommend.scale(percent(of(share)), percent(low), percent(high))}>
      <div class="duel-line">
        <span class="duel-half" />
        <span class="duel-band" style={{ left: `${low * 100}%`, width: `${(high - low) * 100}%` }} />
        <span class="duel-share" style={{ left: `${of(share) * 100}%` }} />
      </div>
      <div class="duel-ends">
        <span>A</span>
        <span>{o.recommend.equal}</span>
        <span>B</span>
      </div>
    </div>
  );
}

function Arms({ result, name }: { result: ExperimentResult; name: string }) {
  const { armHead } = o.recommend;
  return (
    <table class="grid">
      <caption class="hush">{o.recommend.showResult(name)}</caption>
      <thead>
        <tr>
          <th scope="col">{armHead.arm}</th>
          <th scope="col" class="figure from-desk">
            {armHead.shown}
          </th>
          <th scope="col" class="figure">
            {armHead.clicked}
          </th>
          <th scope="col" class="figure">
            {armHead.rate}
          </th>
          <th scope="col" class="figure">
            {armHead.won}
          </th>
        </tr>
      </thead>
      <tbody>
        {result.arms.map((arm) => (
          <tr key={arm.arm}>
            <th scope="row">{o.recommend.arm(arm.arm.toUpperCase(), arm.version)}</th>
            <td class="figure from-desk">{count(arm.impressions)}</td>
            <td class="figure">{count(arm.clicks)}</td>
            <td class="figure">{arm.click_rate === null ? "–" : `${decimal(arm.click_rate * 100, 1)} %`}</td>
            <td class="figure">{count(arm.sessions_won)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** Asked for by itself: counting takes the warehouse a moment. */
function Result({ id, name, live }: { id: string; name: string; live: boolean }) {
  const { data, problem, reload } = useResource<Experiment>(`experiment:${id}`, (signal) => office.get<Experiment>(`/recommendations/experiments/${id}`, { signal }));
  useEffect(() => (live ? repeat(LOOK_MS, reload, /* atOnce= */ false) : undefined), [live]);
  if (problem && !data) return <ProblemNote problem={problem} retry={reload} />;
  const result = data?.result;
  if (!result) return <Bones lines={3} />;
  const sure = result.leader !== null && result.p_value !== null && result.p_value < SURE;
  return (
    <div class="stack-s">
      <p>
        <Tag tone={sure ? "good" : undefined}>{sure && result.leader ? o.recommend.sure(result.leader.toUpperCase()) : o.recommend.unsure}</Tag>{" "}
        <span class="num">{result.text.replaceAll(" %", "\u00a0%")}.</span>
      </p>
      <Duel result={result} />
      <Arms result={result} name={name} />
      <p class="hint num">{o.recommend.sessions(result.sessions, result.decided)}</p>
    </div>
  );
}

function askStop(one: Experiment, done: () => void): void {
  ask({
    title: o.recommend.stopSure(one.name),
    text: o.recommend.stopText,
    action: o.recommend.stop,
    bad: true,
    run: async () => {
      await office.post(`/recommendations/experiments/${one.id}/stop`);
      toast(o.recommend.stopped(one.name));
      done();
    },
  });
}

function Running({ one, onChange }: { one: Experiment; onChange: () => void }) {
  return (
    <section class="card panel" aria-labelledby="running-head">
      <div class="spread">
        <div>
          <h2 id="running-head" class="break">
            {one.name}
          </h2>
          <p class="hint">
            <Tag tone="gold">{o.recommend.running}</Tag>{" "}
            <time dateTime={one.started_at} title={exactly(one.started_at)}>
              {o.recommend.since(ago(one.started_at))}
            </time>
          </p>
        </div>
        <Button kind="bad" onClick={() => askStop(one, onChange)}>
          {o.recommend.stop}
        </Button>
      </div>
      <Result id={one.id} name={one.name} live />
      <p class="hint">{o.recommend.patience}</p>
    </section>
  );
}

interface Draft {
  name: string;
  a: string;
  b: string;
}

function checkDraft({ name, a, b }: Draft): Partial<Draft> {
  const errors: Partial<Draft> = {};
  if (!name.trim()) errors.name = o.recommend.nameNeeded;
  if (a === b) errors.b = o.recommend.pickTwo;
  return errors;
}

/** The server's errors beside the inputs they are of. */
function errorsOf(problem: ApiProblem): Partial<Draft> {
  const fields: Record<string, keyof Draft> = { name: "name", version_a: "a", version_b: "b" };
  const errors: Partial<Draft> = {};
  for (const { field, message } of problem.errors ?? []) {
    const key = fields[field];
    if (key) errors[key] = message;
  }
  return errors;
}

function StartForm({ models, onChange }: { models: readonly Model[]; onChange: () => void }) {
  const current = models.find((one) => one.current) ?? models[0];
  const other = models.find((one) => one.version !== current?.version);
  const [draft, setDraft] = useState<Draft>({ name: "", a: String(current?.version ?? ""), b: String(other?.version ?? "") });
  const [errors, setErrors] = useState<Partial<Draft>>({});
  const [problem, setProblem] = useState<ApiProblem>();
  const [busy, setBusy] = useState(false);
  const form = useRef<HTMLFormElement>(null);
  const options = models.map((one) => ({
    value: String(one.version),
    label: `${o.recommend.version(one.version)}${one.current ? `, ${o.recommend.current}` : ""}`,
  }));
  const refuse = (wrong: Partial<Draft>) => {
    setErrors(wrong);
    if (Object.keys(wrong).length) focusFirstError(form.current);
  };
  const submit = (event: Event) => {
    event.preventDefault();
    if (busy) return;
    const wrong = checkDraft(draft);
    refuse(wrong);
    setProblem(undefined);
    if (Object.keys(wrong).length) return;
    setBusy(true);
    const name = draft.name.trim();
    office.post<Experiment>("/recommendations/experiments", { name, version_a: Number(draft.a), version_b: Number(draft.b) }).then(
      () => {
        toast(o.recommend.started(name));
        onChange();
      },
      (error: unknown) => {
        const found = asProblem(error);
        setBusy(false);
        refuse(errorsOf(found));
        setProblem(found);
        if (found.status === 409) onChange();
      },
    );
  };
  const field = (name: keyof Draft) => ({
    value: draft[name],
    error: errors[name],
    onInput: (event: Event) => setDraft({ ...draft, [name]: (event.currentTarget as HTMLInputElement).value }),
  });
  return (
    <form class="stack" ref={form} onSubmit={submit} noValidate>
      <div class="fields fields-duel">
        <Field label={o.recommend.name} placeholder={o.recommend.namePlaceholder} maxLength={NAME_MAX} {...field("name")} />
        <Field label={o.recommend.a} options={options} {...field("a")} />
        <Field label={o.recommend.b} options={options} {...field("b")} />
      </div>
      {problem && !Object.keys(errors).length && <ProblemNote problem={problem} />}
      <p class="hint">{o.recommend.patience}</p>
      <div>
        <Button kind="main" type="submit" busy={busy}>
          {o.recommend.startDo}
        </Button>
      </div>
    </form>
  );
}

function Past({ one }: { one: Experiment }) {
  const [open, setOpen] = useState(false);
  return (
    <li>
      <details onToggle={(event) => setOpen(event.currentTarget.open)}>
        <summary>
          <strong>{one.name}</strong>
          <span class="small quiet num">
            A: {one.version_a}, B: {one.version_b} · {o.recommend.fromTo(date(one.started_at), date(one.ended_at ?? one.started_at))}
          </span>
        </summary>
        {open && <Result id={one.id} name={one.name} live={false} />}
      </details>
    </li>
  );
}

export function ExperimentsPart({ experiments, models, onChange }: { experiments: readonly Experiment[]; models: readonly Model[]; onChange: () => void }) {
  const running = experiments.find((one) => one.running);
  const past = experiments.filter((one) => !one.running);
  return (
    <>
      {running ? (
        <Running key={running.id} one={running} onChange={onChange} />
      ) : (
        <section class="card panel" aria-labelledby="start-head">
          <div>
            <h2 id="start-head">{o.recommend.start}</h2>
            <p class="hint">{o.recommend.experimentText}</p>
          </div>
          {models.length < 2 ? <p class="small quiet">{o.recommend.startNeeds}</p> : <StartForm models={models} onChange={onChange} />}
        </section>
      )}
      <section class="card panel" aria-labelledby="past-head">
        <h2 id="past-head">{o.recommend.history}</h2>
        {past.length ? (
          <ul class="past">
            {past.map((one) => (
              <Past key={one.id} one={one} />
            ))}
          </ul>
        ) : (
          <p class="small quiet">{o.recommend.noHistory}</p>
        )}
      </section>
    </>
  );
}
