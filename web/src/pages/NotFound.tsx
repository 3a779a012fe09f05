import { Empty } from "../components/parts.tsx";
import { t } from "../i18n/index.ts";
import { useTitle } from "../lib/head.ts";

export function NotFound() {
  useTitle(t.notFound.title);
  return (
    <Empty page title={t.notFound.title} text={t.notFound.text}>
      <div class="row">
        <a class="btn btn-main" href="/wines">
          {t.notFound.wines}
        </a>
        <a class="btn btn-line" href="/">
          {t.notFound.home}
        </a>
      </div>
    </Empty>
  );
}
