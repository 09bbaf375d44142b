import type { AgentHealth } from "@valet/contracts";

/** The host's state as Prometheus text. A number that is unknown is left out, never 0. */
export function metricsText(health: AgentHealth): string {
  const lines: string[] = [];
  const gauge = (name: string, help: string, values: [labels: string, value: number | null][]) => {
    const known = values.filter((pair): pair is [string, number] => pair[1] !== null);
    if (known.length === 0) return;
    lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} gauge`);
    for (const [labels, value] of known) lines.push(`${name}${labels} ${value}`);
  };
  const one = (value: number | null): [string, number | null][] => [["", value]];
  gauge("valet_agent_cpu_percent", "Load of the processors.", one(health.cpu));
  gauge("valet_agent_memory_total_bytes", "Memory of the host.", one(health.memoryTotalMb * 1024 * 1024));
  gauge(
    "valet_agent_memory_used_bytes",
    "Memory in use: MemTotal - MemAvailable.",
    one(health.memoryUsedMb * 1024 * 1024),
  );
  gauge("valet_agent_disk_total_bytes", "Size of the data disk.", one(health.diskTotalGb * 1e9));
  gauge("valet_agent_disk_used_bytes", "Bytes used on the data disk.", one(health.diskUsedGb * 1e9));
  gauge("valet_agent_uptime_seconds", "Since the agent started.", one(health.uptime));
  gauge("valet_agent_epoch", "Newest command epoch acted on.", one(health.epoch));
  gauge("valet_agent_active_jobs", "Jobs running over all generations.", one(health.activeWorkers));
  gauge("valet_agent_accepting", "1 when a generation accepts new work.", one(health.accepting ? 1 : 0));
  gauge("valet_agent_deploying", "1 while a deploy runs.", one(health.currentDeploy?.endedAt === null ? 1 : 0));
  const live = health.generations.filter(({ state }) => state !== "ended");
  const label = (number: number, state: string, tag: string) =>
    `{generation="${number}",state="${state}",image_tag="${tag.replace(/["\\\n]/g, "")}"}`;
  gauge(
    "valet_generation_active_jobs",
    "Jobs running on one generation.",
    live.map((entry) => [label(entry.generation, entry.state, entry.imageTag), entry.activeJobs]),
  );
  gauge(
    "valet_generation_restarts",
    "How often a generation's processes were started again.",
    live.map((entry) => [label(entry.generation, entry.state, entry.imageTag), entry.restarts]),
  );
  gauge(
    "valet_generation_healthy",
    "1 when both processes of a generation answer.",
    live.map((entry) => [label(entry.generation, entry.state, entry.imageTag), entry.healthy ? 1 : 0]),
  );
  return `${lines.join("\n")}\n`;
}
