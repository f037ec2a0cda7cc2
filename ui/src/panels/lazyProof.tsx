import type { Assertion } from '../api/assertions';
import { lazily } from '../parts/lazily';
import type { Proof } from './ProofChart';

// Charts weigh more than the pages that prove something with them: words come first.

const skeleton = <div class="chart-skeleton" style={{ height: '152px' }} />;

export const ProofChart = lazily<{ proof: Proof }>(
  async () => (await import('./ProofChart')).ProofChart,
  skeleton,
);

export const ChosenAssertion = lazily<{ assertion: Assertion; onClose: () => void }>(
  async () => (await import('./ChosenAssertion')).ChosenAssertion,
  skeleton,
);
