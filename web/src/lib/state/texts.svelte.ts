import { asTyped, isPlain, type Block } from '../timeline/parts';

/** What messages' texts are made of. What reads Markdown arrives beside the answer that says who is here, before there is anything to read. */
class Texts {
  private read = $state.raw<(text: string) => Block[]>();
  private loading: Promise<void> | undefined;

  /** Until it has arrived, or where it cannot, texts are shown as they were typed. */
  load(): Promise<void> {
    this.loading ??= import('../timeline/markdown').then(
      ({ parse }) => {
        this.read = parse;
      },
      () => {
        this.loading = undefined;
      },
    );
    return this.loading;
  }

  parse(text: string): Block[] {
    if (isPlain(text)) return [{ kind: 'paragraph', children: [{ kind: 'text', text }] }];
    return this.read?.(text) ?? asTyped(text);
  }
}

export const texts = new Texts();
