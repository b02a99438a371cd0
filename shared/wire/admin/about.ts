import { z } from 'zod';

const settings = z.record(z.string(), z.unknown());

/** How ingest found the PBX's database: the ini file or `PBX_DB_URL`, the login, and the table of call records. */
export const pbxDatabase = z.object({ origin: z.string(), login: z.string(), records: z.string().nullable() });

/** `GET /admin/about`. Of secrets there is only that they are set. */
export const aboutAnswer = z.object({
  version: z.string(),
  node: z.string(),
  startedAt: z.iso.datetime(),
  pbx: z.looseObject({
    id: z.string(),
    state: z.string(),
    error: z.string().nullable(),
    database: pbxDatabase.nullable(),
  }),
  /** Each with what it ran with when it last started, as far as it said so; `pid` of those that say that they run. */
  services: z.array(z.object({ service: z.string(), pid: z.number().nullable(), settings: settings.nullable() })),
  /** What this instance runs with. */
  config: settings,
  /** Relative to the panel. */
  links: z.record(z.string(), z.string()),
  missing: z.array(z.string()),
});

export type AboutAnswer = z.infer<typeof aboutAnswer>;
