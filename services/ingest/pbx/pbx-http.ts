import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import axios, { type AxiosInstance } from 'axios';

export interface PbxHttp {
  readonly http: AxiosInstance;
  stop(): void;
}

/**
 * One HTTP client for the PBX: connections are kept, bodies stay text, and every status is an outcome rather than an
 * exception. Redirects are not followed: a PBX that redirects call control is misconfigured, and the token would
 * travel to wherever it points.
 */
export function createPbxHttp(baseURL: string, options: { maxSockets: number }): PbxHttp {
  const agentOptions = { keepAlive: true, maxSockets: options.maxSockets, maxFreeSockets: options.maxSockets };
  const httpAgent = new HttpAgent(agentOptions);
  const httpsAgent = new HttpsAgent(agentOptions);
  const http = axios.create({
    baseURL,
    httpAgent,
    httpsAgent,
    proxy: false,
    maxRedirects: 0,
    responseType: 'text',
    transformResponse: (body: unknown) => body,
    validateStatus: () => true,
  });
  return {
    http,
    stop() {
      httpAgent.destroy();
      httpsAgent.destroy();
    },
  };
}
