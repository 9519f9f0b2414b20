// The command that writes a table of the reader's choice.
const [form, command, bar] = ["table", "command", "copy"].map((name) => document.getElementById(`paper-${name}`));
const quoted = (text) => (/^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);
const all = (part, selector) => [...part.querySelectorAll(selector)];

form.addEventListener("change", () => {
  const parts = all(form, "fieldset:has(input[value])").flatMap((group) => {
    const [boxes, chosen] = [all(group, "input"), all(group, ":checked").map(({ value }) => value)];
    return chosen.length % boxes.length ? [`${boxes[0].name} ${quoted(chosen.join(","))}`] : [];
  });
  const settings = all(form, "select").filter(({ value }) => value).map(({ name, value }) => `${name} ${value}`);
  const flags = all(form, "input:checked:not([value])").map(({ name }) => name);
  command.textContent = ["benchbench report RUN --format latex", ...parts, ...settings, ...flags].join(" ");
});
form.addEventListener("submit", (event) => event.preventDefault());
downloads.offer(bar, "", () => command.textContent);
