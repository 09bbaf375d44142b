import { escapeHtml, layout } from "./layout.ts";
import type { Submission } from "./submission-log.ts";

export const openings = [
  { title: "Harbour Operations Planner", place: "Rotterdam", team: "Operations" },
  { title: "Fleet Data Analyst", place: "Hamburg", team: "Analytics" },
  { title: "Customs Specialist", place: "Antwerp", team: "Compliance" },
  { title: "Night Shift Dispatcher", place: "Remote", team: "Dispatch" },
];

export function homePage(): string {
  return layout(
    "Welcome",
    `<h1>Work that keeps things moving</h1>
<p class="lead">Four minutes, four steps: tell us who you are and what you have done.</p>
<div class="card"><h2>Start an application</h2><a class="button" id="start" href="/apply">Apply now</a></div>`,
  );
}

/** Its content arrives late, as it does on the pages that people wait for. */
export function readPage(delayMs: number): string {
  return layout(
    "Openings",
    `<h1>Openings</h1><p class="lead">What we are looking for right now.</p>
<div id="list"><p class="waiting">Looking up openings …</p></div>
<script>
fetch("/read/openings?ms=${delayMs}").then((answer) => answer.json()).then((openings) => {
  const list = document.createElement("ul");
  list.className = "openings";
  for (const opening of openings) {
    const item = document.createElement("li");
    item.className = "card opening";
    const text = document.createElement("div");
    const title = document.createElement("h3");
    title.textContent = opening.title;
    const where = document.createElement("p");
    where.textContent = opening.team + " · " + opening.place;
    text.append(title, where);
    const link = document.createElement("a");
    link.href = "/apply";
    link.textContent = "Apply";
    item.append(text, link);
    list.append(item);
  }
  document.querySelector("#list").replaceChildren(list);
});
</script>`,
  );
}

export function confirmationPage(submission: Submission): string {
  return layout(
    "Application received",
    `<div class="card confirmation" id="confirmation"><div class="tick">✓</div>
<h1>Thank you, ${escapeHtml(submission.name) || "applicant"}</h1>
<p class="lead">We have received your application and will write to you.</p>
<p>Confirmation number</p><p class="number" id="confirmation-number">${escapeHtml(submission.confirmation)}</p>
<p class="lead">Reference <span id="confirmation-reference">${escapeHtml(submission.reference)}</span></p></div>`,
  );
}

export function notFoundPage(text = "There is nothing here"): string {
  return layout("Not found", `<h1>${escapeHtml(text)}</h1><p class="lead"><a href="/">Back to the start</a></p>`);
}
