/** One question at a time before something that can't be taken back. */
import { signal } from "@preact/signals";
import { useEffect, useState } from "preact/hooks";
import { asProblem, type ApiProblem } from "../api/client.ts";
import { Button, Dialog, Field, problemTitle } from "../components/parts.tsx";
import { o } from "../i18n/office.ts";

interface Question {
  title: string;
  text: string;
  action: string;
  bad?: boolean;
  /** Whether words of explanation are asked for. */
  reason?: boolean;
  /** Does it; the box stays open, saying why, when it fails with a problem. */
  run: (reason: string) => Promise<void>;
}

const question = signal<Question | null>(null);

export function ask(wanted: Question): void {
  question.value = wanted;
}

export function AskBox() {
  const asked = question.value;
  const [reason, setReason] = useState("");
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<ApiProblem>();
  useEffect(() => {
    setReason("");
    setBusy(false);
    setProblem(undefined);
  }, [asked]);
  const close = () => (question.value = null);
  const run = (event?: Event) => {
    event?.preventDefault();
    if (!asked || busy) return;
    setBusy(true);
    asked.run(reason.trim()).then(close, (error: unknown) => {
      setBusy(false);
      setProblem(asProblem(error));
    });
  };
  return (
    <Dialog open={asked !== null} onClose={close} title={asked?.title ?? ""} kind="box">
      {asked && (
        <form class="stack" onSubmit={run}>
          <p>{asked.text}</p>
          {asked.reason && (
            <Field label={o.ask.reason} value={reason} maxLength={200} onInput={(event) => setReason(event.currentTarget.value)} />
          )}
          {problem && (
            <p class="wrong" role="alert">
              {problem.status === 409 && problem.detail ? problem.detail : problemTitle(problem)}
            </p>
          )}
          <div class="ask-foot">
            <Button onClick={close}>{o.ask.keep}</Button>
            <Button kind={asked.bad ? "bad" : "main"} type="submit" busy={busy} autofocus={!asked.reason}>
              {asked.action}
            </Button>
          </div>
        </form>
      )}
    </Dialog>
  );
}
