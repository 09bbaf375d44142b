import type { TaskSubmit } from "@valet/contracts";

type Step = TaskSubmit["steps"][number];

const firstApplicant = {
  firstName: "Amira",
  lastName: "Haddad",
  country: "France",
  employer: "Port of Marseille",
  position: "Fleet Data Analyst",
};
const applicants = [
  firstApplicant,
  {
    firstName: "Jonas",
    lastName: "Vermeer",
    country: "Netherlands",
    employer: "Maasvlakte Terminal",
    position: "Harbour Operations Planner",
  },
  {
    firstName: "Katarzyna",
    lastName: "Nowak",
    country: "Poland",
    employer: "Gdansk Customs",
    position: "Customs Specialist",
  },
  {
    firstName: "Lucia",
    lastName: "Romero",
    country: "Spain",
    employer: "Valencia Freight",
    position: "Night Shift Dispatcher",
  },
];
/** What the browser itself takes for such a form. */
const browserMs = 600;
const pauses = 4;

/**
 * Fills in the application form and submits it exactly once. It takes about `seconds`: the pauses lie before the
 * submission, as a careful applicant's do. Only the last click leaves the browser, so only that is a write.
 */
export function applicationTask(options: { siteUrl: string; reference: string; seconds: number }): TaskSubmit {
  const { siteUrl, reference, seconds } = options;
  const applicant = applicants[reference.charCodeAt(reference.length - 1) % applicants.length] ?? firstApplicant;
  const durationMs = Math.max(0, Math.round((seconds * 1000 - browserMs) / pauses));
  const pause = (name: string): Step => ({ action: "waitFor", durationMs, name });
  const next = (number: number): Step => ({
    action: "click",
    selector: `#next-${number}`,
    effect: "read",
    name: "continue",
  });
  const steps: Step[] = [
    { action: "goto", url: `${siteUrl}/apply?ref=${encodeURIComponent(reference)}`, name: "open the form" },
    { action: "fill", selector: "#first-name", value: applicant.firstName },
    { action: "fill", selector: "#last-name", value: applicant.lastName },
    {
      action: "fill",
      selector: "#email",
      value: `${applicant.firstName}.${applicant.lastName}@example.com`.toLowerCase(),
    },
    { action: "select", selector: "#country", value: applicant.country },
    pause("read the personal data again"),
    next(1),
    { action: "select", selector: "#position", value: applicant.position },
    { action: "fill", selector: "#employer", value: applicant.employer },
    { action: "fill", selector: "#years", value: "7" },
    { action: "fill", selector: "#motivation", value: "I like it when heavy things arrive on time." },
    pause("think about the motivation"),
    next(2),
    {
      action: "upload",
      selector: "#document",
      fileName: "curriculum-vitae.txt",
      contentBase64: curriculum(applicant),
      effect: "read",
    },
    { action: "assert", selector: "#document-chosen", text: "curriculum-vitae.txt" },
    pause("look for more documents"),
    next(3),
    { action: "assert", selector: "#review-reference", text: reference, name: "check the review" },
    pause("read the review"),
    { action: "screenshot", as: "review", fullPage: true },
    { action: "click", selector: "#submit", name: "submit the application" },
    { action: "extract", selector: "#confirmation-number", as: "confirmation" },
    { action: "extract", selector: "#confirmation-reference", as: "reference" },
    { action: "screenshot", as: "confirmation" },
  ];
  return {
    steps,
    allowedDomains: [new URL(siteUrl).hostname],
    timeoutMs: Math.min(3_600_000, seconds * 3_000 + 60_000),
    metadata: { reference },
  };
}

/** Waits for the slow list of openings and reads it; submits nothing. */
export function readTask(options: { siteUrl: string }): TaskSubmit {
  return {
    steps: [
      { action: "goto", url: `${options.siteUrl}/read?ms=3000`, name: "open the list" },
      { action: "waitFor", selector: ".opening", name: "wait for the list" },
      { action: "extract", selector: ".opening h3", as: "openings", all: true },
      { action: "screenshot", as: "openings" },
    ],
    allowedDomains: [new URL(options.siteUrl).hostname],
    metadata: { kind: "read" },
  };
}

function curriculum(applicant: { firstName: string; lastName: string; employer: string }): string {
  const text = `${applicant.firstName} ${applicant.lastName}\n\nSeven years at ${applicant.employer}.\n`;
  return Buffer.from(text).toString("base64");
}
