import { useId, useMemo } from 'preact/hooks';
import { THEMES, theme, zone } from '../state/choices.ts';
import { browserZone } from '../text/time.ts';

/** In which zone times are shown, and days are meant. */
export function ZoneChoice() {
  const id = useId();
  const zones = useMemo(
    () => [...new Set([browserZone(), 'UTC', ...Intl.supportedValuesOf('timeZone')])],
    [],
  );
  return (
    <span class="zone">
      <label class="unseen" for={id}>
        Time zone
      </label>
      <select
        id={id}
        title="Zone of times and days"
        value={zone.value}
        onChange={({ currentTarget }) => {
          zone.value = currentTarget.value;
        }}
      >
        {(zones.includes(zone.value) ? zones : [zone.value, ...zones]).map((each) => (
          <option key={each} value={each}>
            {each.replaceAll('_', ' ')}
          </option>
        ))}
      </select>
    </span>
  );
}

export function ThemeChoice() {
  const id = useId();
  return (
    <p class="inline">
      <label for={id}>Colours</label>
      <select
        id={id}
        class="narrow"
        value={theme.value}
        onChange={({ currentTarget }) => {
          theme.value = THEMES.find((each) => each === currentTarget.value) ?? 'system';
        }}
      >
        <option value="system">as the system</option>
        <option value="light">light</option>
        <option value="dark">dark</option>
      </select>
    </p>
  );
}
