import { Router } from '@koa/router';
import { z } from 'zod';
import type { CallControlApi } from '../pbx/call-control.ts';
import type { CallEngine } from '../pbx/call-engine.ts';
import type { createDeviceDesk } from '../pbx/device-desk.ts';
import type { Directory } from '../pbx/directory.ts';
import type { Switchboard } from '../pbx/switchboard.ts';
import { BadInput, parseInput, readJson } from './request-body.ts';
import { requireExtension } from './required-dns.ts';
import { yesOrNo } from './sim-schemas.ts';
import { withoutUndefined } from './without-undefined.ts';

type EventRoutesDeps = {
  api: CallControlApi;
  board: Switchboard;
  devices: ReturnType<typeof createDeviceDesk>;
  directory: Directory;
  engine: CallEngine;
};

const text = z.string({ error: 'must be text' });
const deviceSchema = z.strictObject({ dn: text, deviceId: text.min(1).optional(), registered: yesOrNo });
const eventSchema = z.strictObject({
  eventType: z.number({ error: 'must be a number' }).int('must be a whole number'),
  dn: text,
  /** `/callcontrol/{dn}` when left out. */
  entity: text.regex(/^[^"\\]*$/, 'must not contain quotes or backslashes').optional(),
  attachedData: z.unknown().optional(),
});
const settingsSchema = z.strictObject({
  finalStatus: z.enum(['text', 'number'], { error: 'must be text or number' }).optional(),
  okStatus: z.union([z.literal(200), z.literal(202)], { error: 'must be 200 or 202' }).optional(),
  streamNotReady: z.union([z.literal(404), z.literal(424)], { error: 'must be 404 or 424' }).optional(),
  attachParticipants: yesOrNo.optional(),
});

/** Events other than those of a scenario's legs, the caller's own hand, and what sources say differently of the REST face. */
export function createEventRoutes({ api, board, devices, directory, engine }: EventRoutesDeps): Router {
  const router = new Router({ prefix: '/sim' });

  router.post('/calls/:callid/hangup', ctx => {
    const callid = Number(ctx.params.callid);
    if (!engine.signal(callid, { kind: 'hangup', participantId: null })) {
      throw new BadInput([{ field: 'callid', message: `no call ${ctx.params.callid} is in progress` }]);
    }
    ctx.body = { callid };
  });

  router.post('/devices', async ctx => {
    const wish = parseInput(deviceSchema, await readJson(ctx.req));
    requireExtension('dn', wish.dn, directory);
    const device = devices.change(withoutUndefined(wish));
    if (!device) throw new BadInput([{ field: 'deviceId', message: `${wish.dn} has no such device registered` }]);
    ctx.body = { ...device, registered: wish.registered };
  });

  router.post('/events', async ctx => {
    const {
      eventType,
      dn,
      entity = `/callcontrol/${dn}`,
      attachedData = null,
    } = parseInput(eventSchema, await readJson(ctx.req));
    board.raise(eventType, entity, { dn, attachedData });
    ctx.body = { eventType, entity, dn };
  });

  const settings = () => ({ ...api.settings, attachParticipants: board.attachesParticipants });
  router.get('/call-control', ctx => {
    ctx.body = settings();
  });
  router.post('/call-control', async ctx => {
    const { attachParticipants, ...changes } = parseInput(settingsSchema, await readJson(ctx.req));
    api.settings = { ...api.settings, ...withoutUndefined(changes) };
    board.attachesParticipants = attachParticipants ?? board.attachesParticipants;
    ctx.body = settings();
  });

  return router;
}
