import { ApiError } from './api/errors';
import { explain } from './i18n/errors';
import { i18n } from './i18n/i18n.svelte';

/** One form's sending: what is under way, and what the server had against it. */
export class Form {
  busy = $state(false);
  private problem = $state.raw<unknown>(undefined);

  /** `namesThing`: the form's name is a channel's, not a person's. */
  constructor(private readonly namesThing = false) {}

  /** Runs the form's request; answers whether it went through. */
  async send(run: () => Promise<unknown>): Promise<boolean> {
    if (this.busy) return false;
    this.busy = true;
    this.problem = undefined;
    try {
      await run();
      return true;
    } catch (error) {
      this.problem = error;
      return false;
    } finally {
      this.busy = false;
    }
  }

  /** What was wrong is not looked at any more. */
  forget(): void {
    this.problem = undefined;
  }

  /** What is wrong with one field. */
  of(field: string): string | undefined {
    return this.fieldOfProblem === field ? explain(i18n.t, this.problem, this.namesThing) : undefined;
  }

  /** What is wrong with the whole, or with a field that is not shown. */
  general(shown: string[]): string | undefined {
    if (this.problem === undefined) return undefined;
    const field = this.fieldOfProblem;
    return field !== undefined && shown.includes(field) ? undefined : explain(i18n.t, this.problem, this.namesThing);
  }

  private get fieldOfProblem(): string | undefined {
    if (!(this.problem instanceof ApiError)) return undefined;
    return this.problem.code === 'name_taken' ? (this.problem.field ?? 'name') : this.problem.field;
  }
}
