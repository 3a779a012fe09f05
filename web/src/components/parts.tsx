/** The small parts every page is built of; their looks are in styles/parts.css. */
import type { ComponentChildren, JSX, Ref } from "preact";
import { useEffect, useId, useRef } from "preact/hooks";
import type { ApiProblem } from "../api/client.ts";
import { t } from "../i18n/index.ts";
import { fixed, count as countText } from "../lib/format.ts";
import { Icon, type IconName } from "./Icon.tsx";

type ButtonKind = "main" | "line" | "plain" | "bad";

interface ButtonProps extends Omit<JSX.IntrinsicElements["button"], "size" | "icon"> {
  kind?: ButtonKind;
  big?: boolean;
  wide?: boolean;
  busy?: boolean;
}

/** While busy it keeps its width and focus and takes no second press. */
export function Button({ kind = "line", big, wide, busy, class: extra, onClick, ...rest }: ButtonProps) {
  const classes = ["btn", `btn-${kind}`, big && "btn-big", wide && "btn-wide", extra]
    .filter(Boolean)
    .join(" ");
  return (
    <button
      type="button"
      {...rest}
      class={classes}
      aria-busy={busy ? "true" : undefined}
      onClick={(event) => {
        if (busy) event.preventDefault();
        else onClick?.(event);
      }}
    />
  );
}

export function IconButton({
  icon,
  label,
  ...rest
}: { icon: IconName; label: string } & Omit<ButtonProps, "label" | "icon">) {
  return (
    <Button
      kind="plain"
      {...rest}
      class={`btn-icon ${String(rest.class ?? "")}`}
      aria-label={label}
      title={label}
    >
      <Icon name={icon} />
    </Button>
  );
}

interface FieldProps extends Omit<JSX.IntrinsicElements["input"], "ref"> {
  /** Id of a datalist. */
  list?: string;
  label: string;
  hint?: string;
  error?: string | undefined;
  inputRef?: Ref<HTMLInputElement>;
  options?: ReadonlyArray<{ value: string; label: string }>;
  rows?: number;
}

/** A labelled input (or a select, given `options`; or a textarea, given `rows`) with its hint and its error. */
export function Field({ label, hint, error, inputRef, options, rows, ...rest }: FieldProps) {
  const own = useId();
  const id = typeof rest.id === "string" ? rest.id : own;
  const told = [hint && `${id}-hint`, error && `${id}-wrong`].filter(Boolean).join(" ") || undefined;
  const shared = {
    ...rest,
    id,
    class: "input",
    "aria-invalid": error ? ("true" as const) : undefined,
    "aria-describedby": told,
  };
  return (
    <div class="field">
      <label for={id}>{label}</label>
      {options ? (
        <select {...(shared as unknown as JSX.IntrinsicElements["select"])}>
          {options.map((option) => (
            <option key={option.value} value={option.value} selected={option.value === rest.value}>
              {option.label}
            </option>
          ))}
        </select>
      ) : rows ? (
        <textarea {...(shared as unknown as JSX.IntrinsicElements["textarea"])} rows={rows} />
      ) : (
        <input {...(shared as unknown as JSX.IntrinsicElements["input"])} ref={inputRef} />
      )}
      {hint && (
        <p class="hint" id={`${id}-hint`}>
          {hint}
        </p>
      )}
      {error && (
        <p class="wrong" id={`${id}-wrong`}>
          {error}
        </p>
      )}
    </div>
  );
}

/** Moves the focus to the first field in error of a form that has just been refused. */
export function focusFirstError(form: HTMLElement | null): void {
  requestAnimationFrame(() => form?.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus());
}

export function Stars({ mean, count, compact }: { mean: number; count: number; compact?: boolean }) {
  if (!count) return compact ? null : <span class="stars quiet">{t.rating.none}</span>;
  return (
    <span class="stars">
      <span class="hush">{t.rating.spoken(fixed(mean), countText(count))}</span>
      <svg width="16" height="16" viewBox="0 0 20 20" aria-hidden="true">
        <path
          fill="currentColor"
          d="M10 1.800l2.500 5.200 5.700.8-4.100 4 1 5.700-5.100-2.700-5.100 2.700 1-5.700-4.100-4 5.700-.8z"
        />
      </svg>
      <span aria-hidden="true">
        {fixed(mean)} <span class="quiet">({countText(count)})</span>
      </span>
    </span>
  );
}

