/** The page of the synthetic browser task: what is filled in shows after the click. It needs script, layout and network to work. */
export const probePage = `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>Probe</title></head>
<body>
<form id="form"><label>Word <input id="word" name="word" autocomplete="off"></label> <button id="say" type="submit">Say it</button></form>
<p id="said"></p>
<script>
document.getElementById("form").addEventListener("submit", (event) => {
  event.preventDefault();
  document.getElementById("said").textContent = document.getElementById("word").value;
});
</script>
</body>
</html>
`;
