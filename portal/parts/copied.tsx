import { useState } from 'preact/hooks';
import { Lines } from './scrolled.tsx';

/** Commands to run somewhere else, with a button that copies them. */
export function Commands({ lines, label }: { readonly lines: readonly string[]; readonly label: string }) {
  const [said, setSaid] = useState('');
  const text = lines.join('\n');
  return (
    <div class="commands">
      <Lines label={label}>
        <code>{text}</code>
      </Lines>
      <p class="bar">
        <button
          type="button"
          onClick={() =>
            void navigator.clipboard.writeText(text).then(
              () => setSaid('Copied'),
              () => setSaid('The browser did not allow it: mark the text and copy it'),
            )
          }
        >
          Copy
        </button>
        <span role="status">{said}</span>
      </p>
    </div>
  );
}
