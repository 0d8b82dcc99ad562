import { ApiError } from '../api/errors';
import { isTooBig } from '../graphemes';

/** The server closes a connection over a frame that is too long, and would do so each time that it is sent again. */
export function mustFit(text: string): void {
  if (isTooBig(text)) throw new ApiError({ code: 'too_large', message: 'too many bytes' });
}
