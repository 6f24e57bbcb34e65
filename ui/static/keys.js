/*
 * The keyboard, the same on every page and without a round trip. Pages say what they have in
 * attributes:
 *   data-ac-key="/"   this key focuses the field, or presses the button
 *   data-ac-rows      j and k move between the links with data-ac-row inside
 */
(() => {
  const typing = (element) =>
    element.isContentEditable || element.matches("input:not([type=checkbox], [type=radio]), textarea, select");

  const shown = (element) => element.checkVisibility?.() ?? element.offsetParent !== null;

  function move(step) {
    const rows = [...document.querySelectorAll("[data-ac-rows] [data-ac-row]")].filter(shown);
    if (!rows.length) return false;
    const focused = rows.indexOf(document.activeElement);
    const here = focused < 0 ? rows.findIndex((row) => row.hasAttribute("aria-current")) : focused;
    const next = here < 0 ? (step > 0 ? 0 : rows.length - 1) : here + step;
    const row = rows[Math.min(Math.max(next, 0), rows.length - 1)];
    row.focus();
    row.scrollIntoView({ block: "nearest" });
    return true;
  }

  function press(key) {
    const found = document.querySelector(`[data-ac-key="${CSS.escape(key)}"]`);
    const target = found?.matches("input, textarea, button, a") ? found : found?.querySelector("input, textarea, button, a");
    if (!target) return false;
    target.focus();
    if (typing(target)) target.select?.();
    else target.click();
    return true;
  }

  /* An open menu: up and down, j and k, move between its choices. */
  function choose(step) {
    const choices = [...document.querySelectorAll(".q-menu .q-item[tabindex], .q-menu input")].filter(shown);
    if (!choices.length) return false;
    const here = choices.indexOf(document.activeElement);
    choices[(here + (here < 0 && step < 0 ? 0 : step) + choices.length) % choices.length].focus();
    return true;
  }

  document.addEventListener("keydown", (event) => {
    if (document.querySelector(".q-menu") && !event.ctrlKey && !event.metaKey && !event.altKey) {
      const move = { ArrowDown: 1, ArrowUp: -1, j: 1, k: -1 }[event.key];
      if (move && !typing(event.target) && choose(move)) event.preventDefault();
    }
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (typing(event.target)) {
      if (event.key === "Escape") event.target.blur();
      return;
    }
    if (document.querySelector(".q-dialog, .q-menu, [popover]:popover-open") && event.key !== "?") return;
    const step = { j: 1, k: -1 }[event.key];
    if (step ? move(step) : event.key.length === 1 && press(event.key)) event.preventDefault();
  });

  /* The help lists what this very page has, in the order of the page. */
  document.addEventListener(
    "toggle",
    (event) => {
      if (event.target.id !== "ac-shortcuts" || event.newState !== "open") return;
      const list = event.target.querySelector("dl");
      list.querySelectorAll("[data-ac-here]").forEach((row) => row.remove());
      const known = new Set([...list.querySelectorAll("kbd")].map((key) => key.textContent));
      for (const element of document.querySelectorAll("[data-ac-key]")) {
        const key = element.dataset.acKey;
        if (known.has(key) || !shown(element)) continue;
        known.add(key);
        const words = element.dataset.acMeaning || element.title || element.getAttribute("aria-label");
        const row = document.createElement("div");
        row.className = "ac-shortcut";
        row.dataset.acHere = "";
        const [term, meaning, kbd] = ["dt", "dd", "kbd"].map((name) => document.createElement(name));
        kbd.textContent = key;
        meaning.textContent = words || element.textContent.trim();
        term.append(kbd);
        row.append(term, meaning);
        list.append(row);
      }
    },
    true,
  );

  /* A row that moves in its list is made anew: the focus goes with the person, not with the place. */
  let focused = null;
  document.addEventListener("focusin", ({ target }) => {
    focused = target.matches("[data-ac-row]") ? target.getAttribute("href") : null;
  });
  document.addEventListener("focusout", ({ target }) => {
    // Removed elements lose the focus too; whoever left of their own will is still there.
    setTimeout(() => {
      const left = target.isConnected && document.activeElement !== target;
      if (left && focused === target.getAttribute("href")) focused = null;
    });
  });
  new MutationObserver(() => {
    if (focused === null || document.activeElement !== document.body) return;
    document.querySelector(`[data-ac-row][href="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
  }).observe(document.documentElement, { childList: true, subtree: true });

  /*
   * Lists keep their question in the address: going back or forward asks the one that stands there.
   * A jump within the page leaves the question alone.
   */
  const question = () => location.pathname + location.search;
  let asked = question();
  for (const name of ["pushState", "replaceState"]) {
    const original = history[name];
    history[name] = (...given) => {
      original.apply(history, given);
      asked = question();
    };
  }
  addEventListener("popstate", () => {
    if (question() !== asked) location.reload();
  });

  /* A language or a theme is no place to go back to. */
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.getAttribute("action") !== "/preferences") return;
    event.preventDefault();
    const body = new URLSearchParams(new FormData(form, event.submitter));
    fetch("/preferences", { method: "POST", body, redirect: "manual" }).finally(() => location.reload());
  });

  /* A socket that is refused belongs to somebody who is no longer signed in: ask, and start anew. */
  const watch = setInterval(() => {
    if (!window.socket) return;
    clearInterval(watch);
    window.socket.on("connect_error", async () => {
      const answer = await fetch(location.href, { method: "HEAD", redirect: "manual" }).catch(() => null);
      if (answer?.type === "opaqueredirect") location.reload();
    });
  }, 500);
})();
