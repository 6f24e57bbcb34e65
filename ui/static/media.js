/*
 * Files in a conversation: the viewer of photos, and presses that the file's panel carries out.
 * ui/components/message_media.py says what the markup carries.
 *
 * Only one viewer is open at a time. It lies below the body while it is: its place in the page may
 * be hidden, as the file is on a phone.
 */
(() => {
  const STEPS = [1, 1.5, 2, 3, 4];

  let open = null; // {dialog, home, photos, at, step, opener}

  document.addEventListener("click", (event) => {
    const photo = event.target.closest("[data-photo]");
    if (photo) {
      if (photo.classList.contains("ac-photo--broken")) reload(photo);
      else show(photo);
      return;
    }
    const pdf = event.target.closest("[data-pdf]");
    if (pdf && navigator.pdfViewerEnabled && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
      if (look(pdf)) event.preventDefault();
      return;
    }
    const act = event.target.closest("[data-media-act]");
    if (act) ask(act);
  });

  /** Hand a press on to the panel, which belongs to the page's server side. */
  function ask(button) {
    const panel = button.closest(".ac-client")?.querySelector(".ac-documents");
    if (!panel || button.getAttribute("aria-busy") === "true") return;
    button.setAttribute("aria-busy", "true");
    setTimeout(() => button.removeAttribute("aria-busy"), 4000);
    const { mediaAct: act, message, document } = button.dataset;
    const detail = { act, message, document };
    panel.dispatchEvent(new CustomEvent("media", { detail }));
  }

  // --- files for the panel ----------------------------------------------------------------------

  document.addEventListener("click", (event) => {
    const add = event.target.closest("[data-documents-add]");
    if (add) chooser(add.closest(".ac-documents")).click();
  });

  document.addEventListener("change", ({ target }) => {
    const panel = target.closest?.(".ac-documents");
    if (!panel || target.type !== "file") return;
    send(panel, [...target.files]);
    target.value = ""; // the same file may be chosen again
  });

  const chooser = (panel) => panel.querySelector("input[type=file]:not(.q-uploader__input)");

  /** The panel under something that carries files and may take them. */
  function dropPlace(event) {
    if (![...(event.dataTransfer?.types ?? [])].includes("Files")) return null;
    return event.target.closest?.(".ac-documents--writable") ?? null;
  }

  for (const name of ["dragenter", "dragover"]) {
    document.addEventListener(name, (event) => {
      const panel = dropPlace(event);
      document.querySelectorAll(".ac-documents--dropping").forEach((other) => {
        if (other !== panel) other.classList.remove("ac-documents--dropping");
      });
      if (!panel) return;
      event.preventDefault();
      panel.classList.add("ac-documents--dropping");
    });
  }

  document.addEventListener("dragleave", (event) => {
    const panel = event.target.closest?.(".ac-documents");
    if (panel && !panel.contains(event.relatedTarget)) panel.classList.remove("ac-documents--dropping");
  });

  document.addEventListener("drop", (event) => {
    const panel = dropPlace(event);
    if (!panel) return;
    event.preventDefault();
    panel.classList.remove("ac-documents--dropping");
    send(panel, [...event.dataTransfer.files]);
  });

  /** One after the other, each with its progress; what does not arrive says so. */
  async function send(panel, files) {
    for (const file of files) {
      const line = progressLine(panel, file);
      if (file.size > Number(panel.dataset.most)) line.fail(panel.dataset.tooLarge);
      else await transfer(panel, file, line);
    }
  }

  function transfer(panel, file, line) {
    return new Promise((done) => {
      const request = new XMLHttpRequest();
      const form = new FormData();
      form.append("file", file, file.name);
      request.upload.onprogress = ({ loaded, total }) => line.progress(loaded / total);
      request.onload = () => {
        if (request.status === 200) line.away();
        else line.fail(request.status === 413 ? panel.dataset.tooLarge : panel.dataset.notSent);
        done();
      };
      request.onerror = request.ontimeout = () => {
        line.fail(panel.dataset.notSent);
        done();
      };
      request.onabort = () => {
        line.away();
        done();
      };
      line.button.onclick = () => request.abort();
      request.open("POST", panel.dataset.upload);
      request.send(form);
    });
  }

  function progressLine(panel, file) {
    const line = element("div", "ac-upload");
    const words = element("div");
    const name = element("bdi");
    name.textContent = file.name;
    const state = element("div");
    state.textContent = panel.dataset.sending;
    words.append(name, state);
    const button = element("button", "ac-link-button");
    button.type = "button";
    button.textContent = panel.dataset.cancel;
    const bar = element("progress");
    bar.max = 1;
    bar.value = 0;
    bar.setAttribute("aria-label", file.name);
    line.append(words, button, bar);
    panel.querySelector(".ac-documents-head").after(line);
    return {
      button,
      progress: (share) => (bar.value = share),
      away: () => line.remove(),
      fail(why) {
        line.classList.add("ac-upload--failed");
        line.setAttribute("role", "alert");
        state.textContent = why;
        bar.remove();
        button.textContent = panel.dataset.dismiss;
        button.onclick = () => line.remove();
      },
    };
  }

  function element(name, className = "") {
    return Object.assign(document.createElement(name), { className });
  }

  // --- photos that do not come ------------------------------------------------------------------

  document.addEventListener(
    "error",
    ({ target }) => {
      if (target.matches?.("[data-photo] img")) target.closest("[data-photo]").classList.add("ac-photo--broken");
    },
    true,
  );

  function reload(photo) {
    photo.classList.remove("ac-photo--broken");
    const image = photo.querySelector("img");
    image.src = image.src;
  }

  // --- the viewer of PDFs: the browser's own, in a frame -----------------------------------------

  /** Whether it is shown; else the link leads to a tab of its own. */
  function look(link) {
    const client = link.closest(".ac-client") ?? document;
    const dialog = client.querySelector("dialog.ac-viewer--pdf");
    if (!dialog) return false;
    const home = dialog.parentElement;
    const frame = dialog.querySelector("iframe");
    dialog.querySelector(".ac-viewer-caption").textContent = frame.title = link.dataset.pdf;
    dialog.querySelector("[data-viewer-apart]").href = frame.src = link.href;
    document.body.append(dialog);
    dialog.onclick = (event) => {
      if (event.target === dialog || event.target.closest("[data-viewer=close]")) dialog.close();
    };
    dialog.onkeydown = (event) => event.stopPropagation();
    dialog.onclose = () => {
      frame.removeAttribute("src");
      if (home.isConnected) home.append(dialog);
      else dialog.remove();
      // Its message may have been made anew meanwhile.
      const heir = document.querySelector(`[data-pdf][href="${CSS.escape(link.getAttribute("href"))}"]`);
      (heir ?? link).focus({ preventScroll: true });
    };
    dialog.showModal();
    return true;
  }

  // --- the viewer of photos ---------------------------------------------------------------------

  function show(photo) {
    const client = photo.closest(".ac-client") ?? document;
    const dialog = client.querySelector("dialog.ac-viewer:not(.ac-viewer--pdf)");
    if (!dialog || open) return;
    const photos = [...client.querySelectorAll("[data-photo]")];
    open = { dialog, home: dialog.parentElement, photos, at: photos.indexOf(photo), step: 0, opener: photo };
    document.body.append(dialog);
    if (!dialog.dataset.isReady) prepare(dialog);
    turn(0);
    dialog.showModal();
    stage().focus();
  }

  function prepare(dialog) {
    dialog.dataset.isReady = "true";
    dialog.addEventListener("close", away);
    dialog.addEventListener("keydown", onKey);
    dialog.addEventListener("click", (event) => {
      const act = event.target.closest("[data-viewer]")?.dataset.viewer;
      if (act) ACTS[act]();
      else if (event.target === dialog) dialog.close();
    });
    dialog.querySelector(".ac-viewer-stage").addEventListener("dblclick", () => zoom(open.step ? -open.step : 2));
  }

  /** The conversation may have been closed meanwhile: then the viewer goes with it. */
  function away() {
    const { dialog, home, opener, photos, at } = open;
    open = null;
    dialog.querySelector("img").removeAttribute("src");
    if (home.isConnected) home.append(dialog);
    else dialog.remove();
    const seen = document.querySelector(`[data-photo="${photos[at].dataset.photo}"]`);
    (seen ?? opener).focus({ preventScroll: !seen });
  }

  const stage = () => open.dialog.querySelector(".ac-viewer-stage");

  function turn(by) {
    open.at = Math.min(Math.max(open.at + by, 0), open.photos.length - 1);
    const { dataset } = open.photos[open.at];
    const image = stage().querySelector("img");
    image.src = dataset.address;
    image.alt = open.photos[open.at].querySelector("img").alt;
    const place = open.dialog.dataset.of.replace("{n}", open.at + 1).replace("{total}", open.photos.length);
    open.dialog.querySelector(".ac-viewer-caption").textContent = `${dataset.caption} · ${place}`;
    open.dialog.querySelector("[data-viewer-download]").href = `${dataset.address}?download`;
    enable("previous", open.at > 0);
    enable("next", open.at < open.photos.length - 1);
    open.step = 0;
    zoom(0);
  }

  function zoom(by) {
    open.step = Math.min(Math.max(open.step + by, 0), STEPS.length - 1);
    const place = stage();
    const middle = {
      x: (place.scrollLeft + place.clientWidth / 2) / place.scrollWidth,
      y: (place.scrollTop + place.clientHeight / 2) / place.scrollHeight,
    };
    place.querySelector("img").style.setProperty("--zoom", STEPS[open.step]);
    place.classList.toggle("ac-viewer-stage--near", open.step > 0);
    place.scrollLeft = middle.x * place.scrollWidth - place.clientWidth / 2;
    place.scrollTop = middle.y * place.scrollHeight - place.clientHeight / 2;
    enable("out", open.step > 0);
    enable("in", open.step < STEPS.length - 1);
  }

  const ACTS = {
    close: () => open.dialog.close(),
    previous: () => turn(-1),
    next: () => turn(1),
    in: () => zoom(1),
    out: () => zoom(-1),
  };

  function enable(act, isPossible) {
    const button = open.dialog.querySelector(`[data-viewer="${act}"]`);
    if (!isPossible && document.activeElement === button) stage().focus();
    button.disabled = !isPossible;
  }

  /** Keys are the viewer's own while it is open; while a photo is large, arrows move over it. */
  function onKey(event) {
    event.stopPropagation();
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const isNear = open.step > 0;
    const act = {
      ArrowLeft: isNear ? null : "previous",
      ArrowRight: isNear ? null : "next",
      PageUp: "previous",
      PageDown: "next",
      "+": "in",
      "-": "out",
    }[event.key];
    if (act) {
      ACTS[act]();
      event.preventDefault();
    } else if (event.key === "0") {
      zoom(-open.step);
    }
  }
})();
