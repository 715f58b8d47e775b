import Table from 'cli-table3';

/** Rows under a head as a plain table for a terminal; numbers stand to the right. */
export function renderTable(head: readonly string[], rows: readonly (readonly unknown[])[]): string {
  const numeric = head.map((_name, index) =>
    rows.every(
      (row) => typeof row[index] === 'number' || typeof row[index] === 'bigint' || row[index] === null,
    ),
  );
  const table = new Table({
    head: [...head],
    style: { head: [], border: [], compact: true },
    colAligns: numeric.map((right) => (right ? 'right' : 'left')),
  });
  for (const row of rows) table.push(row.map(cell));
  return table.toString();
}

function cell(value: unknown): string {
  if (value === null || value === undefined) return '';
  if (typeof value === 'number' || typeof value === 'bigint') return value.toLocaleString('en-US');
  const plain = printable(typeof value === 'string' ? value : JSON.stringify(value));
  return plain.length > 120 ? `${plain.slice(0, 119)}…` : plain;
}

/** Text of others on one line: what a message holds must not steer the terminal. */
export function printable(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g, ' ');
}
