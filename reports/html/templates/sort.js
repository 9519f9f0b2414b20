// The library next to this one sorts a table by the heading that was clicked; here a heading says how it sorts first.
document.addEventListener("click", ({ target }) => {
  const button = target.closest("button.sort");
  button?.closest("table").classList.toggle("asc", button.dataset.first === "ascending");
}, true);
