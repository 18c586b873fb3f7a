//! The description for people: one page, no script.

use std::fmt::Write as _;
use std::sync::LazyLock;

use serde_json::{Map, Value};

use crate::route::Tag;

/// Quiet, and readable in light and dark.
pub(super) const STYLE: &str = "\
:root{color-scheme:light dark;--line:light-dark(#d5d9df,#3a4048);--soft:light-dark(#f5f6f8,#1d2126)}\
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:0 auto;padding:1rem;overflow-wrap:break-word}\
nav ul{columns:18rem;column-gap:2rem;padding-left:1.2rem}nav li{break-inside:avoid}h2{margin-top:3rem}\
section{border-top:1px solid var(--line);padding-top:.5rem;margin-top:1.5rem}\
h3 code{font-size:1rem}pre{background:var(--soft);padding:.75rem;overflow-x:auto}\
table{border-collapse:collapse;width:100%}td,th{text-align:left;vertical-align:top;padding:.25rem .5rem .25rem 0;\
border-bottom:1px solid var(--line)}small{opacity:.8}";

static EMPTY: LazyLock<Map<String, Value>> = LazyLock::new(Map::new);

/// The prefix of a reference to a schema.
const REFERENCE: &str = "#/components/schemas/";

/// The page.
pub(super) fn render(document: &Value) -> String {
    let mut page = format!(
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content=\"width=device-width\">\
         <title>Hookrail API</title><style>{STYLE}</style><h1>Hookrail API</h1><p>{}</p>\
         <p>The same for programs: <a href=\"openapi.json\">openapi.json</a>.</p>",
        code_spans(text(document, "/info/description"))
    );
    contents(&mut page, document);
    for tag in Tag::ALL.map(Tag::name) {
        write(&mut page, format_args!("<h2>{tag}</h2>"));
        for (path, method, operation) in operations(document, tag) {
            describe(&mut page, (path, method), operation);
        }
    }
    page.push_str("<h2>Documents</h2>");
    for (name, schema) in object(document, "/components/schemas") {
        write(&mut page, format_args!("<section id=\"{name}\"><h3>{name}</h3>"));
        describe_schema(&mut page, schema);
        page.push_str("</section>");
    }
    page
}

fn contents(page: &mut String, document: &Value) {
    page.push_str("<nav aria-label=\"Contents\">");
    for tag in Tag::ALL.map(Tag::name) {
        write(page, format_args!("<h4>{tag}</h4><ul>"));
        for (_, _, operation) in operations(document, tag) {
            let (id, summary) = (text(operation, "/operationId"), escape(text(operation, "/summary")));
            write(page, format_args!("<li><a href=\"#{id}\">{summary}</a>"));
        }
        page.push_str("</ul>");
    }
    page.push_str("</nav>");
}

/// The operations of a tag: path, method, and what is said of it.
fn operations<'a>(document: &'a Value, tag: &'a str) -> impl Iterator<Item = (&'a str, &'a str, &'a Value)> {
    let paths = object(document, "/paths").iter();
    let all = paths.flat_map(|(path, item)| {
        let methods = item.as_object().unwrap_or(&EMPTY).iter();
        methods.map(move |(method, operation)| (path.as_str(), method.as_str(), operation))
    });
    all.filter(move |(_, _, operation)| text(operation, "/tags/0") == tag)
}

