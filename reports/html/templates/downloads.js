// Each table as CSV and LaTeX, the papers as BibTeX, each figure as SVG and PNG: saved, or copied. The tables' texts lie in the page.
(() => {
  "use strict";
  const files = packedJson(document.getElementById("downloads"));
  const TYPES = { csv: "text/csv;charset=utf-8", tex: "application/x-tex;charset=utf-8", bib: "application/x-bibtex;charset=utf-8", txt: "text/plain;charset=utf-8", svg: "image/svg+xml", png: "image/png" };

  function save(name, kind, content) {
    const address = URL.createObjectURL(new Blob([content], { type: TYPES[kind] }));
    const link = document.createElement("a");
    Object.assign(link, { href: address, download: `${name}.${kind}` });
    link.click();
    setTimeout(() => URL.revokeObjectURL(address), 60_000);
  }

  // The text of a picture, always in its light colours.
  function picture(figure) {
    const code = atob(figure.querySelector("img").src.split(",")[1]);
    const text = new TextDecoder().decode(Uint8Array.from(code, (c) => c.charCodeAt(0)));
    return text.replace(/@media \(prefers-color-scheme:dark\)\{.*?\}\}/, "");
  }

  async function png(svg) {
    const image = new Image();
    image.src = `data:image/svg+xml,${encodeURIComponent(svg)}`;
    await image.decode();
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [2 * image.naturalWidth, 2 * image.naturalHeight];
    const context = canvas.getContext("2d");
    context.fillStyle = "#fff";
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.drawImage(image, 0, 0, canvas.width, canvas.height);
    return new Promise((done) => canvas.toBlob(done, TYPES.png));
  }

  // `as` is csv, tex, svg or png to save; copy (tex), copy-bib, copy-txt, copy-svg or copy-png to copy. `content` answers a text or a blob.
  async function act(as, name, content, status) {
    const kind = as === "copy" ? "tex" : as.replace("copy-", "");
    if (as === kind) return save(name, kind, await content(kind));
    const label = { tex: "LaTeX", bib: "BibTeX", txt: "text", svg: "SVG", png: "PNG" }[kind];
    try {
      if (kind === "png") await navigator.clipboard.write([new ClipboardItem({ [TYPES.png]: content(kind) })]);
      else await navigator.clipboard.writeText(await content(kind));
      status.textContent = `${label} copied`;
    } catch {
      status.textContent = `the browser blocks copying: ${kind === "txt" ? "select the text" : `save the ${label} file`} instead`;
    }
  }

  function offer(bar, name, content) {
    for (const button of bar.querySelectorAll("button")) {
      button.addEventListener("click", () => act(button.dataset.as, name, content, bar.querySelector("output")));
    }
    bar.hidden = false;
  }

  for (const bar of document.querySelectorAll("[data-table]")) {
    offer(bar, bar.dataset.file, async (kind) => (await files())[bar.dataset.table][kind]);
  }
  for (const bar of document.querySelectorAll("[data-figure]")) {
    const figure = bar.closest("figure");
    const svg = async () => (await charts.svg(figure)) ?? picture(figure);
    const name = `benchbench-${bar.dataset.figure.toLowerCase().replace(/[^a-z0-9.]+/g, "-").slice(0, 80)}`;
    offer(bar, name, async (kind) => (kind === "svg" ? svg() : png(await svg())));
  }
})();
