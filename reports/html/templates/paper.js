// The command that writes a table of the reader's choice: of each group what is chosen, unless it is all of it.
const form = document.getElementById("paper-table");
form.addEventListener("change", () => {
  const chosen = new FormData(form);
  const groups = [...new Set(chosen.keys())].map((name) => [name, chosen.getAll(name)]);
  const isUsual = ([name, values]) => values[0] === "usual" || values.length === form.elements[name].length;
  const words = groups.filter((group) => !isUsual(group)).map(([name, values]) => `${name} ${values}`.trim());
  document.getElementById("paper-command").textContent = ["benchbench report RUN --format latex", ...words].join(" ");
});
