import { useEffect } from 'preact/hooks';
import { shortcuts } from './choices.ts';

/** How long the second key may take, in milliseconds. */
const PATIENCE = 1500;

/**
 * Keys for those who do not want to reach for the mouse: `g` and a letter leads to a screen, `/` to the first field of
 * the screen, `j` and `k` to the next and previous item, `?` opens the help. None works while something is typed.
 * @param screens second key and path
 */
export function useShortcuts(
  screens: readonly (readonly [string, string])[],
  navigate: (path: string) => void,
  openHelp: () => void,
): void {
  useEffect(() => {
    let goes = 0;
    const onKey = (event: KeyboardEvent): void => {
      if (!shortcuts.value || event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target))
        return;
      if (document.querySelector('dialog[open]') !== null) return;
      const isSecond = event.timeStamp - goes < PATIENCE;
      goes = 0;
      const path = isSecond ? screens.find(([key]) => key === event.key)?.[1] : undefined;
      if (path !== undefined) navigate(path);
      else if (event.key === 'g') goes = event.timeStamp;
      else if (event.key === '/') document.querySelector<HTMLElement>('main input, main select')?.focus();
      else if (event.key === 'j' || event.key === 'k') focusItem(event.key === 'j' ? 1 : -1);
      else if (event.key === '?') openHelp();
      else return;
      event.preventDefault();
    };
    document.addEventListener('keydown', onKey);
    return () => document.removeEventListener('keydown', onKey);
  });
}

function isTyping(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLInputElement ||
    target instanceof HTMLTextAreaElement ||
    target instanceof HTMLSelectElement
  );
}

function focusItem(step: 1 | -1): void {
  const items = [...document.querySelectorAll<HTMLElement>('[data-item]')];
  const at = items.findIndex((item) => item.contains(document.activeElement));
  const next = items[at === -1 ? (step === 1 ? 0 : items.length - 1) : at + step];
  next?.focus();
  next?.scrollIntoView({ block: 'nearest' });
}
