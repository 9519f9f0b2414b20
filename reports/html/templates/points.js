// One point per image: two methods under one metric, or two metrics. A point opens its photo in the gallery.
(() => {
  "use strict";
  const form = document.getElementById("points-controls");
  if (!form) return;
  const { data, make, fixed, plain } = atlas;
  const find = (id) => document.getElementById(`points-${id}`);
  const [plot, slider, list] = ["plot", "slider", "list"].map(find);
  const look = JSON.parse(find("look").textContent);
  const place = () => form.elements.where.value.split(",").map(Number); // set and layer
  const metric = (side) => data.metrics[form.elements[`${side}-metric`].value];
  const method = (side) => form.elements[`${side}-method`].selectedOptions[0].text;
  const title = (side) => `${method(side)}: ${metric(side).title} ${metric(side).arrow}`;
  const words = ({ sample, x, y }) => `${sample}: x ${fixed(x)}, y ${fixed(y)}`;
  let points = [];

  function plotted(width) {
    const [x, y, text] = [(point) => point.x, (point) => point.y, (point) => plain(words(point))].map((part) => points.map(part));
    const symbol = points.map(({ photo }) => (photo === undefined ? "circle-open" : "circle"));
    const trace = { ...look.trace, x, y, text, selectedpoints: [slider.valueAsNumber], marker: { ...look.trace.marker, symbol } };
    const [xaxis, yaxis] = ["x", "y"].map((side) => ({ title: { text: plain(title(side)) } }));
    const scales = metric("x") === metric("y") ? { yaxis: { ...yaxis, matches: "x" }, shapes: [look.equal] } : { yaxis };
    return { data: [trace], layout: { xaxis, ...scales, height: Math.min(width, 380) } };
  }

  function choose(number) {
    const { sample, photo } = points[number];
    slider.value = number;
    slider.setAttribute("aria-valuetext", words(points[number]));
    find("chosen").textContent = words(points[number]);
    find("preview").hidden = find("open").hidden = photo === undefined;
    if (photo !== undefined) Object.assign(find("preview"), { src: data.photos[photo].src, alt: `Photo ${sample}` });
    if (plot.data) draw();
  }

  function open() {
    const [[set, layer], { image, photo }] = [place(), points[slider.valueAsNumber]];
    if (photo !== undefined) photoGallery.open(set, image, layer);
  }

  // Counts, not a test. Methods that are the same by definition differ by rounding, so closer than 0.0005 is equal.
  function better() {
    if (metric("x") !== metric("y")) return "";
    const gains = points.map(({ x, y }) => (metric("x").higher ? x - y : y - x));
    const [first, second] = [1, -1].map((sign) => gains.filter((gain) => sign * gain >= 0.0005).length);
    return `: ${method("x")} is better on ${first}, ${method("y")} on ${second}, equal to three decimals on ${points.length - first - second}`;
  }

  function table() {
    const heads = ["Image", title("x"), title("y")].map((text) => make("th", { scope: "col" }, make("bdi", {}, text)));
    const rows = points.map(({ sample, x, y }, number) => {
      const button = make("button", { type: "button", class: "plain" }, make("bdi", {}, sample));
      button.addEventListener("click", () => (choose(number), open()));
      return make("tr", {}, make("th", { scope: "row" }, button), ...[x, y].map((value) => make("td", {}, fixed(value))));
    });
    find("table").replaceChildren(make("thead", {}, make("tr", {}, ...heads)), make("tbody", {}, ...(list.open ? rows : [])));
  }

  function update() {
    const [set, layer] = place();
    const number = (side, image) => atlas.value(data.sets[set], layer, form.elements[`${side}-metric`].value, image, Number(form.elements[`${side}-method`].value));
    const images = data.sets[set].images.map((entry, image) => ({ ...entry, image, x: number("x", image), y: number("y", image) }));
    points = images.filter(({ x, y }) => !Number.isNaN(x + y)).sort((a, b) => a.x - b.x || a.y - b.y);
    find("summary").textContent = `${points.length} of ${images.length} images have both numbers${better()}.`;
    find("pane").hidden = !points.length;
    slider.max = Math.max(0, points.length - 1);
    plot.setAttribute("aria-label", `One point per image. x axis: ${title("x")}. y axis: ${title("y")}.`);
    table();
    if (points.length) choose(0);
  }

  const draw = charts.draw(plot, plotted, () => plot.on("plotly_click", ({ points: [{ pointNumber }] }) => (choose(pointNumber), open())));
  form.hidden = false;
  form.addEventListener("change", update);
  slider.addEventListener("input", () => choose(slider.valueAsNumber));
  slider.addEventListener("keydown", ({ key }) => key === "Enter" && open());
  find("open").addEventListener("click", open);
  list.addEventListener("toggle", table);
  atlas.follow((set, layer) => {
    form.elements.where.value = `${set},${layer ?? data.sets[set].layers.length - 1}`;
    update();
  });
  update();
})();
