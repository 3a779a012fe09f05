import { api } from "../api/client.ts";
import type { Recommendation, WineList } from "../api/types.ts";
import { Icon, type IconName } from "../components/Icon.tsx";
import { PairingIcon } from "../components/Pairing.tsx";
import { ProblemNote } from "../components/parts.tsx";
import { BuyAgain, RecommendedRow } from "../components/Recommended.tsx";
import { RegionMap } from "../components/RegionMap.tsx";
import { SearchBox } from "../components/SearchBox.tsx";
import { WineRow } from "../components/Wine.tsx";
import { Bottle } from "../bottle/Bottle.tsx";
import { t } from "../i18n/index.ts";
import { money } from "../lib/format.ts";
import { useTitle } from "../lib/head.ts";
import { useRecommendations } from "../lib/recommend.ts";
import { useResource } from "../lib/resource.ts";
import { keepWines } from "../lib/wines.ts";

const CHEAP = 1500;

/** The bottles beside the claim: five, as different from each other as they come. */
function Still({ wines }: { wines: Recommendation["wine"][] }) {
  const kinds = new Map<string, Recommendation["wine"]>();
  for (const wine of wines) if (!kinds.has(wine.type)) kinds.set(wine.type, wine);
  const known = new Map([...kinds.values(), ...wines].map((wine) => [wine.id, wine]));
  const some = [...known.values()].slice(0, 5);
  return (
    <div class="still" aria-hidden="true">
      {some.map((wine) => (
        <Bottle key={wine.id} wine={wine} class="bottle" />
      ))}
    </div>
  );
}

function Occasion({
  href,
  icon,
  title,
  text,
}: {
  href: string;
  icon: IconName;
  title: string;
  text: string;
}) {
  return (
    <li>
      <a class="occasion" href={href}>
        <Icon name={icon} size={34} />
        <span>
          <strong>{title}</strong>
          <span class="quiet small">{text}</span>
        </span>
      </a>
    </li>
  );
}

export function Home() {
  useTitle("");
  const shelf = useResource("wines:?limit=12", (signal) =>
    api.get<WineList>("/wines", { query: { limit: 12 }, signal }).then((list) => {
      keepWines(list.items);
      return list;
    }),
  );
  const liked = useRecommendations("personal");
  const facets = shelf.data?.facets;
  const currency = shelf.data?.items[0]?.price.currency ?? "USD";
  const picks = liked.data?.items ?? [];
  // Without recommendations (a young shop, or that service is away) the well rated ones stand in.
  const instead = liked.problem || (liked.data && !picks.length);
  const dishes = (facets?.pairing ?? []).slice(0, 8);
  return (
    <div class="home">
      <section class="hero">
        <div class="hero-text">
          <h1>{t.home.claim}</h1>
          <p class="lead">{t.home.lead}</p>
          <SearchBox id="home-search" big />
        </div>
        <Still wines={[...picks.map((item) => item.wine), ...(shelf.data?.items ?? [])]} />
      </section>

      {shelf.problem && !shelf.data && <ProblemNote problem={shelf.problem} retry={shelf.reload} />}

      {instead ? (
        <WineRow title={t.home.fresh} wines={shelf.data?.items} list="home" pending={shelf.loading} />
      ) : (
        <RecommendedRow
          title={liked.data?.personal ? t.recommended.personal : t.home.popular}
          text={liked.data?.personal ? t.recommended.personalWhy : t.home.popularWhy}
          items={liked.data && picks}
          quiet={!liked.data?.personal}
          list="recommendations"
          pending={!liked.data}
        />
      )}
      <BuyAgain />

      <section class="stack">
        <h2>{t.home.occasions}</h2>
        <ul class="occasions">
          <Occasion
            href={`/wines?in_stock=true&max_price=${CHEAP}&sort=rating`}
            icon="coin"
            title={t.home.cheap(money({ amount: CHEAP, currency }))}
            text={t.home.cheapText}
          />
          <Occasion
            href="/wines?in_stock=true&min_price=3500&max_price=9000&sort=rating"
            icon="gift"
            title={t.home.present}
            text={t.home.presentText}
          />
          <Occasion
            href="/wines?in_stock=true&type=Red&type=Fortified&min_price=4000&sort=rating"
            icon="cellar"
            title={t.home.cellar}
            text={t.home.cellarText}
          />
        </ul>
        <div class="dinner">
          <p>
            <strong class="serif">{t.home.dinner}</strong> <span class="quiet">{t.home.dinnerText}</span>
          </p>
          <ul class="dishes">
            {dishes.map((dish) => (
              <li key={dish.value}>
                <a class="dish" href={`/wines?in_stock=true&pairing=${encodeURIComponent(dish.value)}`}>
                  <PairingIcon name={dish.value} />
                  {dish.value}
                </a>
              </li>
            ))}
          </ul>
        </div>
      </section>

      <section class="stack">
        <div>
          <h2>{t.home.regions}</h2>
          <p class="quiet">{t.home.regionsText}</p>
        </div>
        <RegionMap countries={facets?.country ?? []} />
        <ul class="row map-more">
          {(facets?.region ?? []).slice(0, 10).map((region) => (
            <li key={region.value}>
              <a class="chip" href={`/wines?region=${encodeURIComponent(region.value)}`}>
                {region.value} <span class="quiet num">{region.count}</span>
              </a>
            </li>
          ))}
        </ul>
      </section>

      <section class="stack">
        <h2>{t.home.grapes}</h2>
        <ul class="row grapes">
          {(facets?.grape ?? []).slice(0, 18).map((grape) => (
            <li key={grape.value}>
              <a class="chip" href={`/wines?grape=${encodeURIComponent(grape.value)}`}>
                {grape.value} <span class="quiet num">{grape.count}</span>
              </a>
            </li>
          ))}
          <li>
            <a class="chip chip-on" href="/wines">
              {t.home.allGrapes}
            </a>
          </li>
        </ul>
      </section>
    </div>
  );
}
