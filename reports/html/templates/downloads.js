// Each table as CSV, as LaTeX, and its LaTeX into the clipboard: the texts lie in the page as they are.
(() => {
  "use strict";
  const source = document.getElementById("downloads");
  const files = JSON.parse(source.textContent);
  const TYPES = { csv: "text/csv;charset=utf-8", tex: "application/x-tex;charset=utf-8" };

  function save({ name, ...texts }, kind) {
    const address = URL.createObjectURL(new Blob([texts[kind]], { type: TYPES[kind] }));
    const link = document.createElement("a");
    Object.assign(link, { href: address, download: `${name}.${kind}` });
    link.click();
    setTimeout(() => URL.revokeObjectURL(address), 60_000);
  }

  async function copy({ tex }, status) {
    try {
      await navigator.clipboard.writeText(tex);
      status.textContent = "LaTeX copied";
    } catch {
      status.textContent = "the browser blocks copying: save the LaTeX file instead";
    }
  }

  for (const bar of document.querySelectorAll("[data-table]")) {
    const file = files[bar.dataset.table];
    for (const button of bar.querySelectorAll("button")) {
      const { as } = button.dataset;
      button.addEventListener("click", () => (as === "copy" ? copy(file, bar.querySelector("output")) : save(file, as)));
    }
    bar.hidden = false;
  }
})();
