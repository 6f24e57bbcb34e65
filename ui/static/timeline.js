// The conversation in the browser: keeps the scroll position while older messages are put on top,
// follows new ones while the reader is at the end, and tells the page what the reader does.
//
// The server renders every message (ui/components/timeline.py says what the markup carries); this
// component only puts the pieces in place. Events: `older`, `newer`, `newest`, `seen`, `not-found`,
// `act`.
//
// `seen` is said of messages only when somebody can have looked at them: the end is in view, for
// more than a moment, in a window that is visible and has the focus.

const NEAR_END = 48; // still "at the end" with so many pixels below
const FETCH_AHEAD = "600px"; // older messages are asked for before the reader reaches the top
const FLASH = 1600; // milliseconds a message stays marked after a jump
const GLANCE = 250; // milliseconds the end is in view before it counts as seen
const ABOVE_LINE = 48; // pixels that stay in view above the line "New messages"
const SEARCH_PAGES = 10; // how far up a quoted message is looked for
const BUSY = 5000; // milliseconds a pressed button waits for its message to change
const TOOLS_GAP = 8; // pixels between a bubble and its buttons
const EMOJI = ["👍", "❤️", "🙏", "😊", "✅"];
const KEEPS_FOCUS = "button, summary, a, pre, audio, video";

