// The command that writes a table of the reader's choice: of each group what is chosen, unless it is all of it.
const form = document.getElementById("paper-table");
form.addEventListener("click", ({ target: { dataset: { check }, parentElement: { elements: boxes } } }) => {
  for (const box of check ? boxes : []) box.checked = check === "all";
  if (check) form.dispatchEvent(new Event("change"));
});
form.addEventListener("change", () => {
  const names = new Set([...form.elements].map(({ name }) => name).filter(Boolean));
  const groups = [...names].map((name) => [name, new FormData(form).getAll(name), form.elements[name]]);
  const none = groups.find(([, values, boxes]) => !values.length && boxes instanceof RadioNodeList);
  const differs = ([, values, { length }]) => values.length && values[0] !== "usual" && values.length !== length;
  const words = groups.filter(differs).map(([name, values]) => ` ${name} ${values}`.trimEnd());
  document.getElementById("paper-command").textContent = none
    ? `Choose at least one of ${none[0]}.` : `benchbench report RUN --format latex${words.join("")}`;
});
