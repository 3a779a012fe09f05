/** The models behind what shoppers are shown: which there are, which is in use, and which of two is better. */
import { useEffect, useRef } from "preact/hooks";
import { Bones, Button, Empty, ProblemNote } from "../components/parts.tsx";
import { o } from "../i18n/office.ts";
import { decimal, fixed } from "../lib/format.ts";
import { useTitle } from "../lib/head.ts";
import { useResource } from "../lib/resource.ts";
import { toast } from "../lib/signals.ts";
import { ask } from "./ask.tsx";
import { ExperimentsPart } from "./Experiments.tsx";
import { Tag } from "./Grid.tsx";
import { office, repeat } from "./office.ts";
import { ago, exactly } from "./time.ts";
import type { Experiment, Model, Models } from "./types.ts";

const LOOK_MS = 15_000;
const TRAINING_LOOK_MS = 1500;

interface Seen {
  models: Models;
  experiments: Experiment[];
}

async function look(signal: AbortSignal): Promise<Seen> {
  const [models, experiments] = await Promise.all([
    office.get<Models>("/recommendations/models", { signal }),
    office.get<{ items: Experiment[] }>("/recommendations/experiments", { signal }),
  ]);
  return { models, experiments: experiments.items };
}

function Measured({ value, popular }: { value: number | undefined; popular: number | undefined }) {
  if (value === undefined || popular === undefined) return <span class="quiet">–</span>;
  return (
    <>
      {fixed(value, 3)}
      <span class="value-beside">{o.recommend.popular(fixed(popular, 3))}</span>
    </>
  );
}

function askUse(model: Model, done: () => void): void {
  ask({
    title: o.recommend.useSure(model.version),
    text: o.recommend.useText,
    action: o.recommend.use,
    run: async () => {
      await office.post(`/recommendations/models/${model.version}/use`);
      toast(o.recommend.used(model.version));
      done();
    },
  });
}

function ModelRow({ model, competing, onChange }: { model: Model; competing: boolean; onChange: () => void }) {
  const { quality } = model;
  return (
    <tr class={model.current ? "model-now" : ""}>
      <th scope="row" class="grows">
        <span class="strong">{o.recommend.version(model.version)}</span>
        <span class="row-tags">
          {model.current && <Tag tone="good">{o.recommend.current}</Tag>}
          {competing && <Tag tone="gold">{o.recommend.competing}</Tag>}
        </span>
        <time class="row-meta" dateTime={model.trained_at} title={exactly(model.trained_at)}>
          {ago(model.trained_at)}
          <span class="from-desk">{o.recommend.took(decimal(model.seconds, 2))}</span>
        </time>
      </th>
      <td class="from-desk">
        {o.recommend.learnt(model.events, model.shoppers, model.wines)}
        {!quality && <span class="value-beside">{o.recommend.unmeasured}</span>}
      </td>
      <td class="figure">
        <Measured value={quality?.recall} popular={quality?.popular_recall} />
      </td>
      <td class="figure from-desk">
        <Measured value={quality?.ndcg} popular={quality?.popular_ndcg} />
      </td>
      <td class="figure">
        {!model.current && (
          <Button aria-label={o.recommend.useNamed(model.version)} onClick={() => askUse(model, onChange)}>
            {o.recommend.use}
          </Button>
        )}
      </td>
    </tr>
  );
}

function ModelTable({ models, running, onChange }: { models: readonly Model[]; running: Experiment | undefined; onChange: () => void }) {
  const { head } = o.recommend;
  const competes = (version: number) => running !== undefined && (running.version_a === version || running.version_b === version);
  return (
    <table class="grid">
      <caption class="hush">{o.recommend.models}</caption>
      <thead>
        <tr>
          <th scope="col">{head.version}</th>
          <th scope="col" class="from-desk">
            {head.learnt}
          </th>
          <th scope="col" class="figure">
            {head.recall}
          </th>
          <th scope="col" class="figure from-desk">
            {head.ndcg}
          </th>
          <th scope="col">
            <span class="hush">{head.action}</span>
          </th>
        </tr>
      </thead>
      <tbody>
        {models.map((model) => (
          <ModelRow key={model.version} model={model} competing={competes(model.version)} onChange={onChange} />
        ))}
      </tbody>
    </table>
  );
}

function ModelsPart({ models, running, onChange }: { models: Models; running: Experiment | undefined; onChange: () => void }) {
  const newest = useRef<number | undefined>(undefined);
  const { items, training, error } = models;
  const latest = items.reduce((most, one) => Math.max(most, one.version), 0);
  useEffect(() => {
    if (newest.current !== undefined && latest > newest.current) toast(o.recommend.trained(latest));
    newest.current = latest;
  }, [latest]);
  useEffect(() => (training ? repeat(TRAINING_LOOK_MS, onChange, /* atOnce= */ false) : undefined), [training]);
  const train = () => {
    ask({
      title: o.recommend.train,
      text: o.recommend.trainText,
      action: o.recommend.train,
      run: async () => {
        await office.post("/recommendations/models");
        toast(o.recommend.trainStarted);
        onChange();
      },
    });
  };
  return (
    <section class="card panel" aria-labelledby="models-head">
      <div class="spread">
        <h2 id="models-head">{o.recommend.models}</h2>
        <Button kind="main" busy={training} onClick={train}>
          {training ? o.recommend.training : o.recommend.train}
        </Button>
      </div>
      {error && (
        <div class="note note-bad" role="alert">
          <strong>{o.recommend.failed}</strong>
          <p>{error}</p>
        </div>
      )}
      {items.length ? (
        <>
          <ModelTable models={items} running={running} onChange={onChange} />
          <p class="hint">{o.recommend.measureText}</p>
        </>
      ) : (
        <Empty title={o.recommend.noModels} text={o.recommend.noModelsText} />
      )}
    </section>
  );
}

export function Recommendations() {
  useTitle(o.title(o.recommend.title));
  const { data, problem, reload } = useResource<Seen>("recommendations", look);
  useEffect(() => repeat(LOOK_MS, reload, /* atOnce= */ false), []);
  const running = data?.experiments.find((one) => one.running);
  return (
    <>
      <div class="page-head">
        <div>
          <h1>{o.recommend.title}</h1>
          <p class="small quiet">{o.recommend.text}</p>
        </div>
      </div>
      {problem && <ProblemNote problem={problem} retry={reload} />}
      {!data && !problem && <Bones lines={6} />}
      {data && (
        <div class="overview">
          <ModelsPart models={data.models} running={running} onChange={reload} />
          <ExperimentsPart experiments={data.experiments} models={data.models.items} onChange={reload} />
        </div>
      )}
    </>
  );
}
