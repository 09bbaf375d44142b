import { escapeHtml, layout } from "./layout.ts";
import { openings } from "./pages.ts";

const steps = ["Personal data", "Experience", "Documents", "Review"];

/** The application form: four steps in one form, sent once at the end. Only the last button leaves the browser. */
export function applyPage(reference: string): string {
  const progress = steps.map((name, index) => `<li data-step="${index + 1}">${index + 1}. ${name}</li>`).join("");
  return layout(
    "Apply",
    `<h1>Your application</h1><p class="lead">Reference <b id="reference-shown">${escapeHtml(reference) || "none"}</b></p>
<ol class="progress">${progress}</ol>
<form class="card" method="post" action="/applications" enctype="multipart/form-data" id="application">
<input type="hidden" name="reference" id="reference" value="${escapeHtml(reference)}">
${personal}${experience}${documents}${review}
</form>
<script>${script}</script>`,
  );
}

const countries = ["Belgium", "France", "Germany", "Netherlands", "Poland", "Spain"];
const options = (values: string[]) => values.map((value) => `<option>${value}</option>`).join("");

const personal = `<section data-step="1"><h2>Who are you?</h2><div class="fields">
<label>First name<input name="firstName" id="first-name" autocomplete="off" required></label>
<label>Last name<input name="lastName" id="last-name" autocomplete="off" required></label>
<label>E-mail<input name="email" id="email" type="email" required></label>
<label>Phone <small>optional</small><input name="phone" id="phone" type="tel"></label>
<label class="wide">Country<select name="country" id="country">${options(countries)}</select></label>
</div><div class="actions"><span></span><button type="button" id="next-1">Continue</button></div></section>`;

const experience = `<section data-step="2" hidden><h2>What have you done?</h2><div class="fields">
<label class="wide">Position<select name="position" id="position">${options(openings.map((opening) => opening.title))}</select></label>
<label>Last employer<input name="employer" id="employer"></label>
<label>Years of experience<input name="years" id="years" type="number" min="0" max="60" value="0"></label>
<label class="wide">Why us?<textarea name="motivation" id="motivation" rows="5" required></textarea></label>
</div><div class="actions"><button type="button" class="quiet" id="back-2">Back</button><button type="button" id="next-2">Continue</button></div></section>`;

const documents = `<section data-step="3" hidden><h2>Your documents</h2><div class="fields">
<label class="wide">Curriculum vitae <small>up to 5 MB</small><input type="file" name="document" id="document" required></label>
<p class="wide lead" id="document-chosen">Nothing chosen yet</p>
</div><div class="actions"><button type="button" class="quiet" id="back-3">Back</button><button type="button" id="next-3">Continue</button></div></section>`;

const review = `<section data-step="4" hidden><h2>Is this right?</h2><dl class="summary" id="review"></dl>
<div class="actions"><button type="button" class="quiet" id="back-4">Back</button><button type="submit" id="submit">Submit application</button></div></section>`;

const script = `
const form = document.querySelector("#application");
const labels = { reference: "Reference", firstName: "First name", lastName: "Last name", email: "E-mail", phone: "Phone", country: "Country",
  position: "Position", employer: "Last employer", years: "Years of experience", motivation: "Why us?", document: "Curriculum vitae" };
function show(step) {
  for (const section of form.querySelectorAll("section")) section.hidden = section.dataset.step !== String(step);
  for (const item of document.querySelectorAll("ol.progress li")) {
    item.className = Number(item.dataset.step) === step ? "current" : Number(item.dataset.step) < step ? "done" : "";
  }
  if (step === 4) fillReview();
}
function fillReview() {
  const list = document.querySelector("#review");
  list.replaceChildren();
  for (const [name, value] of new FormData(form)) {
    const term = document.createElement("dt");
    term.textContent = labels[name];
    const text = document.createElement("dd");
    text.id = "review-" + name;
    text.textContent = value instanceof File ? value.name + " (" + value.size + " bytes)" : value || "not given";
    list.append(term, text);
  }
}
const complete = (step) => [...form.querySelectorAll('section[data-step="' + step + '"] [required]')].every((field) => field.reportValidity());
for (const step of [1, 2, 3]) document.querySelector("#next-" + step).onclick = () => { if (complete(step)) show(step + 1); };
for (const step of [2, 3, 4]) document.querySelector("#back-" + step).onclick = () => show(step - 1);
document.querySelector("#document").onchange = (event) => {
  const file = event.target.files[0];
  document.querySelector("#document-chosen").textContent = file ? file.name + ", " + file.size + " bytes" : "Nothing chosen yet";
};
show(1);
`;