fn describe(page: &mut String, (path, method): (&str, &str), operation: &Value) {
    let (id, method) = (text(operation, "/operationId"), method.to_ascii_uppercase());
    let summary = escape(text(operation, "/summary"));
    write(page, format_args!("<section id=\"{id}\"><h3>{summary}<br><code>{method} {path}</code></h3>"));
    write(page, format_args!("<p>{}</p>", code_spans(text(operation, "/description"))));
    let inputs = operation.get("parameters").and_then(Value::as_array);
    if let Some(inputs) = inputs {
        page.push_str("<table><tr><th>Value<th>Where<th>What");
        for input in inputs {
            let (name, place) = (escape(text(input, "/name")), text(input, "/in"));
            let what = escape(text(input, "/description"));
            let kind = input.get("schema").map(kind).unwrap_or_default();
            write(
                page,
                format_args!("<tr><td><code>{name}</code><td>{place}<td>{what} <small>{kind}</small>"),
            );
        }
        page.push_str("</table>");
    }
    if let Some(schema) = operation.pointer("/requestBody/content/application~1json/schema") {
        let needed = operation.pointer("/requestBody/required") == Some(&Value::Bool(true));
        let word = if needed { "" } else { ", which may be left out" };
        write(page, format_args!("<p>Body{word}: {}</p>", kind(schema)));
        if let Some(example) = operation.pointer("/requestBody/content/application~1json/example") {
            write(page, format_args!("<pre>{}</pre>", escape(&format!("{example:#}"))));
        }
    }
    page.push_str("<table><tr><th>Answer<th>When<th>What");
    for (status, response) in object(operation, "/responses") {
        let what = code_spans(text(response, "/description"));
        let content = object(response, "/content").values().next();
        let shown = content.and_then(|content| content.get("schema")).map(kind).unwrap_or_default();
        write(page, format_args!("<tr><td>{status}<td>{what}<td>{shown}"));
    }
    page.push_str("</table></section>");
}

fn describe_schema(page: &mut String, schema: &Value) {
    write(page, format_args!("<p>{}</p>", code_spans(text(schema, "/description"))));
    let properties = object(schema, "/properties");
    if properties.is_empty() {
        write(page, format_args!("<p>{}</p>", kind(schema)));
        return;
    }
    let required = schema.get("required").and_then(Value::as_array);
    page.push_str("<table><tr><th>Field<th>Kind<th>What");
    for (name, property) in properties {
        let is_needed = required.is_some_and(|names| names.iter().any(|one| one.as_str() == Some(name)));
        let (mark, what) = (if is_needed { "" } else { "?" }, code_spans(text(property, "/description")));
        write(page, format_args!("<tr><td><code>{name}{mark}</code><td>{}<td>{what}", kind(property)));
    }
    page.push_str("</table>");
}

/// A short description of the values of a schema.
fn kind(schema: &Value) -> String {
    if let Some(name) = text(schema, "/$ref").strip_prefix(REFERENCE) {
        return format!("<a href=\"#{name}\">{name}</a>");
    }
    let many = ["anyOf", "oneOf"].into_iter().find_map(|key| schema.get(key)?.as_array());
    if let Some(schemas) = many {
        let titled = |schema: &Value| match text(schema, "/title") {
            "" => kind(schema),
            title => escape(title),
        };
        return schemas.iter().map(titled).collect::<Vec<_>>().join(", or ");
    }
    if let Some(values) = schema.get("enum").and_then(Value::as_array) {
        let words =
            values.iter().map(|value| format!("<code>{}</code>", escape(value.as_str().unwrap_or_default())));
        return words.collect::<Vec<_>>().join(", ");
    }
    let kinds = match schema.get("type") {
        Some(Value::Array(kinds)) => kinds.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" or "),
        Some(Value::String(kind)) => kind.clone(),
        _ => "anything".to_owned(),
    };
    let items = schema.get("items").map(|items| format!(" of {}", kind(items))).unwrap_or_default();
    let bounds = [
        ("minimum", "from"),
        ("maximum", "to"),
        ("minLength", "of at least"),
        ("maxLength", "of at most"),
        ("maxItems", "at most"),
        ("default", "by default"),
    ];
    let bounds = bounds.iter().filter_map(|(key, word)| Some(format!(" {word} {}", schema.get(*key)?)));
    format!("{}{items}{}", escape(&kinds), escape(&bounds.collect::<String>()))
}

fn object<'a>(value: &'a Value, pointer: &str) -> &'a Map<String, Value> {
    value.pointer(pointer).and_then(Value::as_object).unwrap_or(&EMPTY)
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// Text with what stands between backticks as code.
fn code_spans(text: &str) -> String {
    let spans = text.split('`').enumerate();
    let spans = spans.map(|(index, span)| match index % 2 {
        0 => escape(span),
        _ => format!("<code>{}</code>", escape(span)),
    });
    spans.collect()
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn write(page: &mut String, text: std::fmt::Arguments<'_>) {
    // A string takes everything.
    page.write_fmt(text).unwrap_or_default();
}
