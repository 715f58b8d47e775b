/** A Markdown table. */
export function markdown(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const line = (cells: readonly (string | number)[]): string => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

export const mb = (bytes: number): string => `${Math.round(bytes / 1e6)} MB`;
export const whole = (number: number): string => Math.round(number).toLocaleString('en-US');
