import { describe, expect, test } from 'vitest';
import { durationOf, instantOf, toODataInstant } from './odata-fields.ts';
import { odataPages } from './odata-pages.ts';

const rowsOf = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => ({ Id: from + i }));

async function read(answer: (asked: URL, n: number) => unknown, query = {}) {
  const asked: string[] = [];
  const ids: unknown[] = [];
  const getJson = async (path: string) => {
    asked.push(decodeURIComponent(path));
    return answer(new URL(path, 'http://pbx'), asked.length);
  };
  for await (const page of odataPages(getJson, 'Users', query)) ids.push(...page.map(row => row.Id));
  return { asked, ids };
}

const windowOf = (all: readonly unknown[]) => (asked: URL) => {
  const skip = Number(asked.searchParams.get('$skip'));
  return { value: all.slice(skip, skip + Number(asked.searchParams.get('$top'))) };
};

describe('the pages of a collection', () => {
  test('are counted by the reader, a hundred rows at most each', async () => {
    const { asked, ids } = await read(windowOf(rowsOf(0, 250)), { $top: 1_000, $select: 'Id' });
    expect(ids).toHaveLength(250);
    expect(asked).toEqual([
      '/xapi/v1/Users?$top=100&$select=Id&$skip=0',
      '/xapi/v1/Users?$top=100&$select=Id&$skip=100',
      '/xapi/v1/Users?$top=100&$select=Id&$skip=200',
    ]);
  });

  test('end after a full page that was the last', async () => {
    const { asked, ids } = await read(windowOf(rowsOf(0, 200)));
    expect([ids.length, asked.length]).toEqual([200, 3]);
  });

  test('end when the links of the server lead in a circle', async () => {
    const { asked } = await read((_, n) => ({
      value: rowsOf(n * 10, n * 10 + 10),
      '@odata.nextLink': `https://pbx/xapi/v1/Users?page=${n % 3}`,
    }));
    expect(asked).toHaveLength(4);
  });

  test('end when the server ignores $skip and repeats itself', async () => {
    const { ids } = await read(() => ({ value: rowsOf(0, 100) }));
    expect(ids).toHaveLength(100);
  });

  test('go on over a short page when the count says that there is more', async () => {
    const { ids } = await read(asked => {
      const skip = Number(asked.searchParams.get('$skip'));
      return { '@odata.count': 120, value: rowsOf(skip, Math.min(120, skip + 50)) };
    });
    expect(ids).toHaveLength(120);
  });

  test('follow a next link on the PBX we know, whatever host it names', async () => {
    const { asked, ids } = await read((_, n) =>
      n === 1
        ? { value: rowsOf(0, 2), '@odata.nextLink': 'https://elsewhere.example/pbx/xapi/v1/Users?$skiptoken=2' }
        : { value: rowsOf(2, 3), '@odata.nextLink': 'https://elsewhere.example/steal' },
    );
    expect(ids).toEqual([0, 1, 2]);
    expect(asked[1]).toBe('/xapi/v1/Users?$skiptoken=2');
    expect(asked).toHaveLength(2);
  });

  test.each([null, [], { value: 5 }, { value: [null, 7] }])('of something else (%j) are none', async body => {
    expect((await read(() => body)).ids).toEqual([]);
  });
});

describe('a field', () => {
  test.each([
    ['PT1M12.577027S', 72_577],
    ['PT0S', 0],
    ['P1DT2H', 93_600_000],
    ['-PT1S', -1_000],
    ['PT', 0],
    ['1:02', null],
  ])('%s is a duration of %s ms', (text, ms) => {
    expect(durationOf({ at: text }, 'at')).toBe(ms);
  });

  test('without a zone is UTC', () => {
    expect(instantOf({ at: '2026-01-02T03:04:05.5' }, 'at')).toBe(Date.UTC(2026, 0, 2, 3, 4, 5, 500));
    expect(instantOf({ at: '2026-01-02T03:04:05+02:00' }, 'at')).toBe(Date.UTC(2026, 0, 2, 1, 4, 5));
    expect(toODataInstant(Date.UTC(2026, 0, 2, 3, 4, 5, 500))).toBe('2026-01-02T03:04:05Z');
  });
});
