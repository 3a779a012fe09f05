/** The lists of recommendations: for the shopper, for the basket, of what they had before. */
import { useEffect, useRef } from "preact/hooks";
import { api } from "../api/client.ts";
import type { RecommendationList } from "../api/types.ts";
import { cart, destination, placeCode } from "./cart.ts";
import { useResource, type Resource } from "./resource.ts";
import { keepWines } from "./wines.ts";

const LIMIT = 12;
/** What a shopper did long ago is looked up behind the first answer. */
const RECALL_MS = 800;
const RECALL_TRIES = 3;

/** What the list depends on beside the shopper: another basket is another question. */
const subject = (list: RecommendationList["list"]): string =>
  list === "basket"
    ? (cart.value?.items ?? [])
        .map((item) => item.wine_id)
        .sort()
        .join(",")
    : "";

export function useRecommendations(
  list: RecommendationList["list"],
  wanted = true,
): Resource<RecommendationList> {
  const place = destination.value;
  const key = `recommendations:${list}:${placeCode(place)}:${subject(list)}`;
  const found = useResource<RecommendationList>(wanted ? key : null, (signal) =>
    api
      .get<RecommendationList>("/recommendations", {
        query: { list, limit: LIMIT, country: place?.country, region: place?.region },
        signal,
      })
      .then((answer) => {
        keepWines(answer.items.map((item) => item.wine));
        return answer;
      }),
  );
  const tries = useRef(0);
  const recalling = found.data?.note?.code === "recalling";
  useEffect(() => {
    if (!recalling || tries.current >= RECALL_TRIES) return;
    tries.current++;
    const timer = setTimeout(found.reload, RECALL_MS);
    return () => clearTimeout(timer);
  }, [recalling, found.data]);
  return found;
}
