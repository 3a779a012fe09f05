/** A wine's picture, its card, and rows of cards. */
import type { Wine } from "../api/types.ts";
import { Bottle } from "../bottle/Bottle.tsx";
import { t } from "../i18n/index.ts";
import { noteShown, type Shown, useImpression } from "../lib/activity.ts";
import { addToCart, inCart } from "../lib/cart.ts";
import { money } from "../lib/format.ts";
import { LONG_MS } from "../lib/resource.ts";
import { fullName, placeLine, tasteWords, unusualSize, useWine, winePath } from "../lib/wines.ts";
import { useState } from "preact/hooks";
import { Icon } from "./Icon.tsx";
import { Bone, Button, Stars } from "./parts.tsx";

/** The photograph if there is one, else the drawn bottle; both fill the same box. */
export function WinePicture({
  wine,
  label,
  sizes = "180px",
  eager,
}: {
  wine: Wine;
  label?: string;
  sizes?: string;
  eager?: boolean;
}) {
  const widest = wine.images[wine.images.length - 1];
  if (!widest)
    return <Bottle wine={wine} class="bottle" label={label ? t.wine.bottleOf(label) : undefined} />;
  return (
    <img
      class="photo"
      src={widest.url}
      srcset={wine.images.map((image) => `${image.url} ${image.width}w`).join(", ")}
      sizes={sizes}
      alt={label ? t.wine.photoOf(label) : ""}
      loading={eager ? "eager" : "lazy"}
      decoding="async"
    />
  );
}

/** The small bottle of a line in a basket or an order, which knows only the wine's id. */
export function Thumb({ wineId }: { wineId: string }) {
  const { data } = useWine(wineId, LONG_MS);
  return <div class="thumb">{data && <WinePicture wine={data} sizes="56px" />}</div>;
}

export function AddButton({ wine, onAdded, ...rest }: { wine: Wine; onAdded?: () => void; wide?: boolean }) {
  const [busy, setBusy] = useState(false);
  const count = inCart(wine.id);
  if (!wine.available) return <span class="card-out">{t.card.out}</span>;
  return (
    <Button
      kind={count ? "line" : "main"}
      busy={busy}
      aria-label={`${t.card.addLong(fullName(wine))}${count ? `, ${t.card.inBasket(count)}` : ""}`}
      onClick={() => {
        setBusy(true);
        addToCart({ id: wine.id, name: fullName(wine) }).then(
          () => (setBusy(false), onAdded?.()),
          () => setBusy(false),
        );
      }}
      {...rest}
    >
      <Icon name={count ? "check" : "plus"} size={18} />
      <span class="add-word">{count || t.card.add}</span>
    </Button>
  );
}

interface CardProps extends Omit<Shown, "list"> {
  wine: Wine;
  /** Where it is shown, for what the store learns. */
  list: string;
  reason?: string;
  level?: 2 | 3;
}

export function WineCard({ wine, reason, level = 2, ...shown }: CardProps) {
  const ref = useImpression<HTMLElement>(wine.id, shown);
  const Heading = level === 2 ? "h2" : "h3";
  return (
    <article class="wine-card" ref={ref}>
      <div class="plinth">
        <WinePicture wine={wine} />
        {!wine.available && <span class="tag plinth-tag">{t.card.out}</span>}
        {wine.organic && wine.available > 0 && <span class="tag tag-good plinth-tag">{t.wine.organic}</span>}
      </div>
      <div class="wine-card-text">
        <p class="over">{wine.winery}</p>
        <Heading class="wine-card-name">
          <a
            href={winePath(wine)}
            onClick={() => noteShown("activity.clicked", wine.id, shown)}
          >
            {wine.name} <span class="vintage">{wine.vintage ?? ""}</span>
          </a>
        </Heading>
        <p class="quiet small one-line">
          {[placeLine(wine), unusualSize(wine.bottle_ml)].filter(Boolean).join(" · ")}
        </p>
        <p class="taste-words">{reason ?? tasteWords(wine).join(" · ")}</p>
        {(wine.vintages ?? 1) > 1 && (
          <p class="quiet tiny">{t.card.others((wine.vintages as number) - 1)}</p>
        )}
      </div>
      <div class="wine-card-foot">
        <div>
          <div class="card-stars">
            <Stars mean={wine.rating.mean ?? 0} count={wine.rating.count} compact />
          </div>
          <p class="price">{money(wine.price)}</p>
        </div>
        <AddButton wine={wine} />
      </div>
    </article>
  );
}

/** The shape of a card, for what is still coming. */
export function CardBone() {
  return (
    <div class="wine-card" aria-hidden="true">
      <div class="plinth" />
      <div class="wine-card-text">
        <Bone width="50%" height="0.9em" />
        <Bone width="85%" height="1.3em" />
        <Bone width="65%" />
      </div>
      <div class="wine-card-foot">
        <Bone width="70px" height="1.4em" />
      </div>
    </div>
  );
}

/** A row that scrolls sideways, with its heading. */
export function WineRow({
  title,
  text,
  wines,
  list,
  reasons,
  experiments,
  pending,
}: {
  title: string;
  text?: string | undefined;
  wines: readonly Wine[] | undefined;
  list: string;
  reasons?: readonly string[] | undefined;
  experiments?: ReadonlyArray<Shown["experiment"]> | undefined;
  pending?: boolean | undefined;
}) {
  if (!pending && !wines?.length) return null;
  return (
    <section class="stack">
      <div>
        <h2>{title}</h2>
        {text && <p class="quiet">{text}</p>}
      </div>
      <ul class="wine-row" tabIndex={0} aria-label={title}>
        {wines
          ? wines.map((wine, i) => (
              <li key={wine.id}>
                <WineCard
                  wine={wine}
                  list={list}
                  position={i + 1}
                  level={3}
                  {...(reasons?.[i] ? { reason: reasons[i] as string } : {})}
                  {...(experiments?.[i] ? { experiment: experiments[i] } : {})}
                />
              </li>
            ))
          : Array.from({ length: 5 }, (_, i) => (
              <li key={i}>
                <CardBone />
              </li>
            ))}
      </ul>
    </section>
  );
}
