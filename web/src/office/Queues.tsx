/** The queues between the services, and the messages that failed in them too often. */
import { useEffect, useState } from "preact/hooks";
import { asProblem, type ApiProblem } from "../api/client.ts";
import { Bones, Button, Empty, ProblemNote } from "../components/parts.tsx";
import { o } from "../i18n/office.ts";
import { count } from "../lib/format.ts";
import { useTitle } from "../lib/head.ts";
import { toast } from "../lib/signals.ts";
import { ask } from "./ask.tsx";
import { Tag } from "./Grid.tsx";
import { dropLists, useList } from "./lists.ts";
import type { OfficePage } from "./Office.tsx";
import { office, repeat } from "./office.ts";
import { ago, exactly, span } from "./time.ts";
import type { DeadLetter, Queue, StreamDeadLetter } from "./types.ts";
import { lookWhatWaits } from "./waiting.ts";

const LOOK_MS = 3000;
const PAGE = 100;

const nameOf = (name: string): string => o.queue.names[name] ?? name;

/** Asks, then puts the failed messages (all of them, or some) back into their queue. */
export function askRedrive(name: string, number: number, ids: readonly string[] | undefined, done: () => void): void {
  ask({
    title: o.queue.redriveSure(number, nameOf(name)),
    text: o.queue.redriveText,
    action: o.queue.redriveDo,
    run: async () => {
      const { moved } = await office.post<{ moved: number }>(`/queues/${name}/redrive`, ids ? { ids } : {});
      toast(o.queue.moved(moved));
      dropLists(`/queues/${name}`);
      lookWhatWaits();
      done();
    },
  });
}

function QueueCard({ queue, here }: { queue: Queue; here: boolean }) {
  const busy = queue.ready + queue.in_flight > 0;
  const tone = queue.dead ? "bad" : busy ? "gold" : "good";
  const oldest = queue.oldest_seconds !== null && queue.ready > 0 ? span(queue.oldest_seconds) : "–";
  const figures: Array<[string, string]> = [
    [o.queue.ready, count(queue.ready)],
    [o.queue.inFlight, count(queue.in_flight)],
    [o.queue.dead, count(queue.dead)],
    [o.queue.oldest, oldest],
  ];
  return (
    <li class={`card queue${here ? " queue-here" : ""}`}>
      <div class="spread">
        <h2>
          <a href={`/office/queues/${queue.name}`} aria-current={here ? "true" : undefined}>
            {nameOf(queue.name)}
          </a>
        </h2>
        <Tag tone={tone}>{queue.dead ? o.queue.needsYou : busy ? o.queue.busy : o.queue.calm}</Tag>
      </div>
      <p class="hint">{o.queue.does[queue.name]}</p>
      <dl class="figures">
        {figures.map(([label, value]) => (
          <div key={label}>
            <dt>{label}</dt>
            <dd class={label === o.queue.dead && queue.dead ? "bad" : ""}>{value}</dd>
          </div>
        ))}
      </dl>
    </li>
  );
}

function Subject({ body }: { body: Record<string, unknown> }) {
  const text = (name: string) => (typeof body[name] === "string" ? (body[name] as string) : "");
  return (
    <span class="row-meta">
      {text("template") && `${o.message.kinds[text("template")] ?? text("template")} · `}
      {text("order_id") && <a href={`/office/orders/${text("order_id")}`}>{o.queue.toOrder}</a>}{" "}
      {text("wine_id") && <a href={`/office/wines/${text("wine_id")}`}>{o.queue.toWine}</a>}
    </span>
  );
}

interface LettersProps {
  name: string;
  dead: number;
  onMoved: () => void;
}

