import { access, readdir, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { findFreePort } from '../../../install/dev/system/ports.ts';
import { waitFor } from '../../harness/wait-for.ts';
import { childrenOf } from '../frame/process-cpu.ts';
import { hasCommand, obtainPackage } from './debian-package.ts';
import { startOwnServer } from './own-server.ts';
import type { Peer } from './peer.ts';

const MODULES = '/usr/lib/nginx/modules';
const MODULE = 'ngx_nchan_module.so';
/** One for each core, as `auto` would start. */
const WORKERS = availableParallelism();

async function isThere(): Promise<boolean> {
  if (!(await hasCommand('nginx'))) return false;
  const modules: string[] = await readdir(MODULES).catch(() => []);
  return modules.includes(MODULE);
}

/** nginx with nchan: a buffer in shared memory that is as long as the adapter's stream of Socket.IO. */
export const nchan: Peer = {
  name: 'nginx nchan',
  role: 'peer',
  obtain: () => obtainPackage('libnginx-mod-nchan', isThere),
  async start() {
    const port = await findFreePort();
    const server = await startOwnServer('nginx', port, async dir => {
      const file = join(dir, 'nginx.conf');
      await writeFile(file, await configuration(dir, port));
      return ['-p', dir, '-c', file];
    });
    // The master listens before it starts them, and does no work itself.
    const workers = await waitFor(
      async () => {
        const children = await childrenOf(server.pid);
        return children.length === WORKERS && children;
      },
      { what: 'the workers of nginx' },
    );
    return {
      pids: [server.pid, ...workers],
      serverPid: workers[0] ?? server.pid,
      feed: { feed: 'nchan', port, path: '/publish' },
      wire: { wire: 'websocket', port, path: '/subscribe', headers: {} },
      stop: server.stop,
    };
  },
};

async function configuration(dir: string, port: number): Promise<string> {
  const { uid = 0 } = { uid: process.getuid?.() };
  const module = join(MODULES, MODULE);
  await access(module);
  return `load_module ${module};
${uid === 0 ? 'user root;' : ''}
daemon off;
worker_processes ${WORKERS};
pid ${dir}/nginx.pid;
error_log ${dir}/error.log warn;
events { worker_connections 8192; }
http {
  access_log off;
  client_body_temp_path ${dir}/body;
  proxy_temp_path ${dir}/proxy;
  fastcgi_temp_path ${dir}/fastcgi;
  uwsgi_temp_path ${dir}/uwsgi;
  scgi_temp_path ${dir}/scgi;
  keepalive_requests 100000000;
  nchan_shared_memory_size 512M;
  server {
    listen 127.0.0.1:${port} reuseport;
    location = /publish {
      nchan_publisher;
      nchan_channel_id events;
      nchan_message_buffer_length 10000;
      nchan_message_timeout 10m;
    }
    location = /subscribe {
      nchan_subscriber websocket;
      nchan_channel_id events;
      nchan_subscriber_first_message newest;
    }
  }
}
`;
}
