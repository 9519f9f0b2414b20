// One setting for the whole page: styles hide what is not chosen; the address, the gallery and the points get it here.
const form = document.getElementById("selector") ?? document.createElement("form");
const { network, data, layer } = form.elements;
function apply() {
  // A network has no layers of another: these cannot be chosen, and the network's last layer takes their place.
  const pair = [network, data].map((box) => (box?.selectedIndex ?? 0) - 1).join();
  for (const each of layer?.options ?? []) each.disabled = each.dataset.pairs?.split(" ").includes(pair) === false;
  if (layer?.selectedOptions[0].disabled) [...layer.options].findLast((option) => !option.disabled).selected = true;
  document.dispatchEvent(new CustomEvent("setting", { detail: Object.fromEntries(new FormData(form)) }));
}
function write() {
  const words = form.length ? `?${new URLSearchParams(new FormData(form))}` : "";
  history.replaceState(null, "", `#${location.hash.slice(1).split("?")[0]}${words}`);
}
function read() {
  const [anchor, words] = location.hash.slice(1).split("?");
  for (const [key, name] of new URLSearchParams(words)) {
    const option = [...(form.elements[key]?.options ?? [])].find(({ value }) => value === name);
    (option ?? document.getElementById("absent").dataset).selected = true; // of the note, which styles show then
  }
  if (words) apply();
  const target = document.getElementById(anchor);
  if (!target) return;
  write();
  target.closest("section")?.querySelector("details.fold")?.setAttribute("open", "");
  target.scrollIntoView();
}
const links = document.querySelectorAll("nav.page a");
const come = (entries) => {
  const here = entries.findLast((entry) => entry.isIntersecting)?.target.getAttribute("aria-labelledby");
  for (const link of here ? links : []) link.setAttribute("aria-current", link.hash === `#${here}`);
};
const seen = new IntersectionObserver(come, { rootMargin: "-20% 0px -75% 0px" });
for (const section of document.querySelectorAll("main section:has(> h2)")) seen.observe(section);
form.addEventListener("change", () => (apply(), write()));
addEventListener("hashchange", read);
(apply(), read());
