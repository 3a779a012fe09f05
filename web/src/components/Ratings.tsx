import { useRef, useState } from "preact/hooks";
import { api, asProblem, type ApiProblem } from "../api/client.ts";
import type { Rating, RatingList, Wine } from "../api/types.ts";
import { t } from "../i18n/index.ts";
import { date, decimal } from "../lib/format.ts";
import { dropResources, putResource, useResource } from "../lib/resource.ts";
import { user } from "../lib/session.ts";
import { toast } from "../lib/signals.ts";
import { Button, Field, problemTitle, Stars } from "./parts.tsx";

const STAR = "M10 1.8l2.5 5.2 5.7.8-4.1 4 1 5.7-5.1-2.7-5.1 2.7 1-5.7-4.1-4 5.7-.8z";

/** Five stars, filled up to a number in halves. */
export function StarLine({ value, size = 18 }: { value: number; size?: number }) {
  return (
    <svg class="star-line" width={size * 5} height={size} viewBox="0 0 100 20" aria-hidden="true">
      {[0, 1, 2, 3, 4].map((i) => {
        const part = Math.min(1, Math.max(0, value - i));
        return (
          <g key={i} transform={`translate(${i * 20})`}>
            <path d={STAR} class="star-off" />
            {part > 0 && (
              <svg width={part === 1 ? 20 : 10} height="20" viewBox={part === 1 ? "0 0 20 20" : "0 0 10 20"}>
                <path d={STAR} class="star-on" />
              </svg>
            )}
          </g>
        );
      })}
    </svg>
  );
}

function RateForm({ wine, onDone }: { wine: Wine; onDone: () => void }) {
  const [stars, setStars] = useState(4);
  const [note, setNote] = useState("");
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<ApiProblem>();
  const send = (event: Event) => {
    event.preventDefault();
    setBusy(true);
    const body = note.trim() ? { stars, note: note.trim() } : { stars };
    api.post<Rating>(`/wines/${wine.id}/ratings`, body).then(
      () => {
        toast(t.wine.thanks);
        dropResources(`ratings:${wine.id}`);
        onDone();
      },
      (error: unknown) => {
        setProblem(asProblem(error));
        setBusy(false);
      },
    );
  };
  return (
    <form class="card stack" onSubmit={send}>
      <div class="field">
        <label for="stars">{t.wine.stars}</label>
        <div class="row">
          <StarLine value={stars} size={28} />
          <output for="stars" class="num">
            {t.wine.starsValue(decimal(stars))}
          </output>
        </div>
        <input
          id="stars"
          type="range"
          min="1"
          max="5"
          step="0.5"
          value={stars}
          aria-valuetext={t.wine.starsValue(decimal(stars))}
          onInput={(event) => setStars(event.currentTarget.valueAsNumber)}
        />
      </div>
      <Field
        label={t.wine.note}
        rows={3}
        maxLength={2000}
        value={note}
        error={problem?.errors.find((one) => one.field === "note")?.message}
        onInput={(event) => setNote(event.currentTarget.value)}
      />
      {problem && <p class="wrong">{problemTitle(problem)}</p>}
      <div class="row">
        <Button kind="main" type="submit" busy={busy}>
          {t.wine.send}
        </Button>
        <Button kind="plain" onClick={onDone}>
          {t.cancel}
        </Button>
      </div>
    </form>
  );
}

export function Ratings({ wine }: { wine: Wine }) {
  const [rating, setRating] = useState(false);
  const opener = useRef<HTMLButtonElement>(null);
  const key = `ratings:${wine.id}`;
  const { data, reload } = useResource(key, (signal) =>
    api.get<RatingList>(`/wines/${wine.id}/ratings`, { query: { limit: 10 }, signal }),
  );
  const [, redraw] = useState(0);
  const older = () => {
    if (!data?.next_cursor) return;
    api.get<RatingList>(`/wines/${wine.id}/ratings`, { query: { limit: 10, cursor: data.next_cursor } }).then(
      (page) => {
        putResource(key, { ...page, items: [...data.items, ...page.items] });
        redraw((n) => n + 1);
      },
      (error: unknown) => toast(problemTitle(asProblem(error))),
    );
  };
  return (
    <section class="stack" id="ratings">
      <div class="spread">
        <h2>{t.wine.ratings}</h2>
        <Stars mean={data?.mean ?? wine.rating.mean ?? 0} count={data?.count ?? wine.rating.count} />
      </div>
      {rating ? (
        <RateForm
          wine={wine}
          onDone={() => {
            setRating(false);
            reload();
            requestAnimationFrame(() => opener.current?.focus());
          }}
        />
      ) : user.value ? (
        <div>
          <Button onClick={() => setRating(true)}>{t.wine.rate}</Button>
        </div>
      ) : (
        <div>
          <a class="btn btn-line" href={`/sign-in?next=${encodeURIComponent(`/wines/${wine.id}`)}`}>
            {t.wine.rateSignIn}
          </a>
        </div>
      )}
      {data && data.items.length > 0 && (
        <ul class="rating-list">
          {data.items.map((one) => (
            <li key={one.id} class="stack-s">
              <p class="row">
                <span class="hush">{t.wine.starsValue(decimal(one.stars))}</span>
                <StarLine value={one.stars} />
                <span class="quiet small">
                  {one.author}, {date(one.created_at)}
                </span>
              </p>
              {one.note && <p>{one.note}</p>}
            </li>
          ))}
        </ul>
      )}
      {data?.next_cursor && (
        <div>
          <Button onClick={older}>{t.account.older}</Button>
        </div>
      )}
    </section>
  );
}
