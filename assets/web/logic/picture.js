// What viewers get to see: the choices from open to strict, and which of them may be taken.

export const STRICTER = {
  picture: ["camera", "mesh", "mesh-only"],
  bystanders: ["show", "blur"],
};

/** The choices of "picture" or "bystanders": one given on the command line may only be made stricter. */
export function choices(kind, view) {
  const all = STRICTER[kind];
  const present = all.indexOf(view[kind]);
  const locked = view.locked?.includes(kind) ?? false;
  return all.map((value, index) => ({
    value,
    checked: index === present,
    allowed: !locked || index >= present,
  }));
}
