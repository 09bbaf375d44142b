import { analysisResultSchema, type AnalysisResult, type DeployView } from "@valet/contracts";
import type { Tone } from "@valet/ui";

/** Every look that was taken, oldest first, from the journal; a look that was taken again while tasks still ran is told once. */
export function looksOf(deploy: DeployView): AnalysisResult[] {
  const found = [...deploy.decisions]
    .sort((a, b) => a.seq - b.seq)
    .flatMap(({ data }) => {
      const parsed = analysisResultSchema.safeParse(data["analysis"]);
      return parsed.success ? [parsed.data] : [];
    });
  if (deploy.analysis !== null) found.push(deploy.analysis);
  return found.filter((look, index) => found[index + 1]?.look !== look.look);
}

/** What the analysis waits for, in the engine's words; null: for nothing. */
export function analysisWait(deploy: DeployView): string | null {
  const said = deploy.waitingOn.find((text) => text.startsWith(prefix));
  return said === undefined ? null : said.slice(prefix.length);
}
const prefix = "the analysis: ";

/** A verdict as people say it: what is not final is no verdict yet. */
export function verdictWords(result: AnalysisResult | null): { text: string; tone: Tone } {
  if (result === null) return { text: "not yet", tone: "waiting" };
  if (!result.final) return { text: "going on", tone: "active" };
  return { text: result.verdict, tone: verdictTones[result.verdict] };
}

export const verdictTones: Readonly<Record<AnalysisResult["verdict"], Tone>> = {
  successful: "good",
  failed: "bad",
  inconclusive: "attention",
  error: "attention",
};

/** `0.00004`, `0.0671`, `0.43`: enough digits to compare it with what a look may spend. */
export function probabilityText(value: number): string {
  if (value < 0.000001) return "< 0.000001";
  return String(Number(value.toPrecision(value < 0.1 ? 2 : 3)));
}
