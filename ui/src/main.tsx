import { render } from 'preact';
import { App } from './app';
import { startClock } from './state/clock';
import { applyTheme } from './state/settings';
import { followLinks } from './state/url';
import './style/tokens.css';
import './style/base.css';
import './style/shell.css';
import './style/controls.css';
import './style/parts.css';
import './style/home.css';
import './style/lists.css';

applyTheme();
followLinks();
startClock();

const root = document.getElementById('app');
if (root === null) throw new Error('index.html has no #app');
render(<App />, root);
