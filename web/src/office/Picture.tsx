/** A wine's picture: sent with its progress shown, followed until the three sizes are made, shown meanwhile. */
import { useEffect, useRef, useState } from "preact/hooks";
import { apiUrl, ApiProblem, asProblem, type ProblemDocument } from "../api/client.ts";
import { Bottle } from "../bottle/Bottle.tsx";
import type { BottleWine } from "../bottle/looks.ts";
import { Button, problemTitle } from "../components/parts.tsx";
import { t } from "../i18n/index.ts";
import { o } from "../i18n/office.ts";
import { dropResources } from "../lib/resource.ts";
import { toast } from "../lib/signals.ts";
import { ask } from "./ask.tsx";
import { patchLists } from "./lists.ts";
import { endSession, office } from "./office.ts";
import { OfficeIcon } from "./OfficeIcon.tsx";
import type { AdminWine, Upload } from "./types.ts";

const TYPES = ["image/jpeg", "image/png", "image/webp"];
const MOST_BYTES = 10 * 1024 * 1024;
const LOOK_MS = 400;
const LATE_MS = 20_000;

/** `fetch` tells nothing of how far an upload is, so this one goes by XMLHttpRequest. */
function sendPicture(id: string, file: Blob, onProgress: (part: number) => void): Promise<Upload> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", apiUrl(`/admin/wines/${id}/images`));
    request.setRequestHeader("Content-Type", file.type);
    request.setRequestHeader("Accept", "application/json");
    request.responseType = "json";
    request.upload.onprogress = (event) => event.lengthComputable && onProgress(event.loaded / event.total);
    request.onerror = () => reject(new ApiProblem(0, { title: "No answer" }));
    request.onload = () => {
      if (request.status === 202) return resolve(request.response as Upload);
      if (request.status === 401) endSession();
      reject(new ApiProblem(request.status, (request.response as ProblemDocument | null) ?? {}));
    };
    request.send(file);
  });
}

type State = { step: "idle" | "sending" | "making" | "late"; part: number; problem?: string };

const IDLE: State = { step: "idle", part: 0 };

interface PictureProps {
  wine: AdminWine;
  sketch: BottleWine;
  onWine: (change: Partial<AdminWine>) => void;
}

