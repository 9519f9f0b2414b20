// Charts. Plotly is unpacked when the first of them comes near the window. Paper has drawings in their place.
let library;
const plotly = () => (library ??= unpacked("plotly-bundle").then(() => Plotly));
const options = { displayModeBar: false };
// Draws Plotly's data and layout that `chart` answers for a width, when the element comes near and changes its width.
function draw(element, chart, ready = () => {}, isFirst = true) {
  async function again() {
    const width = element.clientWidth;
    if (!width) return;
    const [{ react }, { data, layout }] = [await plotly(), await chart(width)];
    await react(element, data, { ...layout, width }, options);
    if (isFirst) ready((isFirst = false));
  }
  const resized = new ResizeObserver(again);
  near(element, () => resized.observe(element));
  return () => element.data && again();
}
// The interval around a line, as a filled outline.
function outlined(line, look) {
  const [low, high] = [0, 1].map((side) => line.customdata.map((ends) => ends[side]));
  const outline = { x: [...line.x, ...line.x.toReversed()], y: [...low, ...high.toReversed()] };
  return { ...line, ...look, ...outline, fillcolor: line.line.color };
}
// What the form chooses: a view, and methods. All have their bands where they are few, else the best and the lit one.
function plotted({ looks, band, views }, form, lit, width) {
  const { lines, layout, narrow, wide } = views[form.get("view")];
  const chosen = form.getAll("series").map(Number);
  const faded = ({ series }) => ({ opacity: lit < 0 || lit === series ? 1 : 0.3 });
  const shown = lines.filter(({ series }) => chosen.includes(series));
  const data = shown.map((line) => ({ ...looks[line.series], ...line, ...faded(line) }));
  const isBanded = ({ band, best, series }) => band && (chosen.length < 4 || best || series === lit);
  const bands = data.filter(isBanded).map((line) => outlined(line, band));
  return { data: [...bands, ...data], layout: { ...layout, ...(width < 640 ? narrow : wide) } };
}
for (const figure of document.querySelectorAll("figure.chart")) {
  const [plot, form, script] = [".live", "form", "script"].map((part) => figure.querySelector(part));
  const chart = kept(script);
  let lit = -1;
  const light = (series) => series !== lit && ((lit = series), again());
  const again = draw(plot, async (width) => plotted(await chart(), new FormData(form), lit, width), () => {
    figure.classList.add("drawn");
    plot.on("plotly_hover", ({ points: [{ data }] }) => light(data.series));
    plot.on("plotly_unhover", () => light(-1));
  });
  form.addEventListener("change", again);
  const over = ({ target }) => light(Number(target.closest("[data-series]")?.dataset.series ?? -1));
  for (const name of ["pointerover", "focusin"]) form.addEventListener(name, over);
  for (const name of ["pointerleave", "focusout"]) form.addEventListener(name, () => light(-1));
}
globalThis.charts = { draw, plotly };
