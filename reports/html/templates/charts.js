// Charts take the place of pictures on the screen. Plotly is unpacked when the first of them comes near the window.
let library;
const plotly = () => (library ??= unpacked("plotly-bundle").then(() => Plotly));

// Draws when the element comes near the window, and again when its width changes. `chart` answers Plotly's data and
// layout for a width, now or later; `ready` is called once. What is answered draws again what is drawn.
function draw(element, chart, ready = () => {}) {
  async function again() {
    const [width, isFirst] = [element.clientWidth, !element.data];
    if (!width) return;
    const [{ react }, { data, layout }] = [await plotly(), await chart(width)];
    await react(element, data, { ...layout, width }, { displayModeBar: false });
    if (isFirst) ready();
  }
  const resized = new ResizeObserver(again);
  const come = ([{ isIntersecting }]) => isIntersecting && (near.disconnect(), resized.observe(element));
  const near = new IntersectionObserver(come, { rootMargin: "800px" });
  near.observe(element);
  return () => element.data && again();
}

// What the form chooses: a view, and methods. All have their bands where they are few, else the best and the lit one.
function plotted({ views }, form, lit, width) {
  const { bands, lines, narrow, wide } = views[form.get("view")];
  const chosen = form.getAll("series").map(Number);
  const shown = ({ series }) => chosen.includes(series);
  const banded = bands.filter(({ series, best }) => chosen.length < 4 || best || series === lit).filter(shown);
  const faded = (line) => ({ ...line, opacity: lit < 0 || lit === line.series ? 1 : 0.3 });
  return { data: [...banded, ...lines.filter(shown).map(faded)], layout: width < 640 ? narrow : wide };
}

for (const figure of document.querySelectorAll("figure.chart")) {
  const [plot, form, script] = [".live", "form", "script"].map((part) => figure.querySelector(part));
  const chart = packedJson(script);
  let lit = -1;
  const light = (series) => series !== lit && ((lit = series), again());
  const again = draw(plot, async (width) => plotted(await chart(), new FormData(form), lit, width), () => {
    figure.classList.add("drawn");
    figure.querySelector(".scroll").removeAttribute("tabindex"); // the picture is for screen readers and paper now
    plot.on("plotly_hover", ({ points: [{ data }] }) => light(data.series));
    plot.on("plotly_unhover", () => light(-1));
  });
  form.addEventListener("change", again);
  const over = ({ target }) => light(Number(target.closest("[data-series]")?.dataset.series ?? -1));
  for (const name of ["pointerover", "focusin"]) form.addEventListener(name, over);
  for (const name of ["pointerleave", "focusout"]) form.addEventListener(name, () => light(-1));
}
globalThis.charts = { draw, plotly };
