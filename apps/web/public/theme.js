// Runs before the first paint, so that a chosen theme never flashes the other one. A file of its own: no inline script.
(function () {
  const chosen = localStorage.getItem("valet.theme");
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
})();
