// A click on a heading sorts the rows below it, those without a number last; methods and controls stay apart.
addEventListener("click", ({ target }) => {
  const button = target.closest("button.sort");
  if (!button) return;
  const [heading, table] = [button.closest("th"), button.closest("table")];
  const isAscending = (heading.ariaSort === button.dataset.first) !== (button.dataset.first === "ascending");
  for (const cell of table.tHead.rows[0].cells) cell.ariaSort = "none";
  heading.ariaSort = isAscending ? "ascending" : "descending";
  const text = ({ cells: { [heading.cellIndex]: cell } }) => cell.dataset.value ?? cell.textContent.trim();
  const order = (x, y) => (heading.cellIndex ? x - y : x.localeCompare(y)) * (isAscending ? 1 : -1);
  const compare = (x, y) => (x && y ? order(x, y) : (x === "") - (y === ""));
  for (const body of table.querySelectorAll("tbody:not(.label)")) {
    body.append(...[...body.rows].sort((a, b) => compare(text(a), text(b))));
  }
});
addEventListener("beforeprint", () => {
  for (const part of document.querySelectorAll("details:not(.again)")) part.open = true;
});
