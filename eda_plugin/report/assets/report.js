(() => {
  "use strict";
  const told = document.getElementById("told");
  const root = document.documentElement;
  const theme = document.getElementById("theme");
  theme.addEventListener("change", () => {
    if (theme.value) root.dataset.theme = theme.value;
    else delete root.dataset.theme;
  });

  // What stands in a noscript is text so far: rows of long tables, and tables that are folded away.
  const parsed = (hidden) => {
    const made = document.createElement("template");
    made.innerHTML = hidden.textContent;
    return made.content;
  };
  const unfold = (hidden) => {
    if (!hidden.isConnected) return;
    const content = parsed(hidden);
    if (hidden.dataset.rows) {
      document.getElementById(hidden.dataset.rows).tBodies[0].append(...content.querySelector("tbody").rows);
      hidden.remove();
    } else {
      const tables = content.querySelectorAll("table.sortable");
      hidden.replaceWith(content);
      tables.forEach(sortable);
    }
  };
  const whole = (table) => document.querySelectorAll(`noscript[data-rows="${table.id}"]`).forEach(unfold);

  const held = (row, place, numeric) => {
    const words = row.cells[place].textContent;
    return numeric ? Number(words.replaceAll(",", "").replace("–", "NaN")) : words;
  };
  const order = (one, two) =>
    typeof one === "number" && typeof two === "number" ? one - two : String(one).localeCompare(String(two), "en", { numeric: true });

  const sortable = (table) => {
    const body = table.tBodies[0];
    if (body.rows.length < 3) return;
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, place) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        whole(table);
        const numeric = head.classList.contains("n");
        const down = head.getAttribute("aria-sort") === "descending" ? false : head.getAttribute("aria-sort") === "ascending" || numeric;
        heads.forEach((other) => other.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        const rows = [...body.rows].map((row) => [held(row, place, numeric), row]);
        rows.sort(([one], [two]) => (Number.isNaN(one) ? (Number.isNaN(two) ? 0 : 1) : Number.isNaN(two) ? -1 : down ? order(two, one) : order(one, two)));
        body.append(...rows.map(([, row]) => row));
        told.textContent = `sorted by ${button.textContent}, ${down ? "descending" : "ascending"}`;
      });
    });
  };
  document.querySelectorAll("table.sortable").forEach(sortable);

  for (const input of document.querySelectorAll("input[data-for]")) {
    const table = document.getElementById(input.dataset.for);
    const count = document.getElementById(`${input.dataset.for}-n`);
    let rows, texts;
    input.addEventListener("input", () => {
      whole(table);
      rows ??= [...table.tBodies[0].rows];
      texts ??= rows.map((row) => row.textContent.toLowerCase());
      const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
      let shown = 0;
      rows.forEach((row, place) => {
        const here = words.every((word) => texts[place].includes(word));
        row.classList.toggle("out", !here);
        shown += here;
      });
      count.textContent = words.length ? `${shown} of ${rows.length} rows` : `${rows.length} rows`;
    });
  }

  // The rest comes when the page is there and nothing else is to be done, one table at a time.
  const idle = window.requestIdleCallback ?? ((work) => setTimeout(work, 50));
  const next = () => {
    const hidden = document.querySelector("noscript[data-rows], noscript[data-whole]");
    if (hidden) {
      unfold(hidden);
      idle(next);
    } else root.dataset.whole = "";
  };
  window.addEventListener("load", () => idle(next));
})();
