/** What a reader chose for himself, kept in his browser: zone, colours, shortcuts. */
import { effect, signal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { browserZone, isZone } from '../text/time.ts';

export const THEMES = ['system', 'light', 'dark'] as const;
export type Theme = (typeof THEMES)[number];

/** IANA name; the browser's own where none was chosen. */
export const zone = signal(storedZone());
export const theme = signal<Theme>(storedTheme());
/** Single keys as shortcuts; who dictates or whose hands tremble switches them off (WCAG 2.1.4). */
export const shortcuts = signal(read('shortcuts') !== 'off');

/** Keeps the choices, and has the style sheet know of the colours. */
export function keepChoices(): void {
  effect(() => write('zone', zone.value === browserZone() ? null : zone.value));
  effect(() => write('shortcuts', shortcuts.value ? null : 'off'));
  effect(() => {
    write('theme', theme.value === 'system' ? null : theme.value);
    document.documentElement.dataset.theme = theme.value;
  });
}

/** Times are shown in the zone in which the address of a page means its days. @param search the query of the address */
export function useZoneOf(search: string): void {
  useEffect(() => {
    const asked = new URLSearchParams(search).get('zone');
    if (asked !== null && isZone(asked)) zone.value = asked;
  }, [search]);
}

function storedZone(): string {
  const stored = read('zone');
  return stored !== null && isZone(stored) ? stored : browserZone();
}

function storedTheme(): Theme {
  const stored = read('theme');
  return THEMES.find((each) => each === stored) ?? 'system';
}

/** A browser may refuse to store anything; then choices last as long as the page. */
function read(name: string): string | null {
  try {
    return localStorage.getItem(name);
  } catch {
    return null;
  }
}

function write(name: string, value: string | null): void {
  try {
    if (value === null) localStorage.removeItem(name);
    else localStorage.setItem(name, value);
  } catch {
    // As above.
  }
}
