/*
 * Buttons that copy: <button data-copy="the value" data-copied="Copied">. The button shows for a
 * moment that it is done, and a screen reader hears it.
 */
(() => {
  const SHOWN = 1600; // milliseconds

  const voice = Object.assign(document.createElement("div"), { className: "ac-sr-only", role: "status" });

  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    try {
      await navigator.clipboard.writeText(button.dataset.copy);
    } catch {
      return; // the value stands beside the button and can be selected
    }
    button.classList.add("ac-done");
    if (!voice.isConnected) document.body.append(voice);
    voice.textContent = button.dataset.copied;
    setTimeout(() => {
      button.classList.remove("ac-done");
      voice.textContent = "";
    }, SHOWN);
  });
})();
