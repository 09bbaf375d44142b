/** Text made safe for HTML. */
export function escapeHtml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}

/** The frame of every page: one column, one accent, no requests to anywhere else. */
export function layout(title: string, body: string): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)} · Northwind Careers</title>
<link rel="icon" href="data:,">
<style>${styles}</style>
</head>
<body>
<header><a class="brand" href="/"><span class="mark"></span>Northwind <em>Careers</em></a>
<nav><a href="/read">Openings</a><a href="/apply">Apply</a></nav></header>
<main>${body}</main>
<footer>Northwind Logistics · Harbour Street 12 · an invented company, for demonstration</footer>
</body>
</html>`;
}

const styles = `
:root { --ink: #1c2430; --soft: #5d6b7e; --line: #dfe4ec; --paper: #fff; --ground: #f4f6fa; --accent: #1f5eff; --good: #12805c; }
* { box-sizing: border-box; }
body { margin: 0; min-height: 100vh; display: flex; flex-direction: column; background: var(--ground); color: var(--ink); font: 16px/1.5 system-ui, "Segoe UI", Roboto, sans-serif; }
header { display: flex; justify-content: space-between; align-items: center; padding: 14px 32px; background: var(--paper); border-bottom: 1px solid var(--line); }
header a { color: inherit; text-decoration: none; } nav a { margin-left: 22px; color: var(--soft); } nav a:hover { color: var(--accent); }
.brand { font-weight: 650; display: flex; align-items: center; gap: 10px; } .brand em { font-weight: 400; font-style: normal; color: var(--soft); }
.mark { width: 22px; height: 22px; border-radius: 6px; background: conic-gradient(from 210deg, #1f5eff, #48b0ff, #1f5eff); }
main { width: min(760px, 100% - 32px); margin: 36px auto; flex: 1; }
footer { padding: 20px 32px; color: var(--soft); font-size: 13px; text-align: center; }
h1 { font-size: 28px; line-height: 1.2; margin: 0 0 6px; letter-spacing: -0.01em; } h2 { font-size: 19px; margin: 0 0 18px; }
.lead { color: var(--soft); margin: 0 0 26px; }
.card { background: var(--paper); border: 1px solid var(--line); border-radius: 14px; padding: 28px; box-shadow: 0 1px 2px rgb(28 36 48 / 5%); }
.fields { display: grid; grid-template-columns: 1fr 1fr; gap: 18px; } .wide { grid-column: 1 / -1; }
label { display: block; font-size: 14px; font-weight: 550; } label small { color: var(--soft); font-weight: 400; }
input, select, textarea { width: 100%; margin-top: 6px; padding: 10px 12px; font: inherit; color: inherit; background: #fbfcfe; border: 1px solid var(--line); border-radius: 9px; }
input:focus, select:focus, textarea:focus { outline: 2px solid color-mix(in srgb, var(--accent) 45%, transparent); border-color: var(--accent); }
.actions { display: flex; justify-content: space-between; margin-top: 26px; }
button, .button { font: inherit; font-weight: 600; padding: 10px 20px; border-radius: 9px; border: 1px solid transparent; background: var(--accent); color: #fff; cursor: pointer; text-decoration: none; display: inline-block; }
button.quiet { background: transparent; color: var(--soft); border-color: var(--line); }
ol.progress { display: flex; gap: 10px; list-style: none; padding: 0; margin: 0 0 22px; }
ol.progress li { flex: 1; padding-top: 10px; border-top: 3px solid var(--line); color: var(--soft); font-size: 13px; }
ol.progress li.current { border-color: var(--accent); color: var(--ink); font-weight: 600; } ol.progress li.done { border-color: var(--good); }
section[hidden] { display: none; }
dl.summary { display: grid; grid-template-columns: 180px 1fr; gap: 10px 16px; margin: 0; } dl.summary dt { color: var(--soft); } dl.summary dd { margin: 0; font-weight: 550; }
.confirmation { text-align: center; padding: 44px 28px; } .tick { width: 56px; height: 56px; margin: 0 auto 18px; border-radius: 50%; background: #e3f4ec; color: var(--good); display: grid; place-items: center; font-size: 28px; }
.number { font: 600 22px/1 ui-monospace, monospace; letter-spacing: 0.04em; margin: 18px 0; }
ul.openings { list-style: none; padding: 0; margin: 0; display: grid; gap: 12px; } ul.openings li { display: flex; justify-content: space-between; align-items: center; }
ul.openings h3 { margin: 0; font-size: 17px; } ul.openings p { margin: 2px 0 0; color: var(--soft); font-size: 14px; }
.waiting { color: var(--soft); display: flex; gap: 12px; align-items: center; } .waiting::before { content: ""; width: 18px; height: 18px; border-radius: 50%; border: 2px solid var(--line); border-top-color: var(--accent); animation: turn 0.8s linear infinite; }
@keyframes turn { to { transform: rotate(1turn); } }
@media (max-width: 560px) { .fields, dl.summary { grid-template-columns: 1fr; } }
`;
