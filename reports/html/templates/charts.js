// Charts take the place of pictures on the screen. Plotly is unpacked when the first of them comes near the window.
const charts = (() => {
  "use strict";
  const AXIS = { automargin: true, fixedrange: true, gridcolor: "#d9d7d0", zeroline: false, title: { standoff: 8 } };
  const LAYOUT = { margin: { l: 10, r: 10, t: 30, b: 10 }, hovermode: "closest", template: { layout: { xaxis: AXIS, yaxis: AXIS } } };
  let library;
  const plotly = () => (library ??= unpacked("plotly-bundle").then(() => window.Plotly));

  // Draws when the element comes near the window, and again when its width changes. `make` answers Plotly's data and
  // layout for a width, now or later. What is answered draws again.
  function draw(element, make, ready) {
    async function again() {
      const { react } = await plotly();
      const [width, isFirst] = [element.clientWidth, !element.data];
      if (!width) return;
      const { data, layout } = await make(width);
      await react(element, data, { ...LAYOUT, showlegend: false, width, ...layout }, { displayModeBar: false });
      if (isFirst) ready();
    }
    const size = new ResizeObserver(again);
    const near = new IntersectionObserver(([entry]) => entry.isIntersecting && (near.disconnect(), size.observe(element)), { rootMargin: "800px" });
    near.observe(element);
    return again;
  }

  function band({ x, y, customdata, xaxis, yaxis, series }, { line: { color } }) {
    const [low, high] = [0, 1].map((side) => customdata.map((ends) => ends[side]));
    const outline = { x: [...x, ...[...x].reverse()], y: [...low, ...high.reverse()], fill: "toself", fillcolor: color, opacity: 0.2 };
    return { ...outline, xaxis, yaxis, series, mode: "lines", line: { width: 0 }, hoverinfo: "skip", showlegend: false };
  }

  // What the form chooses: a view, and methods. All have their bands where they are few, else the best and the lit one.
  function plotted({ series, views, columns }, form, lit, width) {
    const { lines, layout, panels } = views[Number(form.get("view"))];
    const chosen = form.getAll("series").map(Number);
    const shown = lines.filter((line) => chosen.includes(line.series));
    const banded = shown.filter((line) => line.band && (chosen.length < 4 || line.best || line.series === lit));
    const traces = shown.map((line) => ({ ...series[line.series], ...line, opacity: lit < 0 || lit === line.series ? 1 : 0.3 }));
    const across = Math.min(width < 640 ? 1 : columns, panels);
    const rows = Math.ceil(panels / across);
    const grid = { rows, columns: across, pattern: "independent", xgap: 0.18, ygap: 0.35 };
    return { data: [...banded.map((line) => band(line, series[line.series])), ...traces], layout: { ...layout, grid, height: (across > 2 ? 245 : 290) * rows + 40 } };
  }

  for (const figure of document.querySelectorAll("figure.chart")) {
    const [plot, form] = [".live", "form"].map((part) => figure.querySelector(part));
    const chart = packedJson(figure.querySelector("script"));
    let lit = -1;
    const again = draw(plot, async (width) => plotted(await chart(), new FormData(form), lit, width), () => {
      figure.classList.add("drawn");
      figure.querySelector(".scroll").removeAttribute("tabindex"); // the picture is for screen readers and paper now
      plot.on("plotly_hover", ({ points }) => light(points[0].data.series));
      plot.on("plotly_unhover", () => light(-1));
    });
    const light = (series) => series !== lit && ((lit = series), again());
    const over = ({ target }) => light(Number(target.closest("label")?.querySelector("[name=series]")?.value ?? -1));
    for (const name of ["pointerover", "focusin"]) form.addEventListener(name, over);
    for (const name of ["pointerleave", "focusout"]) form.addEventListener(name, () => light(-1));
    form.addEventListener("change", again);
  }

  // The chart of a figure as it is shown, with a legend, as SVG; null where none is drawn.
  async function svg(figure) {
    const { data, layout } = figure.querySelector(".live") ?? {};
    const legend = { showlegend: true, legend: { orientation: "h" } };
    return data ? (await plotly()).toImage({ data, layout: { ...layout, ...legend } }, { format: "svg", imageDataOnly: true, width: layout.width, height: layout.height }) : null;
  }

  return { draw, svg };
})();
