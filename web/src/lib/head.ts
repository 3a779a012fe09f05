import { useEffect } from "preact/hooks";
import { t } from "../i18n/index.ts";
import { shopName } from "./shop.ts";

/** Sets the window's title while the page is shown; without a page's own name the shop's stands alone. */
export function useTitle(page: string | undefined): void {
  useEffect(() => {
    if (page !== undefined) document.title = page ? t.pageTitle(page, shopName) : shopName;
  }, [page]);
}
