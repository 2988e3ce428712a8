// Updates a view in place. Without this file a view works by its form and links.

const WAIT = 250; // milliseconds after the last key

export class LiveView {
  constructor() {
    this.form = document.querySelector('form.query[method="get"]');
    this.status = document.getElementById("status");
    this.request = null;
    this.timer = 0;
    this.onUpdate = () => {};
    document.addEventListener("click", (event) => {
      const link = event.target.closest("#result a");
      const isPlain = !(event.ctrlKey || event.metaKey || event.shiftKey || event.altKey);
      if (!link || !isPlain || event.button !== 0) return;
      const address = new URL(link.href);
      if (address.pathname !== location.pathname || address.origin !== location.origin) return;
      if (link.getAttribute("href").startsWith("#")) return;
      event.preventDefault();
      clearTimeout(this.timer);
      this.go(address.pathname + address.search, {
        focus: link.id,
        fromTop: link.closest("[data-top]") !== null,
      });
    });
    const { address } = document.getElementById("main").dataset;
    if (address) history.replaceState(null, "", address + location.hash);
    if (this.form) this.followForm();
  }

  followForm() {
    this.form.addEventListener("input", (event) => {
      if (event.isComposing) return;
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.go(this.formAddress(), { typed: true }), WAIT);
    });
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      clearTimeout(this.timer);
      this.go(this.formAddress());
    });
  }

  formAddress() {
    return `${location.pathname}?${new URLSearchParams(new FormData(this.form))}`;
  }

  async go(address, { typed = false, focus = "", fromTop = false } = {}) {
    this.request?.abort();
    const request = (this.request = new AbortController());
    document.body.classList.add("busy");
    try {
      const response = await fetch(address, { signal: request.signal });
      const text = await response.text();
      if (!response.ok) throw new Error(response.status === 403 ? text : `error ${response.status}`);
      if (this.request !== request) return;
      this.show(new DOMParser().parseFromString(text, "text/html"), typed);
      if (focus) document.getElementById(focus)?.focus();
      if (fromTop) scrollTo(0, 0);
      this.say("");
    } catch (error) {
      if (error.name === "AbortError") return;
      const gone = error instanceof TypeError;
      this.say(gone ? "The server does not answer: start `numlean play` again." : error.message);
    } finally {
      if (this.request === request) document.body.classList.remove("busy");
    }
  }

  show(page, typed) {
    const { address } = page.getElementById("main").dataset;
    this.updateForm(page, typed);
    document.getElementById("result").replaceWith(page.getElementById("result"));
    document.title = page.title;
    history.replaceState(null, "", address);
    this.onUpdate();
  }

  // What a person is typing stays as it is.
  updateForm(page, typed) {
    for (const next of page.querySelectorAll('form.query[method="get"] [id]')) {
      const old = document.getElementById(next.id);
      if (!old) continue;
      if (next.matches("select")) {
        if (old.innerHTML !== next.innerHTML) old.innerHTML = next.innerHTML;
        old.value = next.value;
      } else if (next.matches("input")) {
        if (old === document.activeElement && typed) continue;
        old.value = next.value;
        old.placeholder = next.placeholder;
      } else {
        old.hidden = next.hidden;
        if (next.matches("label")) old.textContent = next.textContent;
      }
    }
  }

  say(text) {
    this.status.textContent = text;
  }
}
