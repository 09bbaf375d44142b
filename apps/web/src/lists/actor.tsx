/** `operator:acme/jo` -> `jo`; what is no person (`reconciler`, `webhook`) stays as it is. */
export function actorName(actor: string): string {
  const person = /^(?:client|viewer|operator|admin):[^/]*\/(.+)$/.exec(actor);
  return person?.[1] ?? actor;
}

/** Who did something, by name; whole on hover. */
export function Actor(props: { actor: string }) {
  const name = actorName(props.actor);
  return name === props.actor ? <>{name}</> : <span title={props.actor}>{name}</span>;
}
