// The gallery and the points. A set is one network and data; a place: an image, a layer and a method, by their numbers.
const find = (id) => document.getElementById(id);
const data = JSON.parse(find("gallery-data")?.textContent ?? "null");
const images = () => ({
  set: data.sets[0],
  ...structuredClone(data.first),
  fixed: (number) => number.toFixed(3).replace(/^-(0\.0+)$/, "$1"),
  // The photos in the chosen order, each with its number in the set and with what the order says of it.
  get photos() {
    const { key, sign, say, digits, metric } = data.orders[this.order];
    const [every, layer] = [this.set.keys[key], this.layers.length > 1 ? this.set.layers.length : this.layers[0]];
    const keys = every ? every[layer] ?? every[0] : this.set.keys[0][0].map((image) => this.scored(image, metric)[key]);
    const compare = (a, b) => (keys[a] === null) - (keys[b] === null) || sign * (keys[a] - keys[b]) || a - b;
    const reason = (image) => (say && keys[image] !== null ? `; ${say} ${keys[image].toFixed(digits)}` : "");
    return [...keys.keys()].sort(compare).map((image) => ({ image, reason: reason(image), ...this.set.images[image] }));
  },
  // Of the chosen methods' numbers on an image: their mean, and by how much they differ, mean over the chosen layers.
  scored(image, metric) {
    const rows = this.layers.map((layer) => this.methods.map((at) => this.set.values[layer][metric][image][at]));
    const known = rows.map((row) => row.filter((number) => number !== null)).filter(({ length }) => length);
    const mean = (numbers) => (numbers.length ? numbers.reduce((sum, each) => sum + each) / numbers.length : null);
    return { mean: mean(known.flat()), difference: mean(known.map((row) => Math.max(...row) - Math.min(...row))) };
  },
  // The maps of the chosen methods.
  maps(image, layer) {
    const all = this.set.methods.map((each, method) => ({ image, layer, method, ...each }));
    return all.filter(({ method }) => this.methods.includes(method));
  },
  // A photo, over it the map that the page's styles scale (bilinear) and colour, and the outline of the object.
  pictures({ image, layer, method }) {
    const { sample, caption, photo, outline } = this.set.images[image];
    const [map, words] = this.set.maps[this.set.places[layer][image][method]] ?? [];
    const name = this.set.methods[method]?.name;
    const alt = map ? "" : `Photo ${sample}${name ? `: no map of ${name}` : `; ${caption}`}`;
    const label = `Map of ${name} at ${this.set.layers[layer]} on ${sample}: ${words}`;
    const over = [{ kind: "map", src: map, alt: label }, { kind: "outline", src: outline, alt: "" }];
    return [{ alt }, ...over.filter(({ src }) => src)].map((each) => ({ ...data.photos[photo], ...each }));
  },
  // What stands under a map: why there is none, and its numbers; of the large one all of them, with ranks.
  numbers({ image, layer, method }, isLarge) {
    const { places, why, reasons, values, marks, notes } = this.set;
    const lost = { mark: "lost", text: reasons[why[`${layer},${image},${method}`]] ?? "no map was kept" };
    const lines = data.metrics.map(({ words }, metric) => {
      const [number, place] = [values, marks].map((numbers) => numbers[layer][metric][image][method]);
      const [mark, ...note] = notes[place];
      const isShown = number !== null && (isLarge || this.metrics.includes(metric));
      return isShown && { mark, text: `${this.fixed(number)}\u00a0${words}${note[Number(isLarge)]}` };
    });
    return [places[layer][image][method] < 0 && lost, ...lines].filter(Boolean);
  },
  // A setting of the page's selector; a layer that is none of the set's stands for all of them.
  follow({ network = "all", data: name = "all", layer }) {
    const fits = (each) => ["all", each.network].includes(network) && ["all", each.data].includes(name);
    const set = data.sets.find(fits) ?? this.set;
    this.choose(set, set.layers.includes(layer) ? [set.layers.indexOf(layer)] : [...set.layers.keys()]);
  },
  choose(set, layers) {
    if (set !== this.set) this.methods = set.start.slice(1);
    Object.assign(this, { set, layers, shown: data.first.shown, open: { ...data.first.open } });
  },
  // The dialog; a map of the first screen names its set.
  enlarge({ set: number, image, layer, method = this.maps(image, layer)[0]?.method ?? 0 }) {
    const set = data.sets[number] ?? this.set;
    if (set.images[image]?.photo === undefined) return;
    if (set !== this.set) this.choose(set, [layer]);
    this.open = { image, layer, method };
    if (!find("gallery-large").open) find("gallery-large").showModal();
  },
  // The number of the photo before or after the one that is open.
  next(step) {
    return this.photos[this.photos.findIndex(({ image }) => image === this.open.image) + step]?.image;
  },
  // The curves of the image that is open, of all methods.
  curves(every, width) {
    const { x, y } = every[data.sets.indexOf(this.set)][this.open.layer][this.curve] ?? {};
    const lines = this.set.methods.map(({ label: name, line }, method) => {
      const look = method === this.open.method ? { ...data.lines.chosen, line } : data.lines.other;
      return { ...look, name, x, y: y?.[this.open.image][method] };
    });
    return { data: lines, layout: { ...data.lines.layout, height: Math.min(300, width) } };
  },
  // One point for each image that has both numbers: a place of the method on the x axis.
  get points() {
    const [layer, { method }] = [this.layers.at(-1), this.x];
    const numbers = (axis) => this.set.values[layer][axis.metric].map((every) => every[axis.method]);
    const [x, y] = [numbers(this.x), numbers(this.y)];
    const points = this.set.images.map((each, image) => ({ ...each, image, layer, method, x: x[image], y: y[image] }));
    return points.filter((each) => each.x !== null && each.y !== null).sort((a, b) => a.x - b.x || a.y - b.y);
  },
  // On how many images an axis is better (1: x, -1: y), as the table shows the numbers.
  better(side) {
    const sign = data.metrics[this.x.metric].higher ? side : -side;
    return this.points.filter(({ x, y }) => sign * (this.fixed(x) - this.fixed(y)) > 0).length;
  },
  // Of an axis; `kind`: "name", or "label" for Plotly, which reads some HTML.
  title({ method, metric }, kind) {
    return `${this.set.methods[method][kind]}: ${data.metrics[metric][kind]}`;
  },
  scatter(width) {
    const [x, y, text, symbol] = ["x", "y", "label", "symbol"].map((key) => this.points.map((point) => point[key]));
    const { trace, layouts } = data.points;
    const layout = layouts[Number(this.x.metric === this.y.metric)];
    const [xaxis, yaxis] = [this.x, this.y].map((axis) => ({ title: { text: this.title(axis, "label") } }));
    const shown = { ...layout, xaxis, yaxis: { ...layout.yaxis, ...yaxis }, height: Math.min(width, 380) };
    return { data: [{ ...trace, x, y, text, marker: { ...trace.marker, symbol } }], layout: shown };
  },
});
data?.sets.forEach(Object.freeze); // Alpine watches what can change
if (data) document.addEventListener("alpine:init", () => {
  const [shown, curves, plot] = [Alpine.reactive(images()), kept(find("gallery-curves")), find("points-plot")];
  const ready = () => plot.on("plotly_click", ({ points: [at] }) => shown.enlarge(shown.points[at.pointNumber]));
  shown.drawCurves = charts.draw(find("gallery-plot"), async (width) => shown.curves(await curves(), width));
  shown.drawPoints = plot && charts.draw(plot, (width) => shown.scatter(width), ready);
  Alpine.data("images", () => shown);
});
