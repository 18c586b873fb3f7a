// The reader of JSON texts: values come back as they were written, and nothing makes it fail. Run by tests/browser/check.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";

const source = readFileSync(new URL("../../functions/api/panel/json_text.js", import.meta.url), "utf8");
const { entriesOf, kindOf, memberOf, nameOf } = await import(`data:text/javascript,${encodeURIComponent(source)}`);

const pairs = (text) => entriesOf(text).map(({ name, value }) => [name, value]);

test("numbers, order and repeated names stay as written", () => {
  const text = '{"id":12345678901234567891,"n":1.50,"10":1,"2":1,"a":1,"a":2}';
  assert.deepEqual(pairs(text), [
    ['"id"', "12345678901234567891"],
    ['"n"', "1.50"],
    ['"10"', "1"],
    ['"2"', "1"],
    ['"a"', "1"],
    ['"a"', "2"],
  ]);
  assert.equal(memberOf(text, "a"), "2");
});

test("strings keep their escapes, and their marks are not structure", () => {
  const text = ' { "q\\"}" : "\\\\" , "half" : "\\ud83d" , "[" : [ "]" , { "}" : "\\"" } ] } ';
  assert.deepEqual(pairs(text), [
    ['"q\\"}"', '"\\\\"'],
    ['"half"', '"\\ud83d"'],
    ['"["', '[ "]" , { "}" : "\\"" } ]'],
  ]);
  assert.equal(nameOf('"q\\"}"'), 'q"}');
});

test("scalars of every kind are slices", () => {
  const text = "[1e400,-0.0,1E+300, true,null ,\"\",{},[]]";
  assert.deepEqual(
    pairs(text).map(([, value]) => [value, kindOf(value)]),
    [
      ["1e400", "number"],
      ["-0.0", "number"],
      ["1E+300", "number"],
      ["true", "word"],
      ["null", "word"],
      ['""', "string"],
      ["{}", "object"],
      ["[]", "array"],
    ],
  );
});

test("depth and length are not limited", () => {
  const deep = "[".repeat(200_000) + "]".repeat(200_000);
  assert.equal(entriesOf(deep)[0].value.length, deep.length - 2);
  const long = `{"a":"${"\\\\".repeat(500_000)}","b":1}`;
  assert.equal(memberOf(long, "b"), "1");
});

test("a text that is not JSON gives fewer entries", () => {
  for (const text of ["", " ", "1", '"', "{", "[", "{]", '{"a"', '{"a":', '{"a" 1}', "[1 2", "[,]", "{,}", "]", "NaN"]) {
    assert.ok(entriesOf(text).length <= 2, text);
    assert.equal(memberOf(text, "b"), null, text);
  }
  assert.equal(nameOf("x"), "x");
});
