/**
 * Formats in the viewer's language and zone. Each is made when the first value is written with it: to make one takes a
 * telephone milliseconds, there are two dozen of them, and most pages need three.
 */
export interface LazyFormat {
  format(value: number): string;
}

export function dateFormat(options: Intl.DateTimeFormatOptions): LazyFormat {
  return lazily(() => new Intl.DateTimeFormat(undefined, options));
}

export function numberFormat(options: Intl.NumberFormatOptions = {}): LazyFormat {
  return lazily(() => new Intl.NumberFormat(undefined, options));
}

function lazily(make: () => LazyFormat): LazyFormat {
  let made: LazyFormat | undefined;
  return {
    format(value) {
      made ??= make();
      return made.format(value);
    },
  };
}
