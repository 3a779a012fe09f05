import { t } from "../i18n/index.ts";
import { useTitle } from "../lib/head.ts";

export function Home() {
  useTitle("");
  return <h1>{t.shopName}</h1>;
}
