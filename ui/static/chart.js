// A chart in the colours of the page. The figure names tokens by placeholders (ui/components/charts.py);
// they become what the tokens are in this theme, and again whenever the theme changes.
//
// `links` holds, for each trace, the address behind each of its points.

const PIXELS_OF_PNG = 2; // twice the size on screen, so that it can be printed

// Reading Plotly and drawing take seconds on a small phone: the numbers are on screen first, and a
// press is heard between two drawings.
function rest() {
  return new Promise((done) =>
    window.requestIdleCallback ? requestIdleCallback(done, { timeout: 500 }) : setTimeout(done, 50),
  );
}

export default {
  template: `<div class="ac-chart-place"><div ref="chart" class="ac-chart-drawing"></div></div>`,
  props: {
    options: Object, // the figure: data and layout
    tokens: Object, // placeholder colour -> token
    links: Array,
  },
  mounted() {
    this.drawn = this.begin();
  },
  beforeUnmount() {
    this.theme?.disconnect();
    this.size?.disconnect();
    this.system?.removeEventListener("change", this.redraw);
    removeEventListener("beforeprint", this.redraw);
    removeEventListener("afterprint", this.redraw);
    if (this.plotly && this.$refs.chart) this.plotly.purge(this.$refs.chart);
  },
  methods: {
    async begin() {
      await rest();
      const { Plotly } = await import("nicegui-plotly");
      await rest();
      if (!this.$refs.chart) return;
      this.plotly = Plotly;
      await this.draw();
      if (!this.$refs.chart) return;
      this.$refs.chart.on("plotly_click", (event) => this.open(event));
      this.theme = new MutationObserver(() => this.draw());
      this.theme.observe(document.body, { attributes: true, attributeFilter: ["class"] });
      this.system = matchMedia("(prefers-color-scheme: dark)");
      this.redraw = () => this.draw();
      this.system.addEventListener("change", this.redraw);
      addEventListener("beforeprint", this.redraw);
      addEventListener("afterprint", this.redraw);
      this.size = new ResizeObserver(() => Plotly.Plots.resize(this.$refs.chart));
      this.size.observe(this.$el);
    },
    update() {
      if (this.plotly) this.draw();
    },
    draw() {
      const { data, layout } = this.coloured(JSON.parse(JSON.stringify(this.options)));
      return this.plotly.react(this.$refs.chart, data, layout, {
        displayModeBar: false,
        responsive: false,
        scrollZoom: false,
      });
    },
    // Computed, because a token holds both themes.
    coloured(figure) {
      const probe = document.createElement("span");
      this.$el.append(probe);
      const colours = {};
      for (const [placeholder, token] of Object.entries(this.tokens)) {
        probe.style.color = `var(${token})`;
        colours[placeholder] = getComputedStyle(probe).color;
      }
      const font = getComputedStyle(this.$el).fontFamily;
      probe.remove();
      const walk = (value) => {
        if (typeof value === "string") return colours[value] ?? value;
        if (Array.isArray(value)) return value.map(walk);
        if (value && typeof value === "object")
          return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, walk(part)]));
        return value;
      };
      const found = walk(figure);
      found.layout.font = { ...found.layout.font, family: font };
      return found;
    },
    open({ points, event }) {
      const point = this.pressed(points ?? [], event);
      const address = point && this.links?.[point.curveNumber]?.[point.pointNumber];
      if (address) location.assign(address);
    },
    // Lines that share their days are all told of together: the one nearest to the press was meant.
    pressed(points, event) {
      if (points.length < 2) return points[0];
      const top = this.$refs.chart.querySelector(".nsewdrag").getBoundingClientRect().top;
      const away = (point) => Math.abs(top + point.yaxis.d2p(point.y) - event.clientY);
      return points.reduce((near, point) => (away(point) < away(near) ? point : near));
    },
    async save(name) {
      // Pressed before the drawing is there, it waits for it.
      await this.drawn;
      if (!this.$refs.chart) return;
      const { offsetWidth: width, offsetHeight: height } = this.$refs.chart;
      const picture = await this.plotly.toImage(this.$refs.chart, {
        format: "png",
        width,
        height,
        scale: PIXELS_OF_PNG,
      });
      const link = document.createElement("a");
      link.href = picture;
      link.download = name;
      link.click();
    },
  },
};
