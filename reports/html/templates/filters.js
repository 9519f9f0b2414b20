// What the boxes above the leaderboard leave out is out of sight on the screen, and listed; paper shows everything.
(() => {
  "use strict";
  const form = document.getElementById("filters");
  if (!form) return;
  const boxes = [...form.querySelectorAll("input[type=checkbox]")];
  const blocks = [...document.querySelectorAll("[data-layer]")];
  const off = (key) => new Set(boxes.filter((box) => box.name === key && !box.checked).map((box) => box.value));
  const names = (key) => boxes.filter((box) => box.name === key && !box.checked).map((box) => box.dataset.name);

  function columns(table, hidden) {
    const heads = [...table.tHead.rows[0].cells];
    const out = heads.map((head) => "family" in head.dataset && hidden.has(head.dataset.family));
    for (const row of table.rows) {
      if (row.cells.length === heads.length) [...row.cells].forEach((cell, at) => cell.classList.toggle("out", out[at]));
    }
    return out.filter(Boolean).length;
  }

  function apply() {
    const hidden = Object.fromEntries(["network", "data", "layer", "family"].map((key) => [key, off(key)]));
    const out = (block) => ["network", "data", "layer"].some((key) => hidden[key].has(block.dataset[key]));
    for (const block of blocks) block.classList.toggle("out", out(block));
    for (const table of document.querySelectorAll("table.board:has([data-family])")) columns(table, hidden.family);
    for (const section of document.querySelectorAll("main > section")) {
      const inside = [...section.querySelectorAll("[data-layer]:not(li)")];
      const gone = inside.filter((block) => block.classList.contains("out")).length;
      const note = section.querySelector(".filtered");
      if (note) note.textContent = gone ? `${gone} of ${inside.length} are hidden by the boxes above the leaderboard.` : "";
    }
    const hiddenNames = ["network", "data", "layer", "family"].flatMap((key) => names(key));
    form.querySelector("output").textContent = hiddenNames.length ? `Hidden: ${hiddenNames.join(", ")}.` : "Everything is shown.";
    form.querySelector("button").disabled = !hiddenNames.length;
  }

  form.hidden = false;
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("change", apply);
  form.querySelector("button").addEventListener("click", () => {
    boxes.forEach((box) => (box.checked = true));
    apply();
    boxes[0].focus();
  });
  apply();
})();