function Letters({ name, dead, onMoved }: LettersProps) {
  const list = useList<DeadLetter>(`/queues/${name}/dead-letters`, { limit: PAGE });
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const letters = list.items ?? [];
  const some = letters.filter((one) => chosen.has(one.id)).map((one) => one.id);
  useEffect(list.reload, [dead]);
  const toggle = (id: string) => {
    const next = new Set(chosen);
    if (!next.delete(id)) next.add(id);
    setChosen(next);
  };
  const moved = () => {
    setChosen(new Set());
    list.reload();
    onMoved();
  };
  if (list.problem && !list.items) return <ProblemNote problem={list.problem} retry={list.reload} />;
  if (!list.items) return <Bones lines={4} />;
  if (!letters.length) return <Empty title={o.queue.noLetters} text={o.queue.noLettersText} />;
  const all = letters.length === some.length;
  return (
    <div class="stack">
      <div class="row">
        <label class="check">
          <input type="checkbox" checked={all} onChange={() => setChosen(new Set(all ? [] : letters.map((one) => one.id)))} />
          {o.queue.selectAll}
        </label>
        {some.length > 0 && some.length <= 100 && <Button onClick={() => askRedrive(name, some.length, some, moved)}>{o.queue.redriveSome(some.length)}</Button>}
        <Button kind="main" onClick={() => askRedrive(name, Math.max(dead, letters.length), undefined, moved)}>
          {o.queue.redriveAll(Math.max(dead, letters.length))}
        </Button>
        {dead > letters.length && <p class="small quiet num">{o.list.shown(count(letters.length), count(dead))}</p>}
      </div>
      <ul class="letters">
        {letters.map((letter) => (
          <li key={letter.id} class="card letter">
            <label class="check">
              <input type="checkbox" checked={chosen.has(letter.id)} onChange={() => toggle(letter.id)} />
              <span class="hush">{o.queue.select(letter.id)}</span>
            </label>
            <div>
              <p class="strong">{letter.error || o.queue.noReason}</p>
              <Subject body={letter.body} />
              <p class="row-meta">
                <time dateTime={letter.failed_at} title={exactly(letter.failed_at)}>
                  {ago(letter.failed_at)}
                </time>
                {" · "}
                {o.message.attempts(letter.attempts)}
              </p>
              <details>
                <summary>{o.queue.body}</summary>
                <pre tabIndex={0}>{JSON.stringify(letter.body, null, 2)}</pre>
              </details>
            </div>
          </li>
        ))}
      </ul>
      {list.hasMore && (
        <div>
          <Button busy={list.loading} onClick={list.loadMore}>
            {o.list.more}
          </Button>
        </div>
      )}
    </div>
  );
}

/** What came off the stream of events and could not be read: nothing can be tried again, only looked at. */
function Events() {
  const list = useList<StreamDeadLetter>("/stream/dead-letters", { limit: PAGE }, true);
  if (list.problem && !list.items) return <ProblemNote problem={list.problem} retry={list.reload} />;
  if (!list.items) return <Bones lines={2} />;
  if (!list.items.length) return <p class="quiet">{o.queue.noEvents}</p>;
  return (
    <ul class="letters">
      {list.items.map((letter) => (
        <li key={`${letter.shard}/${letter.sequence}`} class="card letter">
          <div>
            <p class="strong">{letter.reason || o.queue.noReason}</p>
            <p class="row-meta">
              <time dateTime={letter.at} title={exactly(letter.at)}>
                {ago(letter.at)}
              </time>
              {" · "}
              {o.queue.event(letter.shard, letter.sequence)}
              {letter.event_id && ` · ${letter.event_id}`}
            </p>
            <details>
              <summary>{o.queue.body}</summary>
              <pre tabIndex={0}>{letter.body}</pre>
            </details>
          </div>
        </li>
      ))}
    </ul>
  );
}

export function Queues({ params }: OfficePage) {
  const [queues, setQueues] = useState<Queue[]>();
  const [problem, setProblem] = useState<ApiProblem>();
  useTitle(o.title(o.queue.title));
  const load = () => {
    office.get<{ items: Queue[] }>("/queues").then(
      (answer) => {
        setQueues(answer.items);
        setProblem(undefined);
      },
      (error: unknown) => setProblem(asProblem(error)),
    );
  };
  useEffect(() => repeat(LOOK_MS, load), []);
  const shown = queues?.find((one) => one.name === params.name) ?? queues?.find((one) => one.dead > 0);
  return (
    <>
      <div class="page-head">
        <div>
          <h1>{o.queue.title}</h1>
          <p class="small quiet">{o.queue.text}</p>
        </div>
        <p class="hint">{o.queue.live}</p>
      </div>
      {problem && !queues && <ProblemNote problem={problem} retry={load} />}
      {!queues && !problem && <Bones lines={6} />}
      {queues && (
        <ul class="queues">
          {queues.map((queue) => (
            <QueueCard key={queue.name} queue={queue} here={queue.name === shown?.name} />
          ))}
        </ul>
      )}
      {shown && (
        <section class="stack" aria-labelledby="letters-head">
          <h2 id="letters-head">{o.queue.letters(nameOf(shown.name))}</h2>
          <Letters key={shown.name} name={shown.name} dead={shown.dead} onMoved={load} />
        </section>
      )}
      <section class="stack" aria-labelledby="events-head">
        <div>
          <h2 id="events-head">{o.queue.events}</h2>
          <p class="small quiet">{o.queue.eventsText}</p>
        </div>
        <Events />
      </section>
    </>
  );
}
