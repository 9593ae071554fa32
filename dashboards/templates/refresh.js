// Fetches the page again and replaces header and main; open details stay open.
(function () {
  "use strict";
  const seconds = Number(document.documentElement.dataset.refresh);
  if (!seconds) return;
  async function again() {
    try {
      const answer = await fetch(location.href, { cache: "no-store" });
      if (!answer.ok) throw new Error(answer.statusText);
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const open = Array.from(document.querySelectorAll("details[open]"), (each) => each.id);
      document.querySelector("header").replaceWith(page.querySelector("header"));
      document.querySelector("main").replaceWith(page.querySelector("main"));
      for (const id of open) document.getElementById(id)?.setAttribute("open", "");
      document.body.classList.remove("stale");
    } catch {
      document.body.classList.add("stale");
    }
    setTimeout(again, 1000 * seconds);
  }
  setTimeout(again, 1000 * seconds);
})();
