import { router } from '../router.svelte';

/** The forms on the page whose changes are not saved, and where one was going when somebody asked. */
class Unsaved {
  /** Where to, once one has said that the changes may go. */
  onward = $state.raw<() => void>();
  private forms = $state.raw<readonly symbol[]>([]);

  /** A form has changes from now on, until what this answers is called. */
  hold(): () => void {
    const form = Symbol('form');
    this.forms = [...this.forms, form];
    router.holds = (go) => {
      if (this.is) this.onward = go;
      return this.is;
    };
    return () => {
      this.forms = this.forms.filter((one) => one !== form);
      if (this.forms.length === 0) this.onward = undefined;
    };
  }

  get is(): boolean {
    return this.forms.length > 0;
  }

  /** Goes on, at once or after asking. */
  leave(go: () => void): void {
    if (this.is) this.onward = go;
    else go();
  }

  /** One goes on, whatever becomes of the changes. */
  drop(): void {
    const go = this.onward;
    this.forms = [];
    this.onward = undefined;
    go?.();
  }
}

export const unsaved = new Unsaved();
