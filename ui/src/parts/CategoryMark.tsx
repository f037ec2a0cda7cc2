import type { Category } from '../api/graph';
import { CATEGORY_MEANS, CATEGORY_WORDS, LETTERS } from '../diagnosis/category';

/** S, A, N, F or E in its own shape and hue; the word is there for those who hear it. */
export function CategoryMark({ category }: { category: Category }) {
  const word = CATEGORY_WORDS[category] ?? category;
  return (
    <span class={`cat cat-${category}`} title={`${word}: ${CATEGORY_MEANS[category] ?? ''}`}>
      <span aria-hidden="true">{LETTERS[category] ?? '?'}</span>
      <span class="hidden">{word}</span>
    </span>
  );
}

/** Each category that is among them once, in their order, for places with little room. */
export function CategoryMarks({ of }: { of: Iterable<{ category: Category }> }) {
  const found = new Set([...of].map(({ category }) => category));
  if (found.size === 0) return null;
  return (
    <span class="cats">
      {[...found].map((category) => (
        <CategoryMark key={category} category={category} />
      ))}
    </span>
  );
}
