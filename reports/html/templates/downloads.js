// Each table as CSV and LaTeX, the papers as BibTeX, each figure as SVG and PNG: saved, or copied.
const files = kept(document.getElementById("downloads"));
// The chart of a figure as it is shown, with a legend, or its drawing in light colours: both on white.
async function svg(figure) {
  const { data, layout } = figure.querySelector(".live") ?? {};
  const chart = { data, layout: { ...layout, showlegend: true } };
  if (data) return (await charts.plotly()).toImage(chart, { format: "svg", imageDataOnly: true });
  const drawing = figure.querySelector("svg").cloneNode(true);
  drawing.style = "background: #fff; color: #1b1b1a; --rule: #d9d7d0";
  return new XMLSerializer().serializeToString(drawing);
}
async function png(svg) {
  const image = Object.assign(new Image(), { src: `data:image/svg+xml,${encodeURIComponent(svg)}` });
  await image.decode();
  const canvas = new OffscreenCanvas(2 * image.naturalWidth, 2 * image.naturalHeight);
  canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
  return canvas.convertToBlob();
}
// What a bar of buttons offers, as a text or a blob.
async function content({ dataset: { table, text }, parentElement: figure }, kind) {
  if (text) return document.getElementById(text).textContent;
  if (table) return (await files())[table][kind];
  return kind === "png" ? png(await svg(figure)) : svg(figure);
}
// A button's `data-as` is the kind of file that it saves, or copy- and the kind.
addEventListener("click", async ({ target: { dataset: { as }, parentElement: bar, textContent: label } }) => {
  const kind = as?.replace("copy-", "");
  if (as && as === kind) {
    const href = URL.createObjectURL(new Blob([await content(bar, kind)]));
    Object.assign(document.createElement("a"), { href, download: `${bar.dataset.file}.${kind}` }).click();
    setTimeout(() => URL.revokeObjectURL(href), 60_000);
  } else if (as) {
    const type = kind === "png" ? "image/png" : "text/plain";
    const copy = async () => navigator.clipboard.write([new ClipboardItem({ [type]: content(bar, kind) })]);
    const isDone = await copy().then(() => true, () => false);
    const words = isDone ? `${label.replace("Copy ", "")} copied` : "the browser blocks copying: save or select it";
    bar.querySelector("output").textContent = words;
  }
});
