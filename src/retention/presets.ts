/**
 * Periods of the usual regimes, as starting points for a schedule. They are no legal advice: which regime holds for
 * which records, and for how long, is for the counsel of whoever keeps them.
 */
import type { Period } from './period.ts';
import type { LockMode } from './terms.ts';

export interface Preset {
  readonly keep: Period;
  readonly mode: Exclude<LockMode, 'none'>;
  /** Where the period is written. */
  readonly citation: string;
  /** What the text says, in short, and what it leaves open. */
  readonly says: string;
}

const preset = (keep: string, mode: Preset['mode'], citation: string, says: string): Preset => ({
  keep: keep as Period,
  mode,
  citation,
  says,
});

export const PRESETS = {
  'sec-17a-4': preset(
    '3y',
    'compliance',
    '17 CFR 240.17a-4(b)(4)',
    'Brokers and dealers keep communications that relate to their business for three years, the first two in an easily accessible place. Other records of the rule have to be kept for six years (a) or longer (d).',
  ),
  'finra-4511': preset(
    '6y',
    'compliance',
    'FINRA Rule 4511(b)',
    'Six years for records for which no rule of FINRA or of the Exchange Act names a period.',
  ),
  'cftc-1.31': preset(
    '5y',
    'compliance',
    '17 CFR 1.31(b)(3)',
    'Five years from the day the record was made. Records of a swap are kept from then until five years after it ended (b)(1), which no fixed period can promise.',
  ),
  'mifid-ii': preset(
    '5y',
    'compliance',
    'Directive 2014/65/EU, Article 16(7)',
    'Five years for communications about transactions and client orders; up to seven where the competent authority asks for it.',
  ),
  hipaa: preset(
    '6y',
    'governance',
    '45 CFR 164.316(b)(2)(i), 164.530(j)(2)',
    'Six years for the documentation that the rules demand, from its creation or from when it was last in effect. State law decides about medical records.',
  ),
} as const satisfies Record<string, Preset>;

export type PresetName = keyof typeof PRESETS;
export const PRESET_NAMES = Object.keys(PRESETS) as [PresetName, ...PresetName[]];
