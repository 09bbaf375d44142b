import { type Result, err, ok } from "@valet/shared";
import { LineCounter, type Pair, type Node, isMap, isNode, isPair, isScalar, isSeq, parseDocument } from "yaml";
import type { ConfigProblem } from "../config-problem.ts";
import { type RolloutConfig, parseRolloutConfig } from "../rollout-config.ts";

/** Where in the text a problem is; from 1. */
export interface YamlProblem extends ConfigProblem {
  line: number;
  column: number;
}

export const rolloutYamlLimitChars = 65_536;

/** Reads `rollout.yml` (or JSON, which is YAML too). Each problem has its key, its line and what is allowed there. */
export function parseRolloutYaml(text: string): Result<RolloutConfig, YamlProblem[]> {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const positionOf = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col) };
  };
  const faults = [...document.errors, ...document.warnings];
  if (faults.length > 0) {
    return err(
      faults.slice(0, 20).map(({ message, code, pos }) => ({
        path: [],
        field: "",
        message: `is not YAML: ${message}`,
        code: code.toLowerCase(),
        ...positionOf(pos[0]),
      })),
    );
  }
  const value = valueOf(() => document.toJS({ maxAliasCount: 20 }) as unknown);
  if (!value.ok) return err([{ path: [], field: "", message: value.error, code: "aliases", line: 1, column: 1 }]);
  const parsed = parseRolloutConfig(value.value);
  if (parsed.ok) return ok(parsed.value);
  return err(parsed.error.map((problem) => ({ ...problem, ...positionOf(offsetOf(document.contents, problem)) })));
}

/** `line 7, column 22: environments.production.approvals: must be at least 0` */
export function yamlProblemText({ line, column, field, message }: YamlProblem): string {
  return `line ${line}, column ${column}: ${field ? `${field}: ` : ""}${message}`;
}

/** Aliases that multiply beyond all measure throw. */
function valueOf(read: () => unknown): Result<unknown, string> {
  try {
    return ok(read());
  } catch (error) {
    if (error instanceof ReferenceError) return err(`is not allowed: ${error.message}`);
    throw error;
  }
}

/** Where the value begins; a key that should not be there counts itself, and what is missing is where it would go. */
function offsetOf(root: unknown, { path, code }: ConfigProblem): number {
  let node = root;
  let offset = startOf(root) ?? 0;
  path.forEach((key, index) => {
    const pair = pairOf(node, key);
    node = pair ? pair.value : isSeq(node) ? node.items[Number(key)] : undefined;
    const isValue = index === path.length - 1 && isScalar(node) && code !== "unrecognized_keys";
    offset = (isValue ? startOf(node) : (startOf(pair?.key) ?? startOf(node))) ?? offset;
  });
  return offset;
}

function pairOf(node: unknown, key: string | number): Pair | undefined {
  if (!isMap(node)) return undefined;
  return node.items.find((pair) => isPair(pair) && isScalar(pair.key) && String(pair.key.value) === String(key));
}

function startOf(node: unknown): number | undefined {
  return isNode(node) ? (node as Node).range?.[0] : undefined;
}
