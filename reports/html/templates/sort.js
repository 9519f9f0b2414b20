// Column headings of the leaderboards sort their rows; methods and controls stay apart. Details open for printing.
(() => {
  "use strict";
  const value = (row, column) => row.cells[column].dataset.value ?? row.cells[column].textContent.trim();

  function compare(a, b, column, sign) {
    const [x, y] = [value(a, column), value(b, column)];
    if (x === "" || y === "") return (x === "") - (y === ""); // without a number: last, in both directions
    return sign * (column === 0 ? x.localeCompare(y) : Number(x) - Number(y));
  }

  function sort(button) {
    const heading = button.closest("th");
    const table = button.closest("table");
    const first = button.dataset.first;
    const other = first === "ascending" ? "descending" : "ascending";
    const order = heading.getAttribute("aria-sort") === first ? other : first;
    for (const cell of table.tHead.rows[0].cells) cell.setAttribute("aria-sort", "none");
    heading.setAttribute("aria-sort", order);
    const sign = order === "ascending" ? 1 : -1;
    for (const body of table.querySelectorAll("tbody:not(.label)")) {
      body.append(...[...body.rows].sort((a, b) => compare(a, b, heading.cellIndex, sign)));
    }
  }

  for (const button of document.querySelectorAll("button.sort")) button.addEventListener("click", () => sort(button));
  addEventListener("beforeprint", () => document.querySelectorAll("details:not(.again)").forEach((part) => (part.open = true)));
})();