export default {
  template: `
    <div class="ac-conversation">
      <div ref="scroller" class="ac-scroller" role="region" tabindex="0" :aria-label="labels.conversation"
           @scroll.passive="onScroll" @click="onClick" @mouseover="onOver" @focusin="onOver" @mouseleave="onLeave"
           @keydown="onKey">
        <div ref="top" class="ac-top">
          <button v-if="more" type="button" class="ac-older" :aria-busy="loading" @click="askOlder">
            {{ loading ? labels.loading : labels.older }}
          </button>
          <p v-else-if="filled" class="ac-beginning">{{ labels.beginning }}</p>
        </div>
        <div ref="list" class="ac-list"></div>
        <div ref="pending" class="ac-pending"></div>
        <div ref="bottom" class="ac-bottom">
          <button v-if="below" type="button" class="ac-older" :aria-busy="loadingNewer" @click="askNewer">
            {{ loadingNewer ? labels.loading : labels.newer }}
          </button>
        </div>
        <slot v-if="!filled"></slot>
      </div>
      <button v-if="above" type="button" class="ac-pill ac-pill--above" @click="seekLine">
        {{ above }} <span aria-hidden="true">↑</span>
      </button>
      <button v-if="waiting" type="button" class="ac-pill" @click="toNewest(true)">
        {{ labels.newMessages }} <span class="ac-pill-count">{{ waiting }}</span>
        <span aria-hidden="true">↓</span>
      </button>
      <button v-else-if="!atEnd || below" type="button" class="ac-pill" :aria-label="labels.newest"
              :title="labels.newest" @click="toNewest(true)"><span aria-hidden="true">↓</span></button>
      <div class="ac-sr-only" role="status">{{ spoken }}</div>
    </div>`,
  props: {
    initial: String, // markup of the newest messages
    hasOlder: Boolean,
    unreadAbove: String, // says how many unread messages are further up, or nothing
    hasNewer: Boolean, // what is shown does not reach to the end
    target: String, // where to open, and what to mark
    canAnswer: Boolean,
    icons: Object,
    groupWithin: Number, // seconds
    labels: Object, // words, see ConversationView
  },
  emits: ["older", "newer", "newest", "seen", "not-found", "act"],
  data() {
    return {
      more: this.hasOlder,
      below: this.hasNewer,
      loadingNewer: false,
      above: this.unreadAbove,
      filled: false,
      loading: false,
      atEnd: true,
      waiting: 0, // messages below that the reader has not seen
      spoken: "", // what a screen reader says
    };
  },
  mounted() {
    this.reset(this.initial, this.hasOlder, this.unreadAbove, this.hasNewer);
    const target = this.target && document.getElementById(this.target);
    if (target) this.$nextTick(() => this.show(target));
    this.topWatcher = new IntersectionObserver(([entry]) => entry.isIntersecting && this.askOlder(), {
      root: this.$refs.scroller,
      rootMargin: `${FETCH_AHEAD} 0px 0px 0px`,
    });
    this.topWatcher.observe(this.$refs.top);
    this.bottomWatcher = new IntersectionObserver(([entry]) => entry.isIntersecting && this.askNewer(), {
      root: this.$refs.scroller,
      rootMargin: `0px 0px ${FETCH_AHEAD} 0px`,
    });
    this.bottomWatcher.observe(this.$refs.bottom);
    // The keyboard of a phone, a growing answer, a file that appears: the end stays the end.
    // So does the place where the conversation opened, until the reader moves.
    this.sizeWatcher = new ResizeObserver(() => {
      if (this.opening?.isConnected) this.open(this.opening);
      else if (this.atEnd) this.toNewest();
    });
    this.sizeWatcher.observe(this.$refs.scroller);
    this.sizeWatcher.observe(this.$refs.list);
    document.addEventListener("visibilitychange", this.tellSeen);
    window.addEventListener("focus", this.tellSeen);
  },
  beforeUnmount() {
    this.topWatcher.disconnect();
    this.bottomWatcher.disconnect();
    this.sizeWatcher.disconnect();
    document.removeEventListener("visibilitychange", this.tellSeen);
    window.removeEventListener("focus", this.tellSeen);
    clearTimeout(this.glance);
  },
  methods: {
    // --- called by the server ---------------------------------------------------------------

    /** Show these messages and nothing else, from the first that nobody has read. */
    reset(markup, more, above, below = false) {
      this.$refs.list.replaceChildren(...pieces(markup));
      this.more = more;
      this.below = below;
      this.loadingNewer = false;
      this.above = above;
      this.loading = false;
      this.waiting = 0;
      this.unseen = true;
      this.filled = this.$refs.list.childElementCount > 0;
      const line = this.line();
      this.lineIsOld = !line && !above;
      const asked = this.asksForEnd;
      this.asksForEnd = false;
      if (below) this.atEnd = false;
      else if (asked) this.toNewest();
      else if (line) this.$nextTick(() => this.open(line));
      // They reach further up than is loaded: begin with what there is of them.
      else if (above) this.$nextTick(() => this.open(this.$refs.list.querySelector("article")));
      else this.toNewest();
    },

    /** Put an older page on top; what the reader looks at stays where it is. */
    prepend(markup, more, above) {
      const anchor = this.$refs.list.querySelector("article");
      const before = anchor?.getBoundingClientRect().bottom;
      this.$refs.list.prepend(...pieces(markup));
      this.tidy();
      this.more = more;
      this.above = above;
      this.loading = false;
      this.$nextTick(() => {
        if (anchor) this.$refs.scroller.scrollTop += anchor.getBoundingClientRect().bottom - before;
        if (this.opening && !this.opening.matches(".ac-new")) this.opening = null;
        if (this.sought) this.jump(this.sought);
        else if (this.seekingLine) this.seekLine();
        this.watchTopAgain();
      });
    },

    /** Put the following page below; what the reader looks at stays where it is. */
    append(markup, below) {
      this.$refs.list.append(...pieces(markup));
      this.tidy();
      this.below = below;
      this.loadingNewer = false;
      this.$nextTick(() => {
        this.onScroll();
        this.bottomWatcher.unobserve(this.$refs.bottom);
        this.bottomWatcher.observe(this.$refs.bottom);
      });
    },

    newerFailed() {
      this.loadingNewer = false;
    },

    /** Take entries away; nothing of the conversation jumps. */
    takeAway(ids) {
      ids.forEach((id) => document.getElementById(id)?.remove());
      this.tidy();
      this.filled = this.$refs.list.childElementCount > 0;
    },

    /** Show at once what was pressed, until the server has it or says why not. */
    expect(key, text, kind) {
      const bubble = document.createElement("div");
      bubble.className = "ac-bubble";
      const words = Object.assign(document.createElement("div"), { className: "ac-text", dir: "auto", textContent: text });
      const state = Object.assign(document.createElement("div"), { className: "ac-footer", textContent: this.labels.pending });
      bubble.append(words, state);
      const entry = document.createElement("div");
      entry.className = `ac-msg ${kind === "note" ? "ac-note" : "ac-out"} ac-first`;
      entry.dataset.key = key;
      entry.append(bubble);
      this.$refs.pending.append(entry);
      this.filled = true;
      this.toNewest();
    },

    /** It is among the messages, or back in the field. */
    forget(key) {
      this.$refs.pending.querySelector(`[data-key="${CSS.escape(key)}"]`)?.remove();
      this.filled = this.$refs.list.childElementCount + this.$refs.pending.childElementCount > 0;
    },

    /** The older page did not come; the button can be pressed again. */
    olderFailed() {
      this.loading = false;
      this.sought = null;
      this.seekingLine = false;
    },

    /** Add messages or replace them by what they are now. */
    put(markup) {
      const list = this.$refs.list;
      const follow = this.atEnd;
      const watched = this.isWatched();
      const oldLine = this.line();
      let arrived = 0;
      let separator = null;
      for (const piece of pieces(markup)) {
        const present = piece.id && document.getElementById(piece.id);
        if (present) {
          replace(present, piece);
        } else if (piece.matches("article") && this.isFurtherDown(piece)) {
          if (piece.dataset.unread !== undefined) arrived += 1;
        } else if (piece.matches("article") && !this.isFurtherUp(piece)) {
          const next = [...list.querySelectorAll("article")].find((m) => m.dataset.at > piece.dataset.at);
          const place = next ? firstAbove(next) : null;
          list.insertBefore(separator.cloneNode(true), place);
          list.insertBefore(piece, place);
          if (piece.dataset.unread !== undefined) {
            arrived += 1;
            if (!watched) this.drawLine(piece);
          }
        } else if (piece.matches(".ac-day")) {
          separator = piece; // of the messages that follow it
        }
      }
      this.filled = list.childElementCount > 0;
      this.tidy();
      if (arrived) {
        this.say(this.labels.arrived);
        this.unseen = true;
      }
      const line = this.line();
      if (!follow || this.below) this.waiting += arrived;
      // Nobody looks: the first of the new messages stays in view, however many come.
      else if (!watched && line && (line !== oldLine || line === this.opening)) this.$nextTick(() => this.open(line));
      else this.toNewest();
    },

    /** Go to the end. */
    toNewest(smooth = false) {
      if (this.below) {
        // Whoever asks for the end wants to be there, whatever is unread on the way.
        this.asksForEnd = true;
        this.$emit("newest");
        return;
      }
      this.waiting = 0;
      this.atEnd = true;
      this.opening = null;
      this.$nextTick(() => {
        const scroller = this.$refs.scroller;
        scroller?.scrollTo({ top: scroller.scrollHeight, behavior: smooth ? pace() : "instant" });
        this.tellSeen();
      });
    },

    /** Show this piece at the top, as far as there is enough below it to scroll. */
    open(piece) {
      const scroller = this.$refs.scroller;
      if (!scroller || !piece?.isConnected) return;
      this.opening = piece;
      const distance = piece.getBoundingClientRect().top - scroller.getBoundingClientRect().top;
      scroller.scrollTop += distance - ABOVE_LINE;
      this.openedAt = scroller.scrollTop;
      this.atEnd = this.isEndInView();
      this.tellSeen();
    },

    // --- what the reader does ----------------------------------------------------------------

    onScroll() {
      const { clientHeight, scrollTop } = this.$refs.scroller;
      if (!clientHeight) return; // the file stands in its place
      if (this.opening && Math.abs(scrollTop - this.openedAt) > 1) this.opening = null;
      this.atEnd = this.isEndInView();
      if (this.atEnd) this.waiting = 0;
      this.tellSeen();
    },

    /** Say that the messages are seen, if that is still so in a moment. */
    tellSeen() {
      clearTimeout(this.glance);
      if (!this.unseen || !this.isWatched()) return;
      this.glance = setTimeout(() => {
        if (!this.isWatched()) return;
        this.unseen = false;
        this.lineIsOld = true;
        this.$emit("seen");
      }, GLANCE);
    },

    /** Whether somebody has the end of the conversation before their eyes. */
    isWatched() {
      return this.isEndInView() && !document.hidden && document.hasFocus();
    },

    isEndInView() {
      if (this.below) return false;
      const { scrollHeight, scrollTop, clientHeight } = this.$refs.scroller;
      return clientHeight > 0 && scrollHeight - scrollTop - clientHeight <= NEAR_END;
    },

    line() {
      return this.$refs.list.querySelector(".ac-new");
    },

    onClick(event) {
      const quote = event.target.closest("[data-jump]");
      if (quote) this.jump(quote.dataset.jump);
      const act = event.target.closest("[data-act]");
      if (act) this.act(act);
      else if (!event.target.closest("button, a, summary, input, audio, video")) this.offerTools(event.target.closest("article"));
    },

    /** Say that a button of a message was pressed; it waits for the message to change. */
    act(button) {
      const entry = button.closest("article");
      if (!entry || button.disabled) return;
      button.disabled = true;
      setTimeout(() => (button.disabled = false), BUSY);
      this.$emit("act", { act: button.dataset.act, id: entry.id.slice(2), value: button.dataset.value ?? null });
    },

    // --- answering and reacting: one set of buttons, which goes to the message under the pointer ---

    onOver(event) {
      const entry = event.target.closest?.("article");
      if (entry && !this.tools?.querySelector("input")) this.offerTools(entry);
    },

    onLeave() {
      if (!this.tools?.contains(document.activeElement)) this.tools?.remove();
    },

    /** The messages can be walked through; each offers its buttons to the next Tab. */
    onKey(event) {
      if (event.target.matches("input")) {
        if (event.key === "Escape") this.closeTools(event);
        return;
      }
      if (event.key === "Escape" && this.tools?.contains(event.target)) this.closeTools(event);
      const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
      const here = event.target.closest("article");
      if (!step || event.altKey || event.ctrlKey || event.metaKey || !(here || event.target === this.$refs.scroller)) return;
      const entries = [...this.$refs.list.querySelectorAll("article")];
      const next = here ? entries[entries.indexOf(here) + step] : step < 0 ? entries.at(-1) : null;
      if (!next) return;
      event.preventDefault();
      next.focus({ preventScroll: true });
      next.scrollIntoView({ block: "nearest" });
    },

    closeTools(event) {
      event.stopPropagation();
      const entry = this.tools.closest("article");
      this.tools.remove();
      this.tools = null;
      entry?.focus({ preventScroll: true });
    },

    offerTools(entry) {
      if (!this.canAnswer || !entry?.matches("[data-ref]:not(.ac-system, .ac-note)")) return;
      if (this.tools?.parentElement === entry) return;
      this.tools?.remove();
      const isTheirs = entry.dataset.from === "in";
      const reply = this.tool(this.icons.reply, this.labels.reply, "reply");
      this.tools = document.createElement("div");
      this.tools.className = "ac-tools";
      this.tools.append(reply);
      if (isTheirs) {
        const react = this.tool(this.icons.reaction, this.labels.react);
        react.addEventListener("click", () => this.offerEmoji(entry));
        this.tools.append(react);
      }
      entry.append(this.tools);
      this.placeTools(entry);
    },

    /** Beside the bubble where there is room, else above it: never over its words. */
    placeTools(entry) {
      const room = entry.clientWidth - entry.querySelector(".ac-bubble").offsetWidth;
      this.tools.classList.toggle("ac-tools--above", room < this.tools.offsetWidth + TOOLS_GAP);
      const side = entry.dataset.from === "in" ? "insetInlineStart" : "insetInlineEnd";
      this.tools.style[side] = `${entry.querySelector(".ac-bubble").offsetWidth + TOOLS_GAP}px`;
    },

    tool(symbol, label, act) {
      const button = document.createElement("button");
      button.type = "button";
      button.title = label;
      button.setAttribute("aria-label", label);
      if (act) button.dataset.act = act;
      const image = document.createElementNS("http://www.w3.org/2000/svg", "svg");
      image.setAttribute("class", "ac-icon");
      image.setAttribute("aria-hidden", "true");
      const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
      use.setAttribute("href", symbol);
      image.append(use);
      button.append(image);
      return button;
    },

    offerEmoji(entry) {
      this.tools.replaceChildren();
      const ours = entry.querySelector("[data-ours]")?.dataset.ours;
      for (const emoji of EMOJI) {
        const button = document.createElement("button");
        button.type = "button";
        button.textContent = emoji;
        button.dataset.act = "react";
        button.dataset.value = emoji === ours ? "" : emoji;
        button.setAttribute("aria-pressed", String(emoji === ours));
        button.setAttribute("aria-label", emoji === ours ? this.labels.unreact : this.labels.reactWith.replace("{emoji}", emoji));
        button.addEventListener("click", () => setTimeout(() => this.closeTools(new Event("x"))));
        this.tools.append(button);
      }
      const other = document.createElement("input");
      other.type = "text";
      other.maxLength = 20;
      other.placeholder = "…";
      other.setAttribute("aria-label", this.labels.otherEmoji);
      other.addEventListener("keydown", (event) => {
        if (event.key !== "Enter" || !other.value.trim()) return;
        this.$emit("act", { act: "react", id: entry.id.slice(2), value: other.value.trim() });
        this.closeTools(event);
      });
      this.tools.append(other);
      this.placeTools(entry);
      this.tools.firstElementChild.focus();
    },

    askNewer() {
      if (!this.below || this.loadingNewer) return;
      this.loadingNewer = true;
      this.$emit("newer");
    },

    askOlder() {
      if (!this.more || this.loading) return;
      this.loading = true;
      this.$emit("older");
    },

    /** Fetch older pages up to the line "New messages", and go there. */
    seekLine() {
      const line = this.line();
      this.searched = this.seekingLine ? this.searched + 1 : 0;
      this.seekingLine = !line && this.more && this.searched < SEARCH_PAGES;
      if (this.seekingLine) this.askOlder();
      else {
        this.open(line ?? this.$refs.list.querySelector("article"));
        line?.nextElementSibling.focus({ preventScroll: true }); // the button is gone
      }
    },

    /** Show the message a quote points to; older pages are fetched in search of it. */
    jump(reference) {
      const target = this.$refs.list.querySelector(`[data-ref="${CSS.escape(reference)}"]`);
      this.searched = this.sought === reference ? this.searched + 1 : 0;
      if (!target && this.more && this.searched < SEARCH_PAGES) {
        this.sought = reference;
        this.askOlder();
        return;
      }
      this.sought = null;
      this.opening = null;
      if (!target) {
        this.$emit("not-found");
        return;
      }
      this.show(target, pace());
    },

    /** Bring a message before the reader's eyes, and mark it for a moment. */
    show(target, behavior = "instant") {
      this.opening = null;
      target.scrollIntoView({ block: "center", behavior });
      target.focus({ preventScroll: true });
      target.classList.add("ac-flash");
      setTimeout(() => target.classList.remove("ac-flash"), FLASH);
      this.atEnd = this.isEndInView();
    },

    // --- keeping order -------------------------------------------------------------------------

    /** One separator a day, one head a group, whatever was put where. */
    tidy() {
      let above = null;
      for (const piece of [...this.$refs.list.children]) {
        if (piece.matches(".ac-day")) {
          if (piece.dataset.day === above?.dataset.day || leadsNowhere(piece)) piece.remove();
          continue;
        }
        if (!piece.matches("article")) continue;
        const adjacent = piece.previousElementSibling === above;
        piece.classList.toggle("ac-first", !(above && adjacent && this.belong(above, piece)));
        above = piece;
      }
    },

    /** Whether a message belongs to a page that has not been fetched. */
    isFurtherUp(message) {
      const first = this.$refs.list.querySelector("article");
      return this.more && first && message.dataset.at < first.dataset.at;
    },

    /** Whether it belongs to what is below and has not been fetched. */
    isFurtherDown(message) {
      const last = [...this.$refs.list.querySelectorAll("article")].at(-1);
      return this.below && last && message.dataset.at > last.dataset.at;
    },

    belong(above, below) {
      const apart = seconds(below) - seconds(above);
      return above.dataset.from === below.dataset.from && apart <= this.groupWithin;
    },

    /** "New messages" stands above the first that came since the end was last seen. */
    drawLine(message) {
      if (!this.lineIsOld) return;
      this.$refs.list.querySelectorAll(".ac-new").forEach((line) => line.remove());
      const line = document.createElement("div");
      line.className = "ac-new";
      line.append(Object.assign(document.createElement("span"), { textContent: this.labels.newMessages }));
      message.before(line);
      this.lineIsOld = false;
    },

    /** A short page can leave the top in sight, of which the watcher does not speak twice. */
    watchTopAgain() {
      this.topWatcher.unobserve(this.$refs.top);
      this.topWatcher.observe(this.$refs.top);
    },

    say(words) {
      this.spoken = "";
      this.$nextTick(() => (this.spoken = words));
    },
  },
};

