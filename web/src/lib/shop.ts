import { t } from "../i18n/index.ts";

/** The shop's name is a setting of the store: it ends the title of every page the server sends. */
function named(): string {
  const parts = document.title.split(" · ");
  return parts[parts.length - 1]?.trim() || t.shopName;
}

export const shopName: string = named();
