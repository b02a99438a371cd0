import { z } from 'zod';

/** Some of these values, separated by commas. */
export function oneOf<const Values extends readonly string[]>(values: Values) {
  return z
    .string()
    .transform((text, context): Values[number][] => {
      const given = [...new Set(text.split(','))];
      if (given.every((value): value is Values[number] => values.includes(value))) return given;
      context.addIssue({ code: 'custom', message: `must be some of ${values.join(', ')}, separated by commas` });
      return z.NEVER;
    })
    .optional();
}
