// For HEALTHCHECK of the image: asks this container's own service, and says nothing while all is well.
const path = process.argv[2] ?? '/livez';
const url = `http://127.0.0.1:${process.env.INTERNAL_PORT ?? 8083}${path}`;
try {
  const response = await fetch(url, { signal: AbortSignal.timeout(8_000) });
  if (!response.ok) throw new Error(await response.text());
} catch (error) {
  console.error(`${path}: ${error instanceof Error ? error.message : error}`);
  process.exit(1);
}
