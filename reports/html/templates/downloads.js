// Each table as CSV and LaTeX, the papers as BibTeX, each figure as SVG and PNG: saved, or copied.
const files = packedJson(document.getElementById("downloads"));

// The text of a picture, always in its light colours.
function picture(figure) {
  const text = new TextDecoder().decode(bytes(figure.querySelector("img").src.split(",")[1]));
  return text.replace(/@media \(prefers-color-scheme:dark\)\{.*?\}\}/, "");
}

async function png(svg) {
  const image = make("img", { src: `data:image/svg+xml,${encodeURIComponent(svg)}` });
  await image.decode();
  const canvas = make("canvas", { width: 2 * image.naturalWidth, height: 2 * image.naturalHeight });
  const context = canvas.getContext("2d");
  context.fillStyle = "#fff";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(image, 0, 0, canvas.width, canvas.height);
  return new Promise((done) => canvas.toBlob(done));
}

// A button's `data-as` is the kind of file that it saves, or copy- and the kind. `content` answers a text or a blob.
function offer(bar, name, content) {
  bar.hidden = false;
  bar.addEventListener("click", async ({ target: { dataset: { as }, textContent: label } }) => {
    const kind = as?.replace("copy-", "");
    if (as && as === kind) {
      const address = URL.createObjectURL(new Blob([await content(kind)]));
      make("a", { href: address, download: `${name}.${kind}` }).click();
      setTimeout(() => URL.revokeObjectURL(address), 60_000);
    } else if (as) {
      const type = kind === "png" ? "image/png" : "text/plain";
      const copy = async () => navigator.clipboard.write([new ClipboardItem({ [type]: content(kind) })]);
      const isDone = await copy().then(() => true, () => false);
      const words = isDone ? `${label.replace("Copy ", "")} copied` : "the browser blocks copying: save or select it";
      bar.querySelector("output").textContent = words;
    }
  });
}

for (const bar of document.querySelectorAll("[data-table]")) {
  offer(bar, bar.dataset.file, async (kind) => (await files())[bar.dataset.table][kind]);
}
for (const bar of document.querySelectorAll("[data-figure]")) {
  const svg = async () => (await charts.svg(bar.closest("figure"))) ?? picture(bar.closest("figure"));
  offer(bar, bar.dataset.figure, async (kind) => (kind === "svg" ? svg() : png(await svg())));
}
globalThis.downloads = { offer };
