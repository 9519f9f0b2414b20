// The command that writes a table of the reader's choice.
(() => {
  "use strict";
  const [form, command, copy] = ["paper-table", "paper-command", "paper-copy"].map((id) => document.getElementById(id));
  const quoted = (text) => (/^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);

  function write() {
    const parts = [];
    for (const group of form.querySelectorAll("fieldset:has([value])")) {
      const boxes = [...group.querySelectorAll("[type=checkbox][value]")];
      const chosen = boxes.filter((box) => box.checked);
      if (chosen.length && chosen.length < boxes.length) parts.push(`${boxes[0].name} ${quoted(chosen.map((box) => box.value).join(","))}`);
    }
    for (const box of form.querySelectorAll("select")) if (box.value) parts.push(`${box.name} ${box.value}`);
    for (const box of form.querySelectorAll("[type=checkbox]:not([value])")) if (box.checked) parts.push(box.name);
    command.textContent = ["benchbench report RUN --format latex", ...parts, ...(form.elements["--cite"].checked ? ["--out table.tex"] : [])].join(" ");
  }

  form.addEventListener("change", write);
  form.addEventListener("submit", (event) => event.preventDefault());
  copy.hidden = false;
  copy.querySelector("button").addEventListener("click", async () => {
    const done = await navigator.clipboard.writeText(command.textContent).then(() => true, () => false);
    copy.querySelector("output").textContent = done ? "copied" : "the browser blocks copying: select the command instead";
  });
})();
