// The long table gets DataTables, unpacked from the page itself. Without it, it stays a plain table.
const table = document.getElementById("every-table");
if (table) {
  const { default: DataTable, set_or_remove_dark_class: followTheme } = await unpacked("every-bundle");
  followTheme();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", followTheme);
  const { page } = new DataTable(table, { layout: { topStart: { pageLength: {}, buttons: ["copy", "csv"] } } });
  const events = { beforeprint: -1, afterprint: 25 };
  for (const event in events) addEventListener(event, () => page.len(events[event]).draw());
}