function pieces(markup) {
  const template = document.createElement("template");
  template.innerHTML = markup;
  return [...template.content.children];
}

/** Put the new state of a message in its place: unfolded details and focus stay. */
function replace(present, fresh) {
  const unfolded = [...present.querySelectorAll("details")].map((details) => details.open);
  fresh.querySelectorAll("details").forEach((details, n) => (details.open = unfolded[n] ?? false));
  const focused = [...present.querySelectorAll(KEEPS_FOCUS)].indexOf(document.activeElement);
  const itself = present === document.activeElement;
  // What plays goes on playing: taken out and put in within one turn, it does not stop.
  for (const player of present.querySelectorAll("audio, video")) {
    fresh.querySelector(`${player.localName}[src="${CSS.escape(player.getAttribute("src"))}"]`)?.replaceWith(player);
  }
  present.replaceWith(fresh);
  const heir = itself ? fresh : fresh.querySelectorAll(KEEPS_FOCUS)[focused];
  heir?.focus({ preventScroll: true });
}

/** The first of the lines that stand above a message, or the message. */
function firstAbove(message) {
  let first = message;
  while (first.previousElementSibling && !first.previousElementSibling.matches("article")) {
    first = first.previousElementSibling;
  }
  return first;
}

function leadsNowhere(separator) {
  let next = separator.nextElementSibling;
  while (next && !next.matches("article, .ac-day")) next = next.nextElementSibling;
  return !next || next.dataset.day !== separator.dataset.day;
}

function seconds(message) {
  return Number(message.dataset.at.split("-")[0]) / 1e6;
}

function pace() {
  return matchMedia("(prefers-reduced-motion: reduce)").matches ? "instant" : "smooth";
}
