/** So many at a time; who finds no place is sent away at once, because an export lasts as long as its client reads. */
export interface Places {
  /** Null when all are taken. Whoever is in calls what he was given, once or more. */
  enter(): (() => void) | null;
}

export function createPlaces(limit: number): Places {
  let taken = 0;
  return {
    enter() {
      if (taken >= limit) return null;
      taken += 1;
      let isIn = true;
      return () => {
        if (isIn) taken -= 1;
        isIn = false;
      };
    },
  };
}
