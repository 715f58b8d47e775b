import { useMemo } from 'preact/hooks';
import { THEMES, theme, zone } from '../state/choices.ts';
import { browserZone } from '../text/time.ts';

/** Zone of times, and colours. */
export function Preferences() {
  const zones = useMemo(
    () => [...new Set([browserZone(), 'UTC', ...Intl.supportedValuesOf('timeZone')])],
    [],
  );
  return (
    <div class="preferences">
      <label>
        <span class="unseen">Time zone</span>
        <select
          value={zone.value}
          onChange={({ currentTarget }) => {
            zone.value = currentTarget.value;
          }}
        >
          {(zones.includes(zone.value) ? zones : [zone.value, ...zones]).map((each) => (
            <option key={each} value={each}>
              {each}
            </option>
          ))}
        </select>
      </label>
      <label>
        <span class="unseen">Colours</span>
        <select
          value={theme.value}
          onChange={({ currentTarget }) => {
            theme.value = THEMES.find((each) => each === currentTarget.value) ?? 'system';
          }}
        >
          <option value="system">As the system</option>
          <option value="light">Light</option>
          <option value="dark">Dark</option>
        </select>
      </label>
    </div>
  );
}
