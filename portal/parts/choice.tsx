interface ChoiceProps {
  readonly id: string;
  readonly 'aria-describedby': string | undefined;
  readonly name: string;
  /** What is chosen at first. */
  readonly value: string;
  /** Value and label of each. */
  readonly options: readonly (readonly [string, string])[];
}

/** A list to choose one of. */
export function Choice({ value, options, ...attributes }: ChoiceProps) {
  return (
    <select {...attributes}>
      {options.map(([each, label]) => (
        <option key={each} value={each} selected={each === value}>
          {label}
        </option>
      ))}
    </select>
  );
}