export function Empty({
  title,
  text,
  children,
  page,
}: {
  title: string;
  text?: string;
  children?: ComponentChildren;
  /** True where this is all that the page says: then it carries the page's heading. */
  page?: boolean;
}) {
  const Heading = page ? "h1" : "h2";
  return (
    <div class="empty">
      <Heading>{title}</Heading>
      {text && <p>{text}</p>}
      {children}
    </div>
  );
}

/** What went wrong in words a shopper can use, and a way to try again. */
export function ProblemNote({ problem, retry }: { problem: ApiProblem; retry?: () => void }) {
  return (
    <div class="note note-bad" role="alert">
      <strong>{problemTitle(problem)}</strong>
      {problem.detail && problem.status >= 400 && problem.status < 500 && <p>{problem.detail}</p>}
      {problem.status >= 500 && problem.traceId && <p class="hint">{t.problem.trace(problem.traceId)}</p>}
      {retry && (
        <div>
          <Button onClick={retry}>{t.problem.retry}</Button>
        </div>
      )}
    </div>
  );
}

export function problemTitle(problem: ApiProblem): string {
  if (problem.offline) return t.problem.offline;
  if (problem.status === 401) return t.problem.signIn;
  if (problem.status === 403) return t.problem.forbidden;
  if (problem.status === 404) return t.problem.notFound;
  if (problem.status === 429) return t.problem.tooMany;
  if (problem.status === 503) return t.problem.busy;
  if (problem.status >= 500) return t.problem.server;
  return t.problem.refused;
}

/** Grey shapes in the place of what is coming; they show after 300 ms only. */
export function Bone({ width = "100%", height = "1em" }: { width?: string; height?: string }) {
  return <span class="bone" style={{ width, height }} aria-hidden="true" />;
}

export function Bones({ lines = 3, label = t.loading }: { lines?: number; label?: string }) {
  return (
    <div class="stack-s" role="status" aria-label={label}>
      {Array.from({ length: lines }, (_, i) => (
        <Bone key={i} width={`${92 - ((i * 17) % 40)}%`} height="1.1em" />
      ))}
    </div>
  );
}

/** A modal sheet on the side (`kind="sheet"`) or box in the middle: focus stays inside, Escape closes. */
export function Dialog({
  open,
  onClose,
  title,
  children,
  foot,
  kind = "sheet",
}: {
  open: boolean;
  onClose: () => void;
  title: string;
  children: ComponentChildren;
  foot?: ComponentChildren;
  kind?: "sheet" | "box";
}) {
  const ref = useRef<HTMLDialogElement>(null);
  const heading = useId();
  useEffect(() => {
    const dialog = ref.current;
    if (!dialog) return;
    if (open && !dialog.open) dialog.showModal();
    if (!open && dialog.open) dialog.close();
  }, [open]);
  return (
    <dialog
      ref={ref}
      class={kind}
      aria-labelledby={heading}
      onClose={onClose}
      onClick={(event) => {
        if (event.target === ref.current) onClose();
      }}
    >
      {open && (
        <>
          <div class="sheet-head">
            <h2 id={heading}>{title}</h2>
            <IconButton icon="close" label={t.close} onClick={onClose} />
          </div>
          <div class="sheet-body">{children}</div>
          {foot && <div class="sheet-foot">{foot}</div>}
        </>
      )}
    </dialog>
  );
}

/** A number with minus and plus; typing a number works too and is taken when the field is left. */
export function Stepper({
  value,
  min = 0,
  max,
  label,
  onChange,
}: {
  value: number;
  min?: number;
  max: number;
  label: string;
  onChange: (value: number) => void;
}) {
  const set = (wanted: number) => {
    if (!Number.isFinite(wanted)) return;
    const next = Math.min(max, Math.max(min, Math.round(wanted)));
    if (next !== value) onChange(next);
  };
  return (
    <div class="step" role="group" aria-label={label}>
      <button
        type="button"
        aria-label={t.stepper.less}
        disabled={value <= min}
        onClick={() => set(value - 1)}
      >
        −
      </button>
      <input
        type="number"
        inputMode="numeric"
        aria-label={label}
        min={min}
        max={max}
        value={value}
        onChange={(event) => {
          set(event.currentTarget.valueAsNumber);
          event.currentTarget.value = String(value);
        }}
      />
      <button
        type="button"
        aria-label={t.stepper.more}
        disabled={value >= max}
        onClick={() => set(value + 1)}
      >
        +
      </button>
    </div>
  );
}
