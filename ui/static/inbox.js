// The list of the inbox in the browser: puts conversations where they belong, without a word from
// the reader's place, and tells the page which one is pressed.
//
// The server renders every conversation (ui/components/inbox_items.py says what the markup
// carries). Events: `open` with an id, `more`, `back`.

const LIT = 1600; // milliseconds for which a conversation that changed is marked

export default {
  template: `
    <div ref="scroller" class="ac-inbox-scroller" data-ac-rows>
      <ul ref="list" class="ac-plain ac-inbox-list" :aria-label="labels.list" @click="onClick"></ul>
      <button v-if="more" type="button" class="ac-button ac-inbox-more" :aria-busy="loading" @click="askMore">
        {{ labels.more }}
      </button>
      <div class="ac-sr-only" role="status">{{ spoken }}</div>
    </div>`,
  props: {
    initial: String, // markup of the list
    hasMore: Boolean,
    opened: String, // id of the conversation that is open, or nothing
    labels: Object, // words, see InboxList
  },
  emits: ["open", "more"],
  data() {
    return { more: this.hasMore, loading: false, spoken: "" };
  },
  mounted() {
    this.current = this.opened;
    this.reset(this.initial, this.hasMore, false);
    if (this.current) this.item(this.current)?.scrollIntoView({ block: "nearest" });
  },
  methods: {
    /** Show these conversations and no others. */
    reset(markup, more, stay) {
      const top = this.$refs.scroller.scrollTop;
      const focused = this.focusedId();
      this.$refs.list.replaceChildren(...pieces(markup));
      this.more = more;
      this.loading = false;
      this.mark();
      this.$refs.scroller.scrollTop = stay ? top : 0;
      if (focused) this.link(focused)?.focus({ preventScroll: true });
    },

    /** Put each of these in its place, and take away those; where the reader is stays still. */
    change(markup, gone, words) {
      const scroller = this.$refs.scroller;
      const focused = this.focusedId();
      const anchor = this.anchor(new Set([...gone, ...pieces(markup).map((piece) => piece.id.slice(2))]));
      const before = anchor?.getBoundingClientRect().top;
      let heir = null;
      for (const id of gone) {
        const present = this.item(id);
        if (!present) continue;
        if (id === focused) heir = present.nextElementSibling ?? present.previousElementSibling;
        present.remove();
      }
      for (const piece of pieces(markup)) {
        const present = document.getElementById(piece.id);
        if (present?.outerHTML === piece.outerHTML) continue;
        present?.remove();
        const next = [...this.$refs.list.children].find((other) => other.dataset.order > piece.dataset.order);
        this.$refs.list.insertBefore(piece, next ?? null);
        if (words) piece.classList.add("ac-lit");
        setTimeout(() => piece.classList.remove("ac-lit"), LIT);
      }
      this.mark();
      if (anchor?.isConnected && scroller.scrollTop > 0) {
        scroller.scrollTop += anchor.getBoundingClientRect().top - before;
      }
      if (focused && document.activeElement === document.body) {
        (this.link(focused) ?? heir?.querySelector("a"))?.focus({ preventScroll: true });
      }
      if (words) this.spoken = words;
    },

    /** Mark which conversation is open. */
    choose(id) {
      this.current = id;
      this.mark();
      if (id) this.item(id)?.scrollIntoView({ block: "nearest" });
    },

    /** Put the focus on the conversation that was open, as whoever comes back to the list expects. */
    comeBack(id) {
      (this.link(id) ?? this.$refs.list.querySelector("a"))?.focus();
    },

    mark() {
      for (const link of this.$refs.list.querySelectorAll("a[aria-current]")) link.removeAttribute("aria-current");
      if (this.current) this.link(this.current)?.setAttribute("aria-current", "true");
    },

    onClick(event) {
      const link = event.target.closest("a[data-ac-row]");
      if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
      event.preventDefault();
      this.$emit("open", link.closest("li").id.slice(2));
    },

    askMore() {
      if (this.loading) return;
      this.loading = true;
      this.$emit("more");
    },

    item(id) {
      return document.getElementById(`i-${id}`);
    },

    link(id) {
      return this.item(id)?.querySelector("a") ?? null;
    },

    focusedId() {
      const item = document.activeElement?.closest?.(".ac-inbox-item");
      return item && this.$refs.list.contains(item) ? item.id.slice(2) : null;
    },

    /** The first conversation in sight that stays what it is. */
    anchor(changing) {
      const top = this.$refs.scroller.getBoundingClientRect().top;
      return [...this.$refs.list.children].find(
        (item) => item.getBoundingClientRect().bottom > top && !changing.has(item.id.slice(2)),
      );
    },
  },
};

function pieces(markup) {
  const template = document.createElement("template");
  template.innerHTML = markup;
  return [...template.content.children];
}
