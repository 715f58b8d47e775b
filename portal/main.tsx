import { render } from 'preact';
import { App } from './app.tsx';
import { keepChoices } from './state/choices.ts';
import { readMe } from './state/reader.ts';
import './style/main.css';

const place = document.getElementById('app');
if (place === null) throw new Error('the page has no place for the portal');
keepChoices();
render(<App />, place);
void readMe();
