import { createLowlight } from 'lowlight';
import bash from 'highlight.js/lib/languages/bash';
import cpp from 'highlight.js/lib/languages/cpp';
import csharp from 'highlight.js/lib/languages/csharp';
import css from 'highlight.js/lib/languages/css';
import diff from 'highlight.js/lib/languages/diff';
import dockerfile from 'highlight.js/lib/languages/dockerfile';
import go from 'highlight.js/lib/languages/go';
import ini from 'highlight.js/lib/languages/ini';
import java from 'highlight.js/lib/languages/java';
import javascript from 'highlight.js/lib/languages/javascript';
import json from 'highlight.js/lib/languages/json';
import kotlin from 'highlight.js/lib/languages/kotlin';
import python from 'highlight.js/lib/languages/python';
import ruby from 'highlight.js/lib/languages/ruby';
import rust from 'highlight.js/lib/languages/rust';
import sql from 'highlight.js/lib/languages/sql';
import swift from 'highlight.js/lib/languages/swift';
import typescript from 'highlight.js/lib/languages/typescript';
import xml from 'highlight.js/lib/languages/xml';
import yaml from 'highlight.js/lib/languages/yaml';

/** A part of a program, and which of our few colours it has. */
export interface Piece {
  text: string;
  kind: Kind | undefined;
}

type Kind = 'keyword' | 'string' | 'number' | 'name' | 'comment' | 'added' | 'removed';

/** The classes of the grammars, in as many colours as can be told apart on both grounds. */
const KINDS: Record<string, Kind> = {
  keyword: 'keyword',
  literal: 'keyword',
  built_in: 'keyword',
  operator: 'keyword',
  'selector-tag': 'keyword',
  string: 'string',
  regexp: 'string',
  char: 'string',
  link: 'string',
  number: 'number',
  symbol: 'number',
  variable: 'number',
  title: 'name',
  type: 'name',
  attr: 'name',
  attribute: 'name',
  property: 'name',
  name: 'name',
  section: 'name',
  'selector-class': 'name',
  'selector-id': 'name',
  comment: 'comment',
  quote: 'comment',
  doctag: 'comment',
  meta: 'comment',
  addition: 'added',
  deletion: 'removed',
};

const lowlight = createLowlight({
  bash,
  cpp,
  csharp,
  css,
  diff,
  dockerfile,
  go,
  ini,
  java,
  javascript,
  json,
  kotlin,
  python,
  ruby,
  rust,
  sql,
  swift,
  typescript,
  xml,
  yaml,
});
lowlight.registerAlias({ bash: ['shell', 'console'], ini: ['env'], cpp: ['c', 'h'] });

/** What `createLowlight` answers, as far as it is read here. */
interface Node {
  type: string;
  value?: string;
  properties?: { className?: unknown };
  children?: readonly Node[];
}

/** The parts of a program in one of the languages known here; nothing for others, which are shown plain. */
export function highlight(code: string, language: string): Piece[] | undefined {
  if (!lowlight.registered(language)) return undefined;
  return pieces(lowlight.highlight(language, code) as Node, undefined);
}

function pieces(node: Node, outer: Kind | undefined): Piece[] {
  if (node.type === 'text') return [{ text: node.value ?? '', kind: outer }];
  const kind = kindOf(node) ?? outer;
  return (node.children ?? []).flatMap((child) => pieces(child, kind));
}

function kindOf({ properties }: Node): Kind | undefined {
  const classes = properties?.className;
  if (!Array.isArray(classes)) return undefined;
  const [first] = classes as string[];
  return KINDS[first?.replace('hljs-', '') ?? ''];
}
