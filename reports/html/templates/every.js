// The long table gets DataTables, unpacked from the page itself. Without it, it stays a plain table.
const table = document.getElementById("every-table");
if (table) {
  const { default: DataTable, set_or_remove_dark_class: followTheme } = await unpacked("every-bundle");
  followTheme();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", followTheme);
  const layout = { topStart: { pageLength: {}, buttons: ["copy", "csv"] } };
  new DataTable(table, { order: [], pageLength: 25, autoWidth: false, layout });
  const show = (rows) => new DataTable.Api(table).page.len(rows).draw();
  addEventListener("beforeprint", () => show(-1));
  addEventListener("afterprint", () => show(25));
}
