import { Dialog } from "../components/parts.tsx";
import { o } from "../i18n/office.ts";
import { keysOn, keysShown, turnKeys } from "./keys.ts";

const KEYS: ReadonlyArray<[readonly string[], string]> = [
  [["/"], o.keys.search],
  [["↓", "↑"], o.keys.move],
  [["Enter"], o.keys.enter],
  [["Esc"], o.keys.back],
  [["Ctrl", "S"], o.keys.save],
  [["?"], o.keys.help],
];

export function KeysBox() {
  return (
    <Dialog open={keysShown.value} onClose={() => (keysShown.value = false)} title={o.keys.title} kind="box">
      <dl class="keys">
        {KEYS.map(([keys, what]) => (
          <div key={what}>
            <dt>
              {keys.map((key) => (
                <kbd key={key}>{key}</kbd>
              ))}
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
      <label class="check">
        <input type="checkbox" checked={keysOn.value} onChange={() => turnKeys(!keysOn.value)} />
        <span>
          {o.keys.single}
          <span class="hint block">{o.keys.singleHint}</span>
        </span>
      </label>
    </Dialog>
  );
}
