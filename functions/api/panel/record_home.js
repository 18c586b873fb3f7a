// Where a new platform webhook is kept: in the space, or in a kapp.

import { select, textInput } from "./dom.js";
import { field } from "./fields.js";
import { place } from "./route.js";
import { t } from "./text.js";

/** The fields. The address may name the kapp. */
export class RecordHome {
  constructor() {
    const asked = place().queries.kapp ?? "";
    const options = [
      ["space", t("scope.space.choice")],
      ["kapp", t("scope.kapp.choice")],
    ];
    const scope = select({}, options, asked === "" ? "space" : "kapp");
    this.scope = field("scope", t("scope"), scope, { required: true, note: t("scope.note") });
    this.slug = field("kappSlug", t("scope.slug"), textInput({ value: asked, class: "mono" }), {
      required: true,
    });
    this.fields = [this.scope, this.slug];
    this.element = this.fields.map((each) => each.element);
    this.onChange(() => this.follow());
    this.follow();
  }

  isKapp() {
    return this.scope.input.value === "kapp";
  }

  follow() {
    this.slug.element.hidden = !this.isKapp();
  }

  /** Returns the slug of the kapp. An empty one becomes a blank, which the server refuses like any invalid slug. */
  kapp() {
    return this.isKapp() ? this.slug.input.value.trim() || " " : "";
  }

  /** @param {() => void} work */
  onChange(work) {
    this.scope.input.addEventListener("change", work);
  }

  /** @param {string} why */
  refuse(why) {
    this.slug.refuse(why);
    this.slug.input.focus();
  }

  focus() {
    this.scope.input.focus();
  }
}
