import { useRef, useState } from "preact/hooks";
import { asProblem, type ApiProblem } from "../api/client.ts";
import { Button, Field, focusFirstError, problemTitle } from "../components/parts.tsx";
import { Logo } from "../components/Shell.tsx";
import { o } from "../i18n/office.ts";
import { fieldErrors, missing, type Errors } from "../lib/form.ts";
import { signIn, signOut } from "../lib/session.ts";
import { sessionEnded } from "./office.ts";

export function SignIn() {
  const form = useRef<HTMLFormElement>(null);
  const [email, setEmail] = useState("");
  const [password, setPassword] = useState("");
  const [errors, setErrors] = useState<Errors>({});
  const [problem, setProblem] = useState<ApiProblem>();
  const [busy, setBusy] = useState(false);
  const refuse = (found: Errors) => {
    setErrors(found);
    focusFirstError(form.current);
  };
  const submit = (event: Event) => {
    event.preventDefault();
    const found = missing({ email, password }, ["email", "password"]);
    setProblem(undefined);
    if (Object.keys(found).length) return refuse(found);
    setBusy(true);
    signIn(email.trim(), password).then(
      () => (sessionEnded.value = false),
      (error: unknown) => {
        setBusy(false);
        const refused = asProblem(error);
        if (refused.code === "wrong_credentials") return refuse({ password: o.signIn.wrong });
        setProblem(refused);
        refuse(fieldErrors(refused));
      },
    );
  };
  return (
    <form class="card door-card" ref={form} onSubmit={submit} noValidate>
      <div class="door-head">
        <Logo />
        <h1>{o.signIn.title}</h1>
        <p class="quiet">{sessionEnded.value ? o.signIn.ended : o.signIn.text}</p>
      </div>
      <Field label={o.signIn.email} type="email" name="email" autocomplete="username" value={email} error={errors.email} onInput={(event) => setEmail(event.currentTarget.value)} />
      <Field label={o.signIn.password} type="password" name="password" autocomplete="current-password" value={password} error={errors.password} onInput={(event) => setPassword(event.currentTarget.value)} />
      {problem && (
        <p class="wrong" role="alert">
          {problemTitle(problem)}
        </p>
      )}
      <Button kind="main" type="submit" big wide busy={busy}>
        {o.signIn.go}
      </Button>
      <p class="small door-foot">
        <a href="/">{o.signIn.toShop}</a>
      </p>
    </form>
  );
}

/** A shopper at the staff's door. */
export function NotYours({ name }: { name: string }) {
  return (
    <div class="card door-card">
      <div class="door-head">
        <Logo />
        <h1>{o.signIn.notYours(name)}</h1>
        <p class="quiet">{o.signIn.notYoursText}</p>
      </div>
      <a class="btn btn-main btn-big btn-wide" href="/">
        {o.signIn.toShop}
      </a>
      <Button wide onClick={() => void signOut()}>
        {o.signIn.another}
      </Button>
    </div>
  );
}
