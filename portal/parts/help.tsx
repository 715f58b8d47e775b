import { shortcuts as areOn } from '../state/choices.ts';
import { ThemeChoice } from './preferences.tsx';

const ID = 'help';

export function openHelp(): void {
  const dialog = document.getElementById(ID);
  if (dialog instanceof HTMLDialogElement && !dialog.open) dialog.showModal();
}

/** @param shortcuts second key after `g`, and the screen it leads to */
export function Help({ shortcuts }: { readonly shortcuts: readonly (readonly [string, string])[] }) {
  return (
    <dialog id={ID} aria-labelledby="help-title">
      <h2 id="help-title">Help and settings</h2>
      <table>
        <thead>
          <tr>
            <th scope="col">Keys</th>
            <th scope="col">Lead to</th>
          </tr>
        </thead>
        <tbody>
          {shortcuts.map(([key, title]) => (
            <tr key={key}>
              <td>
                <kbd>g</kbd> <kbd>{key}</kbd>
              </td>
              <td>{title}</td>
            </tr>
          ))}
          <tr>
            <td>
              <kbd>/</kbd>
            </td>
            <td>the first field of the screen</td>
          </tr>
          <tr>
            <td>
              <kbd>j</kbd> <kbd>k</kbd>
            </td>
            <td>next and previous hit or message</td>
          </tr>
          <tr>
            <td>
              <kbd>?</kbd>
            </td>
            <td>this help</td>
          </tr>
        </tbody>
      </table>
      <p>
        <label class="check">
          <input
            type="checkbox"
            checked={areOn.value}
            onChange={({ currentTarget }) => {
              areOn.value = currentTarget.checked;
            }}
          />
          Keyboard shortcuts are on
        </label>
      </p>
      <ThemeChoice />
      <p class="quiet">
        Times are in the zone chosen at the top; the UTC time appears when the pointer rests on one.
        Everything that you search, open and export is written to the access log before it is shown. A name in
        a box, like{' '}
        <abbr class="control" title="right-to-left override">
          RLO
        </abbr>
        , stands for an invisible character that could make text look different from what it is.
      </p>
      <form method="dialog">
        <button type="submit">Close</button>
      </form>
    </dialog>
  );
}
