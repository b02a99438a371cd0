/** Colours that can be read on light and on dark ground; the ground itself is the page's. */
const STYLE = `
  text { font: 12px system-ui, sans-serif; fill: #1f2937 }
  .title { font-weight: 600; font-size: 14px }
  .dim { fill: #6b7280 }
  .ours { fill: #2563eb } .peer { fill: #9ca3af } .limit { fill: #10b981 }
  .axis { stroke: #9ca3af; stroke-width: 1 } .grid { stroke: #9ca3af; stroke-opacity: .25 }
  .line { fill: none; stroke-width: 2 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e5e7eb } .dim { fill: #9ca3af } .ours { fill: #60a5fa } .peer { fill: #6b7280 } .limit { fill: #34d399 }
  }`;

export function svg(size: { width: number; height: number }, title: string, content: readonly string[]): string {
  const { width, height } = size;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">`,
    `<title>${escaped(title)}</title><style>${STYLE}</style>`,
    ...content,
    '</svg>\n',
  ].join('\n');
}

export function text(
  at: { x: number; y: number; kind?: string; anchor?: 'start' | 'middle' | 'end' },
  words: string,
): string {
  const kind = at.kind ? ` class="${at.kind}"` : '';
  const anchor = at.anchor ? ` text-anchor="${at.anchor}"` : '';
  return `<text x="${rounded(at.x)}" y="${rounded(at.y)}"${kind}${anchor}>${escaped(words)}</text>`;
}

export function rounded(value: number): number {
  return Number(value.toFixed(1));
}

function escaped(words: string): string {
  return words.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
