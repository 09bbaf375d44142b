/** Baked in by the build; absent when run from source. */
declare const __GH_VERSION__: string | undefined;

/** Version of this program: the baked one, else the tag it was installed under. */
export function programVersion(imageTag: string): string {
  return typeof __GH_VERSION__ === "string" ? __GH_VERSION__ : imageTag;
}
