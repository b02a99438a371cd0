import type { IncomingMessage, ServerResponse } from 'node:http';
import { type CallControlApi, callControlSegments } from '../pbx/call-control.ts';
import type { ClientRegister } from '../pbx/client-register.ts';
import type { Clock } from '../pbx/clock.ts';
import type { Participant } from '../pbx/participant.ts';
import { PROMPT_FINISHED, type Switchboard } from '../pbx/switchboard.ts';
import type { TokenOffice } from '../pbx/tokens.ts';

type StreamDeps = {
  tokens: TokenOffice;
  register: ClientRegister;
  api: CallControlApi;
  board: Switchboard;
  clock: Clock;
};

type OpenStream = { token: string; end: () => void };

const TICK_MS = 100;
/** Raw PCM, 16 bit little endian, 8 kHz, one channel (3cx.md §1.4). */
const BYTES_PER_MS = 16;
const TONE_HZ = 440;

/**
 * `GET` and `POST …/participants/{id}/stream`: what the caller says, as a tone, and what the caller is to hear. Both die
 * with the leg, and with the token they were opened with as soon as that is superseded (pocket-dial, §1.2). That a POST
 * played to its end announces PromptPlaybackFinished is our guess.
 */
export function createParticipantStreams({ tokens, register, api, board, clock }: StreamDeps) {
  const open = new Set<OpenStream>();

  /** Ends on its own when the leg has left; `everyTick` runs while it is there. */
  const keep = (leg: Participant, stream: OpenStream, everyTick: () => void): void => {
    open.add(stream);
    const tick = (): void => {
      if (!open.has(stream)) return;
      if (board.find(leg.dn, leg.id) !== leg) {
        stream.end();
        return;
      }
      everyTick();
      clock.after(TICK_MS, tick);
    };
    tick();
  };

  const listen = (leg: Participant, token: string, response: ServerResponse): void => {
    response.writeHead(200, { 'content-type': 'application/octet-stream' });
    let sample = 0;
    const stream = {
      token,
      end: () => {
        open.delete(stream);
        response.destroy();
      },
    };
    response.once('close', () => open.delete(stream));
    keep(leg, stream, () => {
      // A listener that does not read loses audio, as on any phone.
      if (!response.writableNeedDrain) response.write(tone(sample));
      sample += (TICK_MS * BYTES_PER_MS) / 2;
    });
  };

  const speak = async (leg: Participant, token: string, request: IncomingMessage, response: ServerResponse) => {
    const startedMs = clock.monotonicMs();
    const stream = {
      token,
      end: () => {
        open.delete(stream);
        request.destroy();
      },
    };
    keep(leg, stream, () => undefined);
    let bytes = 0;
    try {
      for await (const chunk of request) bytes += Buffer.byteLength(chunk);
    } catch {
      return;
    } finally {
      open.delete(stream);
    }
    response.writeHead(api.settings.okStatus, { 'content-length': 0 }).end();
    const leftMs = bytes / BYTES_PER_MS - (clock.monotonicMs() - startedMs);
    clock.after(Math.max(0, leftMs), () => {
      if (board.find(leg.dn, leg.id) === leg) board.report(PROMPT_FINISHED, leg);
    });
  };

  return {
    /** False when the request is for something else. */
    take(request: IncomingMessage, response: ServerResponse, path: string): boolean {
      if (!path.endsWith('/stream') || (request.method !== 'GET' && request.method !== 'POST')) return false;
      const [dn = '', list, id = '', last, ...rest] = callControlSegments(path) ?? [];
      if (list !== 'participants' || last !== 'stream' || rest.length > 0) return false;
      const bearer = tokens.accept(request.headers.authorization);
      const refusal = bearer ? register.refusalOf(bearer.client) : 401;
      if (!bearer || refusal !== null) {
        response.writeHead(refusal ?? 401, { 'content-length': 0 }).end();
        return true;
      }
      const leg = api.streamOf(bearer.client, dn, id);
      if (!('callid' in leg)) {
        const text = JSON.stringify(leg.body);
        response.writeHead(leg.status, { 'content-type': 'application/json', 'content-length': text.length }).end(text);
      } else if (request.method === 'GET') listen(leg, bearer.token, response);
      else void speak(leg, bearer.token, request, response);
      return true;
    },

    endHoldersOf(token: string): void {
      for (const stream of [...open]) if (stream.token === token) stream.end();
    },

    stop(): void {
      for (const stream of [...open]) stream.end();
    },
  };
}

function tone(firstSample: number): Buffer {
  const pcm = Buffer.alloc(TICK_MS * BYTES_PER_MS);
  for (let index = 0; index < pcm.length / 2; index++) {
    const angle = (2 * Math.PI * TONE_HZ * (firstSample + index)) / 8000;
    pcm.writeInt16LE(Math.round(8000 * Math.sin(angle)), index * 2);
  }
  return pcm;
}
