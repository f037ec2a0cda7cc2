import { expect, test } from 'vitest';
import { labelsId, legendText, safeHref, sentence, seriesText } from './labels';

test('a series is written as PromQL writes it', () => {
  expect(seriesText({ __name__: 'up', job: 'a', instance: 'b' })).toBe('up{instance="b", job="a"}');
  expect(seriesText({ __name__: 'up' })).toBe('up');
  expect(seriesText({})).toBe('{}');
  expect(seriesText({ a: 'say "hi"\n' })).toBe('{a="say \\"hi\\"\\n"}');
});

test('a legend takes the values of its labels', () => {
  const labels = { status: '200', method: 'GET' };
  expect(legendText('{{status}}', labels)).toBe('200');
  expect(legendText('{{ method }} {{status}}', labels)).toBe('GET 200');
  expect(legendText('p95', labels)).toBe('p95');
  expect(legendText('{{route}}', labels)).toBe('none');
  expect(legendText('{{constructor}}', labels)).toBe('none');
  expect(legendText('', { job: 'a' })).toBe('{job="a"}');
  expect(legendText('{{{{status}}}}', labels)).toBe('{{200}}');
});

test('one label set has one id, whatever its order, and another set another', () => {
  expect(labelsId({ a: '1', b: '2' })).toBe(labelsId({ b: '2', a: '1' }));
  expect(labelsId({ a: '1', b: '2' })).not.toBe(labelsId({ a: '1', b: '3' }));
  expect(labelsId({})).toMatch(/^[0-9a-f]{8}$/);
});

test('only http and https lead anywhere', () => {
  expect(safeHref('https://example.org/a?b=c')).toBe('https://example.org/a?b=c');
  const bad = [
    'javascript:alert(1)',
    'JAVASCRIPT:alert(1)',
    ' https://example.org',
    'java\nscript:alert(1)',
    'data:text/html,<script>1</script>',
    '//example.org',
    '/relative',
    'https://',
    'ftp://example.org',
    'https://exa mple.org',
  ];
  for (const text of bad) expect([text, safeHref(text)]).toEqual([text, null]);
});

test('messages of others become sentences, names and code keep their spelling', () => {
  expect(sentence('too many queries at once')).toBe('Too many queries at once.');
  expect(sentence('The server does not answer.')).toBe('The server does not answer.');
  expect(sentence('rate() needs a range')).toBe('rate() needs a range.');
  expect(sentence('')).toBe('');
});
