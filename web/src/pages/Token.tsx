/** The pages that links in our mail lead to: verify an address, reset a password, unsubscribe. */
import { useEffect, useRef, useState } from "preact/hooks";
import { api, asProblem, type ApiProblem } from "../api/client.ts";
import {
  Bones,
  Button,
  Empty,
  Field,
  focusFirstError,
  ProblemNote,
  problemTitle,
} from "../components/parts.tsx";
import { t } from "../i18n/index.ts";
import { fieldErrors, looksLikeEmail, type Errors } from "../lib/form.ts";
import { useTitle } from "../lib/head.ts";
import { navigate, place } from "../lib/router.tsx";
import { user } from "../lib/session.ts";
import { toast } from "../lib/signals.ts";

const isTokenProblem = (problem: ApiProblem): boolean =>
  problem.code === "token_invalid" || problem.code === "token_expired" || problem.status === 410;

function BadLink({ again }: { again?: string }) {
  return (
    <Empty page title={t.auth.tokenBad} text={t.auth.tokenBadText}>
      {again && (
        <a class="btn btn-main" href={again}>
          {t.auth.reset}
        </a>
      )}
    </Empty>
  );
}

function Verify({ token }: { token: string }) {
  const [done, setDone] = useState(false);
  const [problem, setProblem] = useState<ApiProblem>();
  useTitle(t.auth.verifying);
  const verify = () => {
    setProblem(undefined);
    api.put("/email-verification", { token }).then(
      () => {
        if (user.value) user.value = { ...user.value, email_verified: true };
        setDone(true);
      },
      (error: unknown) => setProblem(asProblem(error)),
    );
  };
  useEffect(verify, [token]);
  if (problem)
    return isTokenProblem(problem) ? <BadLink /> : <ProblemNote problem={problem} retry={verify} />;
  if (!done) {
    return (
      <div class="narrow stack">
        <h1>{t.auth.verifying}</h1>
        <Bones lines={2} />
      </div>
    );
  }
  return (
    <Empty page title={t.auth.verified} text={t.auth.verifiedText}>
      <a class="btn btn-main" href="/account">
        {t.auth.toAccount}
      </a>
    </Empty>
  );
}

function Unsubscribe({ token }: { token: string }) {
  const [done, setDone] = useState(false);
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<ApiProblem>();
  useTitle(t.auth.unsubscribe);
  if (problem && isTokenProblem(problem)) return <BadLink />;
  if (done) return <Empty page title={t.auth.unsubscribed} />;
  return (
    <Empty page title={t.auth.unsubscribe} text={t.auth.unsubscribeText}>
      {problem && <ProblemNote problem={problem} />}
      <Button
        kind="main"
        busy={busy}
        onClick={() => {
          setBusy(true);
          api.post("/unsubscribe", { token }).then(
            () => setDone(true),
            (error: unknown) => {
              setBusy(false);
              setProblem(asProblem(error));
            },
          );
        }}
      >
        {t.auth.unsubscribeDo}
      </Button>
    </Empty>
  );
}

/** One form with one field, for asking for the link and for using it. */
function Reset({ token }: { token: string }) {
  const form = useRef<HTMLFormElement>(null);
  const [value, setValue] = useState("");
  const [errors, setErrors] = useState<Errors>({});
  const [problem, setProblem] = useState<ApiProblem>();
  const [busy, setBusy] = useState(false);
  const [sent, setSent] = useState(false);
  useTitle(t.auth.reset);
  const refuse = (message: string) => {
    setErrors({ value: message });
    focusFirstError(form.current);
  };
  const submit = (event: Event) => {
    event.preventDefault();
    setProblem(undefined);
    setErrors({});
    if (token && [...value].length < 8) return refuse(t.auth.short);
    if (!token && !looksLikeEmail(value.trim()))
      return refuse(value.trim() ? t.checkout.badEmail : t.checkout.required);
    setBusy(true);
    const work = token
      ? api.put("/password-reset", { token, password: value })
      : api.post("/password-reset", { email: value.trim() });
    work
      .then(
        () => {
          if (!token) return setSent(true);
          toast(t.auth.resetDone);
          navigate("/sign-in", { replace: true });
        },
        (error: unknown) => {
          const refused = asProblem(error);
          setProblem(refused);
          const beside = fieldErrors(refused);
          const message = beside.password ?? beside.email;
          if (message) refuse(message);
        },
      )
      .finally(() => setBusy(false));
  };
  if (problem && isTokenProblem(problem)) return <BadLink again="/reset-password" />;
  if (sent) return <Empty page title={t.auth.reset} text={t.auth.resetSent} />;
  return (
    <div class="narrow stack">
      <h1>{t.auth.reset}</h1>
      <form class="card stack" ref={form} onSubmit={submit} noValidate>
        {!token && <p class="quiet">{t.auth.resetText}</p>}
        {token ? (
          <Field
            label={t.auth.newPassword}
            type="password"
            autocomplete="new-password"
            maxLength={128}
            hint={t.auth.passwordHint}
            value={value}
            error={errors.value}
            onInput={(event) => setValue(event.currentTarget.value)}
          />
        ) : (
          <Field
            label={t.auth.email}
            type="email"
            autocomplete="username"
            maxLength={254}
            value={value}
            error={errors.value}
            onInput={(event) => setValue(event.currentTarget.value)}
          />
        )}
        {problem && !errors.value && (
          <p class="wrong" role="alert">
            {problemTitle(problem)}
          </p>
        )}
        <Button kind="main" type="submit" big wide busy={busy}>
          {token ? t.auth.resetSet : t.auth.resetSend}
        </Button>
      </form>
    </div>
  );
}

function TokenPage() {
  const { path, query } = place.value;
  const token = query.get("token") ?? "";
  if (path.startsWith("/reset-password")) return <Reset key={token} token={token} />;
  if (!token) return <Empty page title={t.auth.noToken} text={t.auth.noTokenText} />;
  return path.startsWith("/unsubscribe") ? <Unsubscribe token={token} /> : <Verify token={token} />;
}

export { TokenPage as page };
