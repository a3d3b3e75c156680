"use strict";
// Shows openapi.json; texts only ever become text nodes, so nothing in them can run.
function node(name, text, children) {
  const made = document.createElement(name);
  if (text) made.textContent = text;
  made.append(...(children || []));
  return made;
}

function typeOf(schema) {
  if (!schema) return "";
  if (schema.$ref) return schema.$ref.split("/").pop();
  if (schema.anyOf) return schema.anyOf.map(typeOf).join(" | ");
  return schema.type === "array" ? "list of " + typeOf(schema.items) : schema.type || "any";
}

function table(head, rows) {
  const line = (cells, name) => node("tr", "", cells.map((cell) => node(name, cell)));
  return node("table", "", [line(head, "th"), ...rows.map((row) => line(row, "td"))]);
}

function limits(schema) {
  const names = ["minLength", "maxLength", "minItems", "maxItems", "minimum", "maximum", "default"];
  return names.filter((name) => name in schema).map((name) => name + " " + schema[name]).join(", ");
}

function properties(schema) {
  const required = schema.required || [];
  const rows = Object.entries(schema.properties || {}).map(([name, one]) =>
    [name, typeOf(one), required.includes(name) ? "yes" : "no", limits(one), one.description || ""]);
  return table(["property", "type", "required", "limits", ""], rows);
}

function example(schema, schemas) {
  if (schema.$ref) return example(schemas[typeOf(schema)] || {}, schemas);
  if (schema.examples) return schema.examples[0];
  if (schema.type === "array") return [example(schema.items || {}, schemas)];
  if (!schema.properties) return schema.type === "integer" || schema.type === "number" ? 0 : "";
  const members = Object.entries(schema.properties).map(([name, one]) => [name, example(one, schemas)]);
  return Object.fromEntries(members);
}

function bodySchema(operation) {
  const content = (operation.requestBody || {}).content || {};
  return (content["application/json"] || {}).schema;
}

async function send(method, path, fields, body, answer) {
  const query = new URLSearchParams();
  let url = path;
  for (const [one, input] of fields) {
    if (one.in === "path") url = url.replace("{" + one.name + "}", encodeURIComponent(input.value));
    else if (one.in === "query" && input.value) query.set(one.name, input.value);
  }
  const options = { method: method.toUpperCase() };
  if (body) Object.assign(options, { body: body.value, headers: { "Content-Type": "application/json" } });
  try {
    const reply = await fetch(url.slice(1) + (query.size ? "?" + query : ""), options);
    const text = await reply.text();
    let shown = text;
    try { shown = JSON.stringify(JSON.parse(text), null, 2); } catch { /* no JSON: as it is */ }
    answer.textContent = reply.status + " " + reply.statusText + "\n" + shown;
  } catch (error) {
    answer.textContent = "no answer: " + error;
  }
}

function tryOut(method, path, operation, schemas) {
  const fields = (operation.parameters || []).map((one) => [one, node("input")]);
  const form = node("form", "", fields.map(([one, input]) => {
    input.required = Boolean(one.required);
    input.name = one.name;
    return node("p", "", [node("label", one.name + " ", [input])]);
  }));
  const schema = bodySchema(operation);
  const body = schema ? node("textarea") : null;
  if (body) {
    body.rows = 6;
    body.value = JSON.stringify(example(schema, schemas), null, 2);
    form.append(body);
  }
  const answer = node("pre");
  answer.hidden = true;
  form.append(node("button", "Try"), answer);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    answer.hidden = false;
    answer.textContent = "…";
    send(method, path, fields, body, answer);
  });
  return form;
}

function operationNode(path, method, operation, schemas) {
  const title = node("summary", "", [node("b", method.toUpperCase()), node("code", path)]);
  const parts = [title, node("p", operation.description || operation.summary || "")];
  const given = (operation.parameters || []).map((one) =>
    [one.name, one.in, typeOf(one.schema), one.required ? "yes" : "no", one.description || ""]);
  if (given.length) parts.push(table(["parameter", "in", "type", "required", ""], given));
  const schema = bodySchema(operation);
  if (schema) parts.push(node("p", "Body: " + typeOf(schema)));
  const answers = Object.entries(operation.responses || {}).map(([status, one]) => {
    const content = (one.content || {})["application/json"] || {};
    return [status, one.description || "", typeOf(content.schema)];
  });
  parts.push(table(["answer", "", "type"], answers), tryOut(method, path, operation, schemas));
  return node("details", "", parts);
}

async function show() {
  const paths = document.getElementById("paths");
  try {
    const api = await (await fetch("openapi.json")).json();
    const schemas = (api.components || {}).schemas || {};
    paths.replaceChildren(...Object.entries(api.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, one]) => operationNode(path, method, one, schemas))));
    document.getElementById("schemas").append(...Object.entries(schemas).map(([name, schema]) =>
      node("details", "", [node("summary", name), node("p", schema.description || ""), properties(schema)])));
  } catch (error) {
    paths.textContent = "openapi.json could not be read: " + error;
  }
}

show();
