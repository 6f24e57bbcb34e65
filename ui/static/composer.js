// Where the answer is written: text, files, quick replies, and the clock of the 24 hours.
//
// What is typed is never lost. It goes to the server when the writer pauses (`draft`), and until the
// server has said that it has it, it lies in the tab's own storage, too. What was sent is kept the
// same way until the server has queued it; `key` makes one message of however many attempts.
//
// Events: `send`, `note`, `draft`, `typing`, `canned`, `people`, `open`.

const PAUSE = 800; // milliseconds without a key after which a draft is saved
const TYPING_EVERY = 4000; // milliseconds between two words about somebody who is writing
const TICK = 15000; // milliseconds between two looks at the clock
const SOON = 2 * 3600_000; // the window's end is near
const COUNT_FROM = 400; // characters left from which they are counted
const RESEND_WITHIN = 120_000; // milliseconds in which what was pressed before a reload is sent by itself
const MOST_REPLIES = 8; // quick replies shown at a time
const COMMAND = /(^|\s)\/([\p{L}\p{N}_-]*)$/u; // a quick reply being looked for, before the caret
const MENTION = /(^|[\s(])@([^\s@]*(?: [^\s@]+)?)$/u; // a colleague being called in a note, the same way

export default {
  template: `
    <section class="ac-composer" :class="{ 'ac-composer--note': isNote, 'ac-composer--over': dragging }"
             :aria-label="labels.region" @dragenter.prevent="dragging = canAttach" @dragover.prevent
             @dragleave="onDragLeave" @drop.prevent="onDrop">
      <div class="ac-composer-bar">
        <button type="button" class="ac-composer-tab" data-ac-key="r" :aria-pressed="String(!isNote)"
                :title="labels.answerKey" @click="turnTo('answer')">{{ labels.answer }}<i
                v-if="isNote && texts.answer.trim()" class="ac-composer-dot" role="img" :aria-label="labels.draft"></i></button>
        <button type="button" class="ac-composer-tab ac-composer-tab--note" data-ac-key="n" :aria-pressed="String(isNote)"
                :title="labels.noteKey" @click="turnTo('note')">{{ labels.note }}<i
                v-if="!isNote && texts.note.trim()" class="ac-composer-dot" role="img" :aria-label="labels.draft"></i></button>
        <span v-if="mark" class="ac-composer-mark">{{ mark }}</span>
        <span class="ac-composer-window" :class="'ac-composer-window--' + clock.state" :title="clock.title">
          <svg class="ac-icon" aria-hidden="true"><use :href="clock.state === 'closed' ? icons.lock : icons.clock"/></svg>
          <span>{{ clock.words }}</span>
        </span>
      </div>
      <div v-if="stopped" class="ac-composer-notice ac-notice ac-notice--warn">
        <svg class="ac-icon" aria-hidden="true"><use :href="icons.warning"/></svg><span>{{ stopped }}</span>
      </div>
      <div v-if="!online" class="ac-composer-notice ac-notice ac-notice--warn" role="status">
        <svg class="ac-icon" aria-hidden="true"><use :href="icons.warning"/></svg><span>{{ labels.offline }}</span>
      </div>
      <div v-if="problem" class="ac-composer-notice ac-notice ac-notice--danger" role="alert">
        <svg class="ac-icon" aria-hidden="true"><use :href="icons.error"/></svg><span>{{ problem }}</span>
      </div>
      <p v-if="isNote" class="ac-composer-only">{{ labels.onlyTeam }}</p>

      <div v-if="isClosed && !isNote" class="ac-composer-closed">
        <p>{{ clock.never ? labels.never : labels.closed }}</p>
        <p v-if="texts.answer.trim()" class="ac-composer-kept" dir="auto">{{ texts.answer }}</p>
        <div class="ac-composer-row">
          <span class="ac-composer-to">{{ labels.to }}</span>
          <button type="button" class="ac-button ac-button--primary ac-composer-choose" @click="$emit('open', { what: 'templates' })">
            <svg class="ac-icon" aria-hidden="true"><use :href="icons.template"/></svg><span>{{ labels.chooseTemplate }}</span>
          </button>
        </div>
      </div>
      <template v-else>
        <div v-if="quoting && !isNote" class="ac-composer-quote">
          <div><strong>{{ quoting.who }}</strong><span dir="auto">{{ quoting.words }}</span></div>
          <button type="button" class="ac-icon-button" :aria-label="labels.unquote" :title="labels.unquote" @click="unquote">
            <svg class="ac-icon" aria-hidden="true"><use :href="icons.close"/></svg></button>
        </div>
        <ul v-if="files.length && !isNote" class="ac-composer-files" :aria-label="labels.files">
          <li v-for="item in files" :key="item.id" class="ac-composer-file" :class="{ 'ac-composer-file--bad': item.problem }">
            <img v-if="item.kind === 'image' && item.url" :src="item.url" alt="" class="ac-composer-preview">
            <video v-else-if="item.kind === 'video' && item.url" :src="item.url" muted preload="metadata" class="ac-composer-preview"></video>
            <span v-else class="ac-composer-preview"><svg class="ac-icon" aria-hidden="true"><use :href="icons[item.kind]"/></svg></span>
            <div class="ac-composer-file-words">
              <div class="ac-composer-file-name"><bdi>{{ item.file.name }}</bdi> <span>{{ size(item.file.size) }}</span></div>
              <audio v-if="item.kind === 'audio' && item.url" :src="item.url" controls preload="metadata"></audio>
              <input v-if="item.kind !== 'audio'" type="text" v-model="item.caption" :disabled="item.busy" :maxlength="limits.caption"
                     :placeholder="labels.caption" :aria-label="labels.captionOf.replace('{name}', item.file.name)" dir="auto"
                     @keydown.enter.prevent="submit">
              <progress v-if="item.busy" max="1" :value="item.progress" :aria-label="labels.sendingFile"></progress>
              <p v-if="item.problem" role="alert">{{ item.problem }}
                <button v-if="item.asDocument" type="button" class="ac-link-button" @click="turnIntoDocument(item)">{{ labels.asDocument }}</button></p>
            </div>
            <button type="button" class="ac-icon-button" :disabled="item.busy" :aria-label="labels.removeOf.replace('{name}', item.file.name)"
                    :title="labels.remove" @click="removeFile(item)">
              <svg class="ac-icon" aria-hidden="true"><use :href="icons.close"/></svg></button>
          </li>
        </ul>
        <div class="ac-composer-field">
          <ul v-if="menu.open" :id="menuId" class="ac-composer-menu" role="listbox" :aria-label="isNote ? labels.colleagues : labels.replies">
            <li v-for="(reply, n) in menu.found" :key="reply.shortcut ?? reply.name" :id="menuId + '-' + n" role="option" :aria-selected="String(n === menu.at)"
                @mousedown.prevent @click="choose(reply)" @mousemove="menu.at = n">
              <strong v-if="isNote" dir="auto">@{{ reply.name }}</strong>
              <template v-else>
                <span class="ac-composer-short">/{{ reply.shortcut }}</span><strong>{{ reply.title }}</strong>
                <span class="ac-composer-reply" dir="auto">{{ reply.text }}</span>
              </template>
            </li>
            <li v-if="!menu.found.length" class="ac-composer-none" role="option" aria-disabled="true" aria-selected="false">{{ offered ? labels.noReplies : labels.loading }}</li>
          </ul>
          <textarea ref="field" rows="1" dir="auto" :value="texts[tab]" :placeholder="isNote ? labels.notePlaceholder : labels.placeholder"
                    :aria-label="isNote ? labels.noteLabel : labels.answerLabel" :aria-controls="menu.open ? menuId : null"
                    :aria-activedescendant="menu.open && menu.found.length ? menuId + '-' + menu.at : null" aria-autocomplete="list"
                    :enterkeyhint="enterSends ? 'send' : 'enter'" autocomplete="off" @input="onInput" @keydown="onKey" @blur="onBlur"
                    @paste="onPaste" @click="look" @keyup.left="look" @keyup.right="look"></textarea>
        </div>
        <p v-if="writing && !isNote" class="ac-composer-writing">
          <svg class="ac-icon" aria-hidden="true"><use :href="icons.edit"/></svg><span>{{ writing }}</span>
        </p>
        <div class="ac-composer-row">
          <template v-if="!isNote">
            <button type="button" class="ac-icon-button" :aria-label="labels.attach" :title="labels.attach" @click="$refs.picker.click()">
              <svg class="ac-icon" aria-hidden="true"><use :href="icons.attach"/></svg></button>
            <button type="button" class="ac-icon-button" :aria-label="labels.quick" :title="labels.quick" @click="askReplies">
              <svg class="ac-icon" aria-hidden="true"><use :href="icons.quick"/></svg></button>
            <button type="button" class="ac-icon-button" :aria-label="labels.template" :title="labels.template" @click="$emit('open', { what: 'templates' })">
              <svg class="ac-icon" aria-hidden="true"><use :href="icons.template"/></svg></button>
            <button type="button" class="ac-icon-button" :aria-label="labels.structured" :title="labels.structured" @click="$emit('open', { what: 'structured' })">
              <svg class="ac-icon" aria-hidden="true"><use :href="icons.interactive"/></svg></button>
            <button type="button" class="ac-icon-button" :aria-label="labels.place" :title="labels.place" @click="$emit('open', { what: 'place' })">
              <svg class="ac-icon" aria-hidden="true"><use :href="icons.location"/></svg></button>
            <input ref="picker" type="file" multiple hidden tabindex="-1" :accept="accept" @change="onPick">
          </template>
          <span v-if="left <= countFrom" class="ac-composer-count" :class="{ 'ac-composer-count--over': left < 0 }" role="status">{{ counted }}</span>
          <span class="ac-composer-to">{{ isNote ? labels.onlyTeamShort : labels.to }}</span>
          <button type="button" class="ac-button ac-button--primary ac-composer-send" :disabled="!canSubmit" :title="labels.sendKey" @click="submit">
            <svg class="ac-icon" aria-hidden="true"><use :href="isNote ? icons.lock : icons.send"/></svg><span>{{ isNote ? labels.saveNote : labels.send }}</span>
          </button>
        </div>
      </template>
      <div v-if="dragging" class="ac-composer-drop" aria-hidden="true">{{ labels.drop }}</div>
    </section>`,
  props: {
    place: String, // what this tab's storage calls the conversation
    conversation: Number, // the element that shows it
    uploads: String, // where files go
    drafts: Object, // kind -> text, as the server has it
    quoted: Object, // {id, who, words} of the draft
    window: Object, // {open, closes, now (milliseconds), when, never}
    stopped: String, // why nothing is sent, or nothing
    writing: String, // who else is writing, or nothing
    enterSends: Boolean,
    limits: Object, // text, note, caption; kinds: [{kind, types, bytes, megabytes}]
    icons: Object,
    labels: Object,
  },
  emits: ["send", "note", "draft", "typing", "canned", "people", "open"],
  data() {
    return {
      tab: "answer",
      texts: { answer: this.drafts.answer ?? "", note: this.drafts.note ?? "" },
      quoting: this.quoted ?? null,
      files: [],
      replies: null, // quick replies, once they have been asked for
      people: null, // colleagues, in the same way
      menu: { open: false, found: [], at: 0, from: 0 },
      problem: "",
      mark: this.drafts.answer || this.drafts.note ? this.labels.draft : "",
      online: true,
      dragging: false,
      now: Date.now(),
      skew: this.window.now - Date.now(), // of the server's clock before this one's
    };
  },
  created() {
    this.menuId = `c${Math.random().toString(36).slice(2)}`;
    this.countFrom = COUNT_FROM;
    this.waiting = {}; // kind -> timer of its draft
    this.saves = 0;
    this.asked = {}; // kind -> whether its menu has been asked for
    this.pending = {}; // key -> what was pressed and has no answer yet
  },
  mounted() {
    this.recover();
    this.clockTimer = setInterval(() => (this.now = Date.now()), TICK);
    this.onHide = () => document.hidden && this.flush();
    document.addEventListener("visibilitychange", this.onHide);
    addEventListener("pagehide", this.onHide);
    this.onLost = () => (this.online = false);
    this.onFound = () => {
      this.online = true;
      this.flush();
    };
    window.socket?.on("disconnect", this.onLost);
    window.socket?.on("connect", this.onFound);
    this.$nextTick(this.grow);
  },
  beforeUnmount() {
    this.flush();
    clearInterval(this.clockTimer);
    Object.values(this.waiting).forEach(clearTimeout);
    this.files.forEach((item) => URL.revokeObjectURL(item.url));
    document.removeEventListener("visibilitychange", this.onHide);
    removeEventListener("pagehide", this.onHide);
    window.socket?.off("disconnect", this.onLost);
    window.socket?.off("connect", this.onFound);
  },
  watch: {
    window(told) {
      this.skew = told.now - Date.now();
      this.now = Date.now();
    },
  },
  computed: {
    isNote() {
      return this.tab === "note";
    },
    /** What the menu offers here, once it is known. */
    offered() {
      return this.isNote ? this.people : this.replies;
    },
    isClosed() {
      return this.clock.state === "closed";
    },
    canAttach() {
      return !this.isNote && !this.isClosed;
    },
    accept() {
      return this.limits.kinds.flatMap((kind) => kind.types).join(",");
    },
    left() {
      return (this.isNote ? this.limits.note : this.limits.text) - [...this.texts[this.tab]].length;
    },
    counted() {
      return this.left < 0
        ? this.labels.tooLong.replace("{n}", this.number(-this.left))
        : this.labels.left.replace("{n}", this.number(this.left));
    },
    canSubmit() {
      const hasText = this.texts[this.tab].trim() !== "";
      const hasFile = !this.isNote && this.files.some((item) => !item.busy);
      return this.left >= 0 && (hasText || hasFile);
    },
    clock() {
      const told = this.window;
      const left = told.closes - (this.now + this.skew);
      if (!told.open || left <= 0) {
        const words = told.never ? this.labels.neverShort : this.labels.closedShort;
        return { state: "closed", words, title: "", never: told.never };
      }
      const hours = Math.floor(left / 3600_000);
      const minutes = Math.floor((left % 3600_000) / 60_000);
      const words = (hours ? this.labels.closesIn : this.labels.closesSoon)
        .replace("{hours}", hours)
        .replace("{minutes}", minutes)
        .replace("{when}", told.when);
      return { state: left <= SOON ? "soon" : "open", words, title: this.labels.windowWhy, never: false };
    },
  },
  methods: {
    // --- called by the server --------------------------------------------------------------------

    /** The server has queued, or written, what was pressed under this key. */
    settled(key) {
      const was = this.pending[key];
      delete this.pending[key];
      this.keepPending();
      this.view()?.forget(key);
      if (was?.kind === "note") this.say("");
    },

    /** It was not taken: the words are back where they were, with the reason. */
    refused(key, words) {
      const was = this.pending[key];
      delete this.pending[key];
      this.keepPending();
      this.view()?.forget(key);
      if (was) this.bringBack(was);
      this.say(words);
    },

    /** The draft of a kind is safe up to this save. */
    saved(kind, number) {
      if (this.latest?.[kind] === number) this.forgetText(kind);
    },

    /** Answer a message of the conversation. */
    quote(quoting) {
      this.turnTo("answer");
      this.quoting = quoting;
      this.draftSoon("answer");
    },

    /** The quick replies, filled in for this person. */
    offer(replies) {
      this.replies = replies;
      this.look();
    },

    /** The colleagues whom a note can call. */
    offerPeople(names) {
      this.people = names.map((name) => ({ name }));
      this.look();
    },

    /** Put words where the caret is, such as those of a message that was taken back. */
    insert(words) {
      this.turnTo("answer");
      const text = this.texts.answer;
      this.setText("answer", text.trim() ? `${text}\n${words}` : words);
    },

    say(words) {
      this.problem = words;
    },

    // --- writing -----------------------------------------------------------------------------------

    turnTo(kind) {
      this.tab = kind;
      this.menu.open = false;
      this.$nextTick(() => {
        this.grow();
        this.$refs.field?.focus();
      });
    },

    setText(kind, text) {
      this.texts[kind] = text;
      this.mark = "";
      this.draftSoon(kind);
      this.$nextTick(this.grow);
    },

    onInput(event) {
      this.setText(this.tab, event.target.value);
      this.problem = "";
      this.look();
      if (Date.now() - (this.toldTyping ?? 0) > TYPING_EVERY) {
        this.toldTyping = Date.now();
        this.$emit("typing", { kind: this.tab });
      }
    },

    onKey(event) {
      if (event.isComposing) return;
      if (this.menu.open && this.onMenuKey(event)) return;
      if (event.key !== "Enter" || event.altKey) return;
      const always = event.ctrlKey || event.metaKey;
      if (always || this.enterSends !== event.shiftKey) {
        event.preventDefault();
        this.submit();
      }
    },

    onBlur() {
      this.flush();
      this.menu.open = false;
    },

    /** As high as its text, up to what the stylesheet allows. */
    grow() {
      const field = this.$refs.field;
      if (!field) return;
      field.style.height = "auto";
      field.style.height = `${field.scrollHeight + 2}px`;
    },

    submit() {
      if (!this.canSubmit) return;
      const kind = this.tab;
      const text = this.texts[kind];
      this.problem = "";
      this.menu.open = false;
      const files = kind === "answer" ? this.files.filter((item) => !item.busy) : [];
      const quoting = kind === "answer" ? this.quoting : null;
      if (text.trim()) {
        const what = { key: crypto.randomUUID(), kind, text, quoting, at: Date.now() };
        this.press(what);
      }
      if (kind === "answer") this.quoting = null;
      this.texts[kind] = "";
      this.mark = "";
      clearTimeout(this.waiting[kind]);
      this.waiting[kind] = null;
      this.forgetText(kind);
      if (files.length) this.sendFiles(files, text.trim() ? null : quoting);
      this.$nextTick(() => {
        this.grow();
        this.$refs.field?.focus();
      });
    },

    press(what) {
      this.pending[what.key] = what;
      this.keepPending();
      this.view()?.expect(what.key, what.text, what.kind);
      const told = { key: what.key, text: what.text, quoting: what.quoting?.id ?? null };
      this.$emit(what.kind === "note" ? "note" : "send", told);
    },

    bringBack({ kind, text, quoting }) {
      const now = this.texts[kind];
      this.setText(kind, now.trim() ? `${text}\n${now}` : text);
      if (kind === "answer" && !this.quoting) this.quoting = quoting;
    },

    unquote() {
      this.quoting = null;
      this.draftSoon("answer");
      this.$refs.field?.focus();
    },

    // --- drafts ------------------------------------------------------------------------------------

    draftSoon(kind) {
      this.keepText(kind);
      clearTimeout(this.waiting[kind]);
      this.waiting[kind] = setTimeout(() => this.saveDraft(kind), PAUSE);
    },

    saveDraft(kind) {
      clearTimeout(this.waiting[kind]);
      this.waiting[kind] = null;
      this.saves += 1;
      this.latest = { ...this.latest, [kind]: this.saves };
      const quoting = kind === "answer" ? (this.quoting?.id ?? null) : null;
      this.$emit("draft", { kind, text: this.texts[kind], quoting, number: this.saves });
    },

    /** Save now what would be saved in a moment. */
    flush() {
      for (const kind of ["answer", "note"]) if (this.waiting[kind]) this.saveDraft(kind);
    },

    // --- what this tab keeps until the server has it -------------------------------------------------

    keepText(kind) {
      put(`${this.place}/${kind}`, { text: this.texts[kind], quoting: kind === "answer" ? this.quoting : null });
    },

    forgetText(kind) {
      put(`${this.place}/${kind}`, null);
    },

    keepPending() {
      const all = Object.values(this.pending);
      put(`${this.place}/pending`, all.length ? all : null);
    },

    /** After a reload: what was typed and not saved, what was pressed and not answered. */
    recover() {
      for (const kind of ["answer", "note"]) {
        const kept = get(`${this.place}/${kind}`);
        if (typeof kept?.text !== "string" || kept.text === this.texts[kind]) continue;
        this.texts[kind] = kept.text;
        if (kind === "answer") this.quoting = kept.quoting ?? this.quoting;
        this.mark = kept.text.trim() ? this.labels.draft : "";
        this.draftSoon(kind);
      }
      for (const what of get(`${this.place}/pending`) ?? []) {
        // A note has no key by which the server would know it again.
        if (what.kind === "answer" && Date.now() - what.at < RESEND_WITHIN) this.press(what);
        else {
          this.bringBack(what);
          this.say(this.labels.notSent);
        }
      }
      if (this.texts.note.trim() && !this.texts.answer.trim()) this.tab = "note";
    },

    // --- quick replies, and colleagues in a note -------------------------------------------------------

    askReplies() {
      const field = this.$refs.field;
      const before = field.value.slice(0, field.selectionStart);
      const after = field.value.slice(field.selectionStart);
      if (!COMMAND.test(before)) {
        const slash = before && !/\s$/.test(before) ? " /" : "/";
        this.setText("answer", before + slash + after);
        this.$nextTick(() => {
          field.focus();
          field.setSelectionRange(before.length + slash.length, before.length + slash.length);
          this.look();
        });
      } else {
        field.focus();
        this.look();
      }
    },

    /** Offer quick replies when the caret stands behind a slash, colleagues behind an @. */
    look() {
      const field = this.$refs.field;
      if (!field) return;
      const found = (this.isNote ? MENTION : COMMAND).exec(field.value.slice(0, field.selectionStart));
      this.menu.open = found !== null && document.activeElement === field;
      if (!this.menu.open) return;
      if (this.offered === null && !this.asked[this.tab]) {
        this.asked[this.tab] = true;
        this.$emit(this.isNote ? "people" : "canned", {});
      }
      this.menu.from = field.selectionStart - found[2].length - 1;
      const fitting = this.isNote ? named : matching;
      this.menu.found = fitting(this.offered ?? [], found[2]).slice(0, MOST_REPLIES);
      // Behind a name that is written out come other words.
      if (this.isNote && !this.menu.found.length) this.menu.open = false;
      this.menu.at = Math.min(this.menu.at, Math.max(this.menu.found.length - 1, 0));
    },

    onMenuKey(event) {
      const { found } = this.menu;
      const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      if (step && found.length) this.menu.at = (this.menu.at + step + found.length) % found.length;
      else if ((event.key === "Enter" || event.key === "Tab") && found.length && !event.ctrlKey) this.choose(found[this.menu.at]);
      else if (event.key === "Escape") {
        this.menu.open = false;
        event.stopPropagation();
      } else return false;
      event.preventDefault();
      return true;
    },

    choose(reply) {
      const field = this.$refs.field;
      const text = field.value;
      const words = this.isNote ? `@${reply.name} ` : reply.text;
      const caret = this.menu.from + words.length;
      this.menu.open = false;
      this.setText(this.tab, text.slice(0, this.menu.from) + words + text.slice(field.selectionStart));
      this.$nextTick(() => {
        field.focus();
        field.setSelectionRange(caret, caret);
      });
    },

    // --- files ---------------------------------------------------------------------------------------

    onPick(event) {
      this.attach([...event.target.files]);
      event.target.value = "";
    },

    onPaste(event) {
      const files = [...(event.clipboardData?.files ?? [])];
      if (!files.length || !this.canAttach) return;
      event.preventDefault();
      this.attach(files);
    },

    onDrop(event) {
      this.dragging = false;
      if (this.canAttach) this.attach([...event.dataTransfer.files]);
    },

    onDragLeave(event) {
      if (!event.currentTarget.contains(event.relatedTarget)) this.dragging = false;
    },

    attach(files) {
      for (const file of files) {
        const item = { id: crypto.randomUUID(), file, kind: this.kindOf(file), caption: "", busy: false, progress: 0, problem: "", asDocument: false };
        item.url = item.kind === "document" ? "" : URL.createObjectURL(file);
        this.files.push(item);
        this.weigh(this.files.at(-1));
      }
      this.$nextTick(() => this.$refs.field?.focus());
    },

    kindOf(file) {
      return this.limits.kinds.find((kind) => kind.types.includes(file.type))?.kind ?? "document";
    },

    /** Say at once what the server would say later. */
    weigh(item) {
      const limit = this.limits.kinds.find((kind) => kind.kind === item.kind);
      const isTooLarge = item.file.size > limit.bytes;
      item.problem = isTooLarge ? this.labels.tooLarge.replace("{megabytes}", limit.megabytes) : "";
      item.asDocument = isTooLarge && item.kind === "image";
    },

    turnIntoDocument(item) {
      item.kind = "document";
      this.weigh(item);
    },

    removeFile(item) {
      URL.revokeObjectURL(item.url);
      this.files = this.files.filter((other) => other.id !== item.id);
      this.$refs.field?.focus();
    },

    /** One after the other, in the order in which they stand; a bad one does not stop the others. */
    async sendFiles(items, quoting) {
      items.forEach((item) => Object.assign(item, { busy: true, progress: 0, problem: "" }));
      for (const item of items) {
        const answer = await this.upload(item, quoting);
        item.busy = false;
        if (answer.problem === null) {
          quoting = null;
          this.removeFile(item);
        } else {
          item.problem = answer.problem ?? this.labels.notUploaded;
          item.asDocument = answer.as_document === true;
        }
      }
    },

    upload(item, quoting) {
      const form = new FormData();
      form.append("key", item.id);
      form.append("kind", item.kind);
      form.append("caption", item.kind === "audio" ? "" : item.caption);
      form.append("quoting", quoting?.id ?? "");
      form.append("file", item.file, item.file.name);
      return new Promise((resolve) => {
        const request = new XMLHttpRequest();
        request.open("POST", this.uploads);
        request.responseType = "json";
        request.upload.onprogress = (event) => (item.progress = event.loaded / event.total);
        request.onload = () => resolve(request.status === 200 ? (request.response ?? {}) : request.status === 413 ? { problem: this.labels.muchTooLarge } : {});
        request.onerror = request.onabort = () => resolve({});
        request.send(form);
      });
    },

    size(bytes) {
      const [value, unit] = bytes < 1e6 ? [Math.max(1, Math.round(bytes / 1e3)), "KB"] : [Math.round(bytes / 1e5) / 10, "MB"];
      return `${this.number(value)} ${unit}`;
    },

    number(value) {
      return new Intl.NumberFormat(document.documentElement.lang).format(value);
    },

    /** The conversation beside it, while both are on the page. */
    view() {
      return this.conversation ? getElement(this.conversation) : null;
    },
  },
};

/** Replies that the words fit: those whose shortcut begins so, then whose title or text has it. */
function matching(replies, words) {
  const wanted = plain(words);
  const rank = (reply) => {
    if (plain(reply.shortcut).startsWith(wanted)) return 0;
    if (plain(reply.title).includes(wanted)) return 1;
    return plain(reply.text).includes(wanted) ? 2 : 3;
  };
  return replies
    .map((reply) => [rank(reply), reply])
    .filter(([found]) => found < 3)
    .sort(([a], [b]) => a - b)
    .map(([, reply]) => reply);
}

/** People one of whose names begins so; what is typed may be two of them. */
function named(people, words) {
  const wanted = plain(words);
  return people.filter(({ name }) => ` ${plain(name)}`.includes(` ${wanted}`));
}

function plain(text) {
  return text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
}

/* The tab's own storage may be full or forbidden: then only the server keeps what is written. */
function put(name, value) {
  try {
    if (value === null) sessionStorage.removeItem(name);
    else sessionStorage.setItem(name, JSON.stringify(value));
  } catch {
    /* as said */
  }
}

function get(name) {
  try {
    return JSON.parse(sessionStorage.getItem(name));
  } catch {
    return null;
  }
}
