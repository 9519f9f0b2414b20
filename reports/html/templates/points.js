// One point per image: two methods under one metric, or two metrics. A point opens its photo.
function pointsOf(form, { data, value, fixed, plain, enlarge, now }) {
  const find = (id) => document.getElementById(`points-${id}`);
  const [plot, list, look] = [find("plot"), find("list"), JSON.parse(find("look").textContent)];
  const number = (name) => Number(form.elements[name].value);
  const metric = (side) => data.metrics[number(`${side}-metric`)];
  const method = (side) => form.elements[`${side}-method`].selectedOptions[0].text;
  const title = (side) => `${method(side)}: ${metric(side).title} ${metric(side).arrow}`;
  const open = ({ image, photo }) =>
    photo !== undefined && enlarge({ image, layer: now().layer, method: number("x-method") });
  let points = [];

  function plotted(width) {
    const [x, y] = [points.map((point) => point.x), points.map((point) => point.y)];
    const text = points.map((point) => plain(`${point.sample}: x ${fixed(point.x)}, y ${fixed(point.y)}`));
    const symbol = points.map(({ photo }) => (photo === undefined ? "circle-open" : "circle"));
    const trace = { ...look.trace, x, y, text, marker: { ...look.trace.marker, symbol } };
    const [xaxis, yaxis] = ["x", "y"].map((side) => ({ title: { text: plain(title(side)) } }));
    const equal = metric("x") === metric("y") ? { yaxis: { ...yaxis, matches: "x" }, shapes: [look.equal] } : {};
    return { data: [trace], layout: { ...look.layout, xaxis, yaxis, ...equal, height: Math.min(width, 380) } };
  }

  // Counts, not a test. Methods that are the same by definition differ by rounding, so closer than 0.0005 is equal.
  function better() {
    if (metric("x") !== metric("y")) return "";
    const gains = points.map(({ x, y }) => (metric("x").higher ? x - y : y - x));
    const [first, second] = [1, -1].map((sign) => gains.filter((gain) => sign * gain >= 0.0005).length);
    const level = `equal to three decimals on ${points.length - first - second}`;
    return `: ${method("x")} is better on ${first}, ${method("y")} on ${second}, ${level}`;
  }

  function row(point) {
    const name = make("bdi", {}, point.sample);
    const button = make("button", { type: "button", class: "plain" }, name);
    button.addEventListener("click", () => open(point));
    const cells = [point.x, point.y].map((each) => make("td", {}, fixed(each)));
    return make("tr", {}, make("th", { scope: "row" }, point.photo === undefined ? name : button), ...cells);
  }

  function update() {
    const { set, layer } = now();
    const coordinate = (side, image) => value(layer, number(`${side}-metric`), image, number(`${side}-method`));
    const images = set.images.map((each, image) => {
      return { ...each, image, x: coordinate("x", image), y: coordinate("y", image) };
    });
    points = images.filter(({ x, y }) => !Number.isNaN(x + y)).sort((a, b) => a.x - b.x || a.y - b.y);
    const counts = `${points.length} of ${images.length} images have both numbers${better()}.`;
    find("summary").textContent = `${set.name} · ${set.layers[layer]}: ${counts}`;
    find("pane").hidden = !points.length;
    plot.setAttribute("aria-label", `One point per image. x axis: ${title("x")}. y axis: ${title("y")}.`);
    const heads = ["Image", title("x"), title("y")].map((text) => make("th", { scope: "col" }, make("bdi", {}, text)));
    const rows = list.open ? points.map(row) : [];
    find("table").replaceChildren(make("thead", {}, make("tr", {}, ...heads)), make("tbody", {}, ...rows));
    if (plot.data) draw();
  }

  const clicked = ({ points: [{ pointNumber }] }) => open(points[pointNumber]);
  const draw = charts.draw(plot, plotted, () => plot.on("plotly_click", clicked));
  form.addEventListener("change", update);
  list.addEventListener("toggle", update);
  document.addEventListener("setting", update);
}

const form = document.getElementById("points-controls");
if (form) pointsOf(form, photoGallery);
