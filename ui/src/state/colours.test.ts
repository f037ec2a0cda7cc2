import { expect, test } from 'vitest';
import { COLOURS, ColourBook } from './colours';

test('a value keeps its colour on its page', () => {
  const book = new ColourBook();
  const first = book.of('/checkout');
  for (let i = 0; i < 20; i += 1) book.of(`/route-${i}`);
  expect(book.of('/checkout')).toBe(first);
});

test('as many values as there are colours have one each', () => {
  const book = new ColourBook();
  const given = Array.from({ length: COLOURS }, (_, i) => book.of(`route ${i}`));
  expect(new Set(given).size).toBe(COLOURS);
});

test('status codes have the colour of their class on every page', () => {
  expect(new ColourBook().of('200')).toBe('--status-2');
  expect(new ColourBook().of('503')).toBe('--status-5');
  expect(new ColourBook().of('5xx')).toBe('--status-5');
  expect(new ColourBook().of('2000')).toMatch(/^--series-/);
});

test('names that objects are born with are values like others', () => {
  for (const name of ['constructor', '__proto__', 'toString', '']) {
    expect(new ColourBook().of(name)).toMatch(/^--series-\d$/);
  }
});