/** The wine as it stands once the upload is no longer pending; undefined when that takes too long. */
async function whenMade(id: string, upload: string): Promise<AdminWine | undefined> {
  const until = Date.now() + LATE_MS;
  for (;;) {
    const wine = await office.get<AdminWine>(`/wines/${id}`);
    const mine = wine.uploads.find((one) => one.id === upload);
    if (mine?.status !== "pending") return wine;
    if (Date.now() > until) return undefined;
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}

function useUpload({ wine, onWine }: PictureProps) {
  const [state, setState] = useState<State>(IDLE);
  const [preview, setPreview] = useState<string>();
  const alive = useRef(true);
  const show = (url: string | undefined) =>
    setPreview((before) => {
      if (before) URL.revokeObjectURL(before);
      return url;
    });
  useEffect(() => {
    alive.current = true;
    return () => {
      alive.current = false;
      show(undefined);
    };
  }, []);

  const fail = (problem: string) => {
    show(undefined);
    setState({ ...IDLE, problem });
  };
  const finish = (after: AdminWine | undefined, upload: string) => {
    if (!alive.current) return;
    if (!after) return setState({ ...IDLE, step: "late" });
    const mine = after.uploads.find((one) => one.id === upload);
    patchLists("/wines", after);
    dropResources(`wine:${wine.id}`);
    onWine(after);
    if (mine?.status === "failed") return fail(o.picture.failed);
    show(undefined);
    setState(IDLE);
    toast(o.picture.done);
  };
  const send = async (file: File) => {
    show(URL.createObjectURL(file));
    setState({ step: "sending", part: 0 });
    try {
      const upload = await sendPicture(wine.id, file, (part) => alive.current && setState({ step: "sending", part }));
      if (alive.current) setState({ step: "making", part: 1 });
      finish(await whenMade(wine.id, upload.id), upload.id);
    } catch (error) {
      const problem = asProblem(error);
      if (alive.current) fail(problem.code === "invalid_image" ? o.picture.failed : problemTitle(problem));
    }
  };
  const take = (file: File | undefined) => {
    if (!file) return;
    if (!TYPES.includes(file.type)) return fail(o.picture.wrongType);
    if (file.size > MOST_BYTES) return fail(o.picture.tooLarge);
    if (!wine.images.length) return void send(file);
    ask({
      title: o.picture.replaceSure,
      text: o.picture.replaceText,
      action: o.picture.replace,
      run: () => Promise.resolve(void send(file)),
    });
  };
  return { state, preview, take };
}

function Shown({ wine, sketch, preview }: { wine: AdminWine; sketch: BottleWine; preview: string | undefined }) {
  const widest = wine.images[wine.images.length - 1];
  if (preview) return <img class="photo" src={preview} alt="" />;
  if (!widest) return <Bottle wine={sketch} class="bottle" label={t.wine.bottleOf(sketch.name)} />;
  return <img class="photo" src={widest.url} srcset={wine.images.map((one) => `${one.url} ${one.width}w`).join(", ")} sizes="260px" alt={t.wine.photoOf(wine.name)} />;
}

export function Picture(props: PictureProps) {
  const { wine, sketch, onWine } = props;
  const input = useRef<HTMLInputElement>(null);
  const [over, setOver] = useState(false);
  const { state, preview, take } = useUpload(props);
  const busy = state.step === "sending" || state.step === "making";
  const last = wine.uploads[0];
  const words =
    state.step === "sending"
      ? o.picture.sending(`${Math.round(state.part * 100)} %`)
      : state.step === "making"
        ? o.picture.making
        : state.step === "late" || (state.step === "idle" && last?.status === "pending")
          ? o.picture.late
          : "";
  const remove = () =>
    ask({
      title: o.picture.removeSure,
      text: o.picture.removeText,
      action: o.picture.remove,
      bad: true,
      run: async () => {
        await office.delete(`/wines/${wine.id}/images`);
        patchLists("/wines", { ...wine, images: [] });
        dropResources(`wine:${wine.id}`);
        onWine({ images: [] });
        toast(o.picture.removed);
      },
    });
  return (
    <section class="card panel" aria-label={o.picture.title}>
      <div
        class={`drop${over ? " drop-over" : ""}`}
        onDragOver={(event) => {
          event.preventDefault();
          setOver(true);
        }}
        onDragLeave={() => setOver(false)}
        onDrop={(event) => {
          event.preventDefault();
          setOver(false);
          if (!busy) take(event.dataTransfer?.files[0]);
        }}
      >
        <div class="plinth">
          <Shown wine={wine} sketch={sketch} preview={preview} />
        </div>
        <p class="hint">
          {wine.images.length ? `${o.picture.photo}, ${o.picture.sizes(wine.images.map((one) => one.width).join(", "))}` : o.picture.drawn}
        </p>
      </div>
      <div role="status">
        {words && <p class="small">{words}</p>}
        {busy && <progress class="progress" max={1} value={state.step === "making" ? undefined : state.part} aria-label={o.picture.progress} />}
      </div>
      {state.problem && (
        <p class="wrong" role="alert">
          {state.problem}
        </p>
      )}
      {!state.problem && !busy && last?.status === "failed" && !wine.images.length && (
        <p class="wrong">
          {o.picture.failed}. {last.reason ?? o.picture.failedText}
        </p>
      )}
      <input
        ref={input}
        class="hush"
        type="file"
        accept={TYPES.join(",")}
        tabIndex={-1}
        aria-label={o.picture.choose}
        onChange={(event) => {
          take(event.currentTarget.files?.[0]);
          event.currentTarget.value = "";
        }}
      />
      <div class="stack-s">
        <Button busy={busy} wide onClick={() => input.current?.click()}>
          <OfficeIcon name="upload" size={18} />
          {wine.images.length ? o.picture.another : o.picture.choose}
        </Button>
        <p class="hint">{o.picture.drop}</p>
        {wine.images.length > 0 && (
          <Button kind="plain" onClick={remove}>
            {o.picture.remove}
          </Button>
        )}
      </div>
    </section>
  );
}
