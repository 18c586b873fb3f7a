// Makes the realm small before a script runs in it: what is not named here is gone, and what is named and can be slow
// pays for what it goes through. The engine asks whether to go on at loops and calls only; many of its own functions
// would run for hours between two questions, such as `[].reverse.call({ length: 2 ** 53 - 1 })`.
(spend) => {
  "use strict";
  const { apply } = Reflect;
  const { defineProperty, getOwnPropertyNames, getPrototypeOf } = Object;
  const { isArray } = Array;
  const STEP = 10000;
  const world = globalThis;
  const texts = String.prototype;
  const lists = Array.prototype;
  const patterns = RegExp.prototype;
  let unpaid = 0;

  // An endless loop is what the engine ends without the script being able to catch it.
  const pay = (work) => {
    unpaid += work;
    if (STEP < unpaid) {
      const due = unpaid;
      unpaid = 0;
      if (spend(due)) for (;;);
    }
  };
  const size = (value) => (typeof value === "string" || isArray(value) ? value.length + 1 : 1);
  const isPrimitive = (value) => value === null || (typeof value !== "object" && typeof value !== "function");

  const keep = (holder, names) => {
    const kept = { __proto__: null };
    for (const name of names.split(" ")) kept[name] = true;
    for (const name of getOwnPropertyNames(holder)) {
      if (!kept[name]) delete holder[name];
    }
  };
  const charge = (holder, names, cost) => {
    for (const name of names.split(" ")) {
      const native = holder[name];
      const charged = {
        [name](...given) {
          pay(cost(this, given));
          const found = apply(native, this, given);
          pay(size(found));
          return found;
        },
      };
      defineProperty(holder, name, { value: charged[name], writable: false, configurable: false });
    }
  };

  const text = (self) => {
    if (typeof self !== "string") throw new TypeError("is for texts only");
  };
  const list = (self) => {
    if (!isArray(self)) throw new TypeError("is for lists only");
  };
  const sum = (self, given) => {
    let total = size(self);
    for (let at = 0; at < given.length; at += 1) total += size(given[at]);
    return total;
  };
  const free = () => {};
  const linear = (check) => (self, given) => (check(self), sum(self, given));
  const walking = (self) => (list(self), size(self));
  // Searching compares what is sought at every place.
  const searching = (check) => (self, given) => {
    check(self);
    if (check === text && !isPrimitive(given[0])) throw new TypeError("takes a text");
    return size(self) * size(given[0]) + size(given[1]);
  };
  // With a regular expression, each of its steps pays by itself.
  const matching = (self, given) => {
    text(self);
    if (isPrimitive(given[0])) return size(self) * size(given[0]);
    if (getPrototypeOf(given[0]) !== patterns) throw new TypeError("takes a text or a regular expression");
    return size(self);
  };
  const primitives = (self, given) => {
    text(self);
    for (let at = 0; at < given.length; at += 1) {
      if (!isPrimitive(given[at])) throw new TypeError("takes texts and numbers");
    }
    return sum(self, given);
  };

  const iterator = getPrototypeOf(getPrototypeOf([].values()));
  const promises = getPrototypeOf((async () => {})());
  keep(iterator, "");
  keep(promises, "");
  for (const make of [function* () {}, async () => {}, async function* () {}]) {
    delete getPrototypeOf(make).constructor;
  }
  keep(texts,
    "length constructor toString valueOf at charAt charCodeAt codePointAt slice substring concat startsWith " +
    "endsWith indexOf lastIndexOf includes match matchAll replace replaceAll search split trim trimStart trimEnd " +
    "toLowerCase toUpperCase repeat padStart padEnd");
  keep(lists,
    "length constructor toString at concat every some forEach map filter reduce reduceRight find findIndex findLast " +
    "findLastIndex indexOf lastIndexOf includes join slice push pop keys values entries");
  keep(patterns,
    "exec test toString source flags global ignoreCase multiline dotAll unicode unicodeSets sticky hasIndices");
  keep(Object.prototype, "constructor toString valueOf hasOwnProperty isPrototypeOf propertyIsEnumerable");
  keep(Object, "length name prototype keys values entries fromEntries hasOwn is freeze");
  keep(Function.prototype, "length name call apply toString");
  keep(Array, "length name prototype isArray of");
  keep(String, "length name prototype");
  keep(Error, "length name prototype");
  keep(Math, "E LN10 LN2 LOG2E LOG10E PI SQRT1_2 SQRT2 abs ceil floor max min pow round sign sqrt trunc");
  // `stringify` visits a shared value each time it is reached, does not poll, and does not stop without memory.
  keep(JSON, "parse");
  keep(world,
    "undefined NaN Infinity isNaN isFinite parseInt parseFloat encodeURIComponent encodeURI decodeURIComponent " +
    "decodeURI Object Array String Number Boolean Math JSON Error TypeError RangeError");

  charge(JSON, "parse", linear(free));
  const primitive = (self, given) => {
    if (!isPrimitive(given[0])) throw new TypeError("takes a text");
    return size(given[0]);
  };
  charge(world, "parseInt parseFloat", linear(free));
  charge(world, "encodeURIComponent encodeURI decodeURIComponent decodeURI", primitive);
  charge(Object, "keys values entries fromEntries freeze", (self, given) => 100 + size(given[0]));
  // The engine asks once per 10,000 steps of a match; this is for those that take fewer.
  charge(patterns, "exec", () => 1000);
  charge(lists, "concat join slice", linear(list));
  charge(lists, "push pop", (self, given) => (list(self), given.length + 1));
  charge(lists, "every some forEach map filter reduce reduceRight find findIndex findLast findLastIndex", walking);
  charge(lists, "indexOf lastIndexOf includes", searching(list));
  charge(texts, "slice substring startsWith endsWith repeat padStart padEnd", primitives);
  // The engine calls `concat` for a template literal, whose values may be anything.
  charge(texts, "concat trim trimStart trimEnd toLowerCase toUpperCase", linear(text));
  charge(texts, "indexOf lastIndexOf includes", searching(text));
  charge(texts, "match matchAll replace replaceAll search split", matching);
}
