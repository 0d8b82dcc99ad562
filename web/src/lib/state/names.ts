import { plain, type NameOf } from '../timeline/plain';
import { people } from './people.svelte';
import { roles } from './roles.svelte';
import { texts } from './texts.svelte';

/** What those are called whom a text mentions. */
export const nameOf: NameOf = (kind, id) => (kind === 'user' ? people.name(id) : roles.get(id)?.name);

/** One line of a message's text, with the names of those whom it mentions. */
export const plainText = (text: string): string => plain(texts.parse(text), nameOf);
