import { z } from 'zod';

/** Signs admin sessions and keys the digests of API keys; with fewer characters it could be guessed offline. */
export const adminSecretConfig = {
  ADMIN_SECRET: z
    .string({ error: 'is required: at least 32 random characters, for example from `openssl rand -hex 32`' })
    .min(32, 'must have at least 32 characters, for example from `openssl rand -hex 32`'),
};
