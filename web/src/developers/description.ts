/** The server's own description of its API, as far as this page reads it. */
export interface Described {
  openapi: string;
  info: { title: string; version: string };
  paths: Record<string, Record<string, RawOperation>>;
}

interface RawOperation {
  operationId: string;
  summary: string;
  tags: string[];
  parameters?: RawParameter[];
  requestBody?: { content: Record<string, { schema: RawBody }> };
  responses: Record<string, unknown>;
  'x-scope'?: string;
}

interface RawParameter {
  name: string;
  in: 'path' | 'query' | 'header';
  required: boolean;
  description: string;
  schema: Schema;
}

interface RawBody {
  properties: Record<string, Schema>;
  required: string[];
}

export interface Schema {
  type?: string | string[];
  description?: string;
}

export interface Field {
  name: string;
  place: 'path' | 'query' | 'header' | 'body';
  required: boolean;
  about: string;
  type: string;
}

export interface Operation {
  name: string;
  method: string;
  path: string;
  about: string;
  noun: string;
  scope: string | undefined;
  fields: Field[];
}

/** Everything that can be asked for, noun by noun, each in the order of its name. */
export function byNoun(described: Described): [string, Operation[]][] {
  const nouns = new Map<string, Operation[]>();
  for (const [path, methods] of Object.entries(described.paths)) {
    for (const [method, raw] of Object.entries(methods)) {
      const noun = raw.tags[0] ?? '';
      const known = nouns.get(noun) ?? [];
      known.push(operation(method, path, noun, raw));
      nouns.set(noun, known);
    }
  }
  const sorted = [...nouns].sort(([one], [other]) => one.localeCompare(other));
  for (const [, operations] of sorted) operations.sort((one, other) => one.name.localeCompare(other.name));
  return sorted;
}

function operation(method: string, path: string, noun: string, raw: RawOperation): Operation {
  const outside = (raw.parameters ?? []).map((parameter): Field => ({
    name: parameter.name,
    place: parameter.in,
    required: parameter.required,
    about: parameter.description,
    type: typeOf(parameter.schema),
  }));
  const body = raw.requestBody?.content['application/json']?.schema;
  const inside = Object.entries(body?.properties ?? {}).map(([name, schema]): Field => ({
    name,
    place: 'body',
    required: body?.required.includes(name) ?? false,
    about: schema.description ?? '',
    type: typeOf(schema),
  }));
  const { operationId: name, summary: about } = raw;
  return { name, method: method.toUpperCase(), path, about, noun, scope: raw['x-scope'], fields: [...outside, ...inside] };
}

function typeOf({ type }: Schema): string {
  return Array.isArray(type) ? (type.find((one) => one !== 'null') ?? 'string') : (type ?? 'string');
}

/** What somebody typed, as a request. What is left empty is left out; lists have commas between their entries. */
export function request(
  { method, path, fields }: Operation,
  typed: Record<string, string>,
): { url: string; method: string; headers: Record<string, string>; body: string | undefined } {
  let url = `/api/v1${path}`;
  const query: string[] = [];
  const headers: Record<string, string> = {};
  const body: Record<string, unknown> = {};
  for (const field of fields) {
    const text = typed[field.name] ?? '';
    const encoded = encodeURIComponent(text);
    if (field.place === 'path') url = url.replace(`{${field.name}}`, encoded);
    else if (text === '') continue;
    else if (field.place === 'query') query.push(`${field.name}=${encoded}`);
    else if (field.place === 'header') headers[field.name] = text;
    else body[field.name] = valueOf(field.type, text);
  }
  if (query.length > 0) url += `?${query.join('&')}`;
  const hasBody = method !== 'GET' && method !== 'DELETE';
  if (hasBody) headers['Content-Type'] = 'application/json';
  return { url, method, headers, body: hasBody ? JSON.stringify(body) : undefined };
}

/** A text that fits nothing is sent as it is: the server says what is wrong with it. */
function valueOf(type: string, text: string): unknown {
  if (type === 'integer' && /^\d+$/.test(text)) return Number(text);
  if (type === 'boolean' && /^(true|false)$/.test(text)) return text === 'true';
  if (type === 'array') return text.split(',').map((entry) => entry.trim());
  return text;
}
