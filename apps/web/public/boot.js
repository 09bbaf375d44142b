// Runs before everything else. A file of its own, not inline, so that the content security policy can forbid inline code.
(function () {
  // A chosen theme must not flash the other one.
  const chosen = localStorage.getItem("valet.theme");
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
  // zod must not try whether it may compile code: the policy forbids it, and every try is reported as a violation.
  globalThis.__zod_globalConfig = { jitless: true };
})();
