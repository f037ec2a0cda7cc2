// Canvas knows no custom properties, so the tokens are read once per theme.

let theme = '';
const known = new Map<string, [number, number, number]>();
let pixel: CanvasRenderingContext2D | null = null;

/** A token as a colour that canvas takes, whatever notation the style sheet has it in. */
export function paint(token: string, alpha = 1): string {
  const root = document.documentElement;
  if (root.dataset.theme !== theme) {
    theme = root.dataset.theme ?? '';
    known.clear();
  }
  let rgb = known.get(token);
  if (rgb === undefined) {
    rgb = asRgb(getComputedStyle(root).getPropertyValue(token).trim());
    known.set(token, rgb);
  }
  return `rgba(${rgb.join(',')},${alpha})`;
}

function asRgb(colour: string): [number, number, number] {
  if (pixel === null) {
    const canvas = document.createElement('canvas');
    canvas.width = 1;
    canvas.height = 1;
    pixel = canvas.getContext('2d', { willReadFrequently: true });
  }
  if (pixel === null) return [128, 128, 128];
  pixel.fillStyle = colour;
  pixel.fillRect(0, 0, 1, 1);
  const [red = 0, green = 0, blue = 0] = pixel.getImageData(0, 0, 1, 1).data;
  return [red, green, blue];
}
