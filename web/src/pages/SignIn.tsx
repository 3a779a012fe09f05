import { useEffect, useRef, useState } from "preact/hooks";
import { api, asProblem, type ApiProblem } from "../api/client.ts";
import { Button, Field, focusFirstError, problemTitle } from "../components/parts.tsx";
import { t } from "../i18n/index.ts";
import { ageOf, fieldErrors, looksLikeEmail, missing, type Errors } from "../lib/form.ts";
import { useTitle } from "../lib/head.ts";
import { navigate, place } from "../lib/router.tsx";
import { signIn, user } from "../lib/session.ts";
import { toast } from "../lib/signals.ts";

/** Where to after signing in; never to another site. */
function nextPath(): string {
  const next = place.value.query.get("next") ?? "";
  return /^\/(?![/\\])/.test(next) ? next : "/account";
}

const withNext = (path: string): string => {
  const next = place.value.query.get("next");
  return next ? `${path}?next=${encodeURIComponent(next)}` : path;
};

function leave(): void {
  const to = nextPath();
  if (to.startsWith("/office")) window.location.assign(to);
  else navigate(to, { replace: true });
}

function SignInForm() {
  const form = useRef<HTMLFormElement>(null);
  const [email, setEmail] = useState("");
  const [password, setPassword] = useState("");
  const [errors, setErrors] = useState<Errors>({});
  const [problem, setProblem] = useState<ApiProblem>();
  const [busy, setBusy] = useState(false);
  const submit = (event: Event) => {
    event.preventDefault();
    const found = missing({ email, password }, ["email", "password"]);
    setErrors(found);
    setProblem(undefined);
    if (Object.keys(found).length) return focusFirstError(form.current);
    setBusy(true);
    signIn(email.trim(), password).then(
      (signedIn) => {
        toast(t.auth.welcome(signedIn.name));
        leave();
      },
      (error: unknown) => {
        setBusy(false);
        const refused = asProblem(error);
        setProblem(refused);
        if (refused.code === "wrong_credentials") setErrors({ password: t.auth.wrong });
        else setErrors(fieldErrors(refused));
        focusFirstError(form.current);
      },
    );
  };
  return (
    <form class="card stack" ref={form} onSubmit={submit} noValidate>
      <Field
        label={t.auth.email}
        type="email"
        name="email"
        autocomplete="username"
        value={email}
        error={errors.email}
        onInput={(event) => setEmail(event.currentTarget.value)}
      />
      <Field
        label={t.auth.password}
        type="password"
        name="password"
        autocomplete="current-password"
        value={password}
        error={errors.password}
        onInput={(event) => setPassword(event.currentTarget.value)}
      />
      {problem && problem.code !== "wrong_credentials" && (
        <p class="wrong" role="alert">
          {problemTitle(problem)}
        </p>
      )}
      <Button kind="main" type="submit" big wide busy={busy}>
        {t.auth.signIn}
      </Button>
      <p class="spread small">
        <a href="/reset-password">{t.auth.forgot}</a>
        <span>
          {t.auth.noAccount} <a href={withNext("/register")}>{t.auth.register}</a>
        </span>
      </p>
    </form>
  );
}

function RegisterForm() {
  const form = useRef<HTMLFormElement>(null);
  const [values, setValues] = useState({ name: "", email: "", password: "", birth_date: "" });
  const [marketing, setMarketing] = useState(false);
  const [errors, setErrors] = useState<Errors>({});
  const [problem, setProblem] = useState<ApiProblem>();
  const [busy, setBusy] = useState(false);
  const set = (name: keyof typeof values) => (event: { currentTarget: { value: string } }) =>
    setValues({ ...values, [name]: event.currentTarget.value });
  const refuse = (found: Errors) => {
    setErrors(found);
    focusFirstError(form.current);
  };
  const submit = (event: Event) => {
    event.preventDefault();
    setProblem(undefined);
    const found = missing(values, ["name", "email", "password", "birth_date"]);
    if (!found.email && !looksLikeEmail(values.email.trim())) found.email = t.checkout.badEmail;
    if (!found.password && [...values.password].length < 8) found.password = t.auth.short;
    if (!found.birth_date && Number.isNaN(ageOf(values.birth_date))) found.birth_date = t.checkout.badDate;
    if (Object.keys(found).length) return refuse(found);
    setErrors({});
    setBusy(true);
    const email = values.email.trim();
    api
      .post("/users", { ...values, email, name: values.name.trim(), marketing })
      .then(() => signIn(email, values.password))
      .then(
        () => {
          toast(t.auth.registered);
          leave();
        },
        (error: unknown) => {
          setBusy(false);
          const refused = asProblem(error);
          setProblem(refused);
          refuse(refused.code === "email_taken" ? { email: t.auth.taken } : fieldErrors(refused));
        },
      );
  };
  return (
    <form class="card stack" ref={form} onSubmit={submit} noValidate>
      <Field
        label={t.auth.name}
        name="name"
        autocomplete="name"
        maxLength={100}
        value={values.name}
        error={errors.name}
        onInput={set("name")}
      />
      <Field
        label={t.auth.email}
        type="email"
        name="email"
        autocomplete="username"
        maxLength={254}
        value={values.email}
        error={errors.email}
        onInput={set("email")}
      />
      <Field
        label={t.auth.password}
        type="password"
        name="password"
        autocomplete="new-password"
        maxLength={128}
        hint={t.auth.passwordHint}
        value={values.password}
        error={errors.password}
        onInput={set("password")}
      />
      <Field
        label={t.auth.birth}
        type="date"
        name="birth_date"
        autocomplete="bday"
        min="1900-01-01"
        hint={t.auth.birthHint}
        value={values.birth_date}
        error={errors.birth_date}
        onInput={set("birth_date")}
      />
      <label class="check">
        <input type="checkbox" checked={marketing} onChange={() => setMarketing(!marketing)} />
        {t.auth.marketing}
      </label>
      {problem && !Object.keys(errors).length && (
        <p class="wrong" role="alert">
          {problemTitle(problem)}
        </p>
      )}
      <Button kind="main" type="submit" big wide busy={busy}>
        {t.auth.register}
      </Button>
      <p class="small">
        {t.auth.haveAccount} <a href={withNext("/sign-in")}>{t.auth.signIn}</a>
      </p>
    </form>
  );
}

function SignIn() {
  const registering = place.value.path.startsWith("/register");
  const title = registering ? t.auth.register : t.auth.signIn;
  useTitle(title);
  useEffect(() => {
    if (user.value) leave();
  }, []);
  return (
    <div class="narrow stack">
      <h1>{title}</h1>
      {registering ? <RegisterForm /> : <SignInForm />}
    </div>
  );
}

export { SignIn as page };
