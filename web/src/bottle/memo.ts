import { Component, h, type ComponentType } from "preact";

/** A component that renders again only when `same` says that its properties differ. */
export function memo<P extends object>(
  Inner: ComponentType<P>,
  same: (before: P, after: P) => boolean,
): ComponentType<P> {
  return class extends Component<P> {
    override shouldComponentUpdate(next: P): boolean {
      return !same(this.props as P, next);
    }
    override render() {
      return h(Inner, this.props as P & object);
    }
  };
}
