/** The frame of every screen: who may see which, where they are, and keys that lead there. */
import { type ComponentType, h } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { Link, Redirect, Route, Switch, useLocation, useSearch } from 'wouter-preact';
import type { Action } from '../src/query/reader.ts';
import { signedOut } from './api/client.ts';
import { Help, openHelp } from './parts/help.tsx';
import { Inert } from './parts/inert.tsx';
import { ZoneChoice } from './parts/preferences.tsx';
import { Problem } from './parts/states.tsx';
import { AccessLog } from './screens/access-log.tsx';
import { ConversationScreen } from './screens/conversation.tsx';
import { Conversations } from './screens/conversations.tsx';
import { CoverageScreen } from './screens/coverage.tsx';
import { Exports } from './screens/exports.tsx';
import { MessageScreen } from './screens/message.tsx';
import { NewExport } from './screens/new-export.tsx';
import { RetentionScreen } from './screens/retention.tsx';
import { SearchScreen } from './screens/search.tsx';
import { SignIn } from './screens/sign-in.tsx';
import { VerificationScreen } from './screens/verification.tsx';
import { address } from './state/address.ts';
import { may, me, readMe, signOut, startProblem } from './state/reader.ts';
import { useShortcuts } from './state/shortcuts.ts';
import { scopeText } from './text/scope.ts';

interface Screen {
  readonly path: string;
  readonly title: string;
  readonly action: Action;
  readonly screen: ComponentType;
  /** Second key of the shortcut; screens without stand behind others. */
  readonly key?: string;
}

const SCREENS: readonly Screen[] = [
  { path: '/search', title: 'Search', action: 'search', screen: SearchScreen, key: 's' },
  { path: '/conversations', title: 'Conversations', action: 'view', screen: Conversations, key: 'c' },
  { path: '/conversation', title: 'Conversation', action: 'view', screen: ConversationScreen },
  { path: '/message', title: 'Message', action: 'view', screen: MessageScreen },
  { path: '/exports', title: 'Exports', action: 'export', screen: Exports, key: 'e' },
  { path: '/exports/new', title: 'New export', action: 'export', screen: NewExport },
  { path: '/coverage', title: 'Coverage', action: 'coverage', screen: CoverageScreen, key: 'd' },
  { path: '/retention', title: 'Retention', action: 'retention', screen: RetentionScreen, key: 'r' },
  {
    path: '/verification',
    title: 'Verification',
    action: 'verification',
    screen: VerificationScreen,
    key: 'v',
  },
  { path: '/access-log', title: 'Access log', action: 'access-log', screen: AccessLog, key: 'a' },
];

export function App() {
  const [path] = useLocation();
  const query = useSearch();
  if (startProblem.value !== undefined)
    return (
      <main id="content" class="alone">
        <h1>Chat archive</h1>
        <Problem problem={startProblem.value} again={() => void readMe()} />
      </main>
    );
  if (me.value === undefined)
    return (
      <main id="content" class="alone" aria-busy="true">
        <p role="status">Opening the archive…</p>
      </main>
    );
  const isOut = me.value === null || signedOut.value;
  if (path === '/sign-in') return isOut ? <SignIn /> : <Redirect to={returnPath(query)} replace />;
  if (isOut)
    return (
      <Redirect
        to={address('/sign-in', { return: path === '/' ? '' : address(path) + (query && `?${query}`) })}
        replace
      />
    );
  return <Shell />;
}

/** Back to where the reader wanted to go; only ever within this site. */
function returnPath(query: string): string {
  const wanted = new URLSearchParams(query).get('return') ?? '/';
  return /^\/(?![/\\])/.test(wanted) && !wanted.startsWith('/sign-in') ? wanted : '/';
}

function Shell() {
  const [path, navigate] = useLocation();
  const main = useRef<HTMLElement>(null);
  const isFirst = useRef(true);
  const allowed = SCREENS.filter(({ action }) => may(action));
  const shown = SCREENS.find((each) => each.path === path);
  useShortcuts(
    allowed.flatMap(({ key, path: to }) => (key === undefined ? [] : [[key, to] as const])),
    navigate,
    openHelp,
  );
  useOpenedDetails();
  useEffect(() => {
    document.title = `${shown?.title ?? 'Not found'} · ${me.value?.archive.account ?? ''} chat archive`;
    // A new screen is read from its top, also by those who do not see it; the first one is read by itself.
    if (!isFirst.current) {
      main.current?.focus({ preventScroll: true });
      window.scrollTo(0, 0);
    }
    isFirst.current = false;
  }, [path, shown]);
  return (
    <>
      <a class="skip" href="#content">
        Skip to content
      </a>
      <header class="top">
        <div class="brand">
          <strong>Chat archive</strong>
          <span class="quiet">{me.value?.archive.account}</span>
        </div>
        <nav aria-label="Screens">
          <ul>
            {allowed
              .filter(({ key }) => key !== undefined)
              .map(({ path: to, title }) => (
                <li key={to}>
                  <Link href={to} aria-current={isWithin(path, to) ? 'page' : undefined}>
                    {title}
                  </Link>
                </li>
              ))}
          </ul>
        </nav>
        <ZoneChoice />
        <div class="reader">
          <span class="name">
            <span>{me.value?.name}</span>
            <span class="quiet">{me.value?.role}</span>
          </span>
          <button type="button" onClick={openHelp} aria-label="Help and settings">
            ?
          </button>
          <button type="button" onClick={() => void signOut()}>
            Sign out
          </button>
        </div>
      </header>
      <ScopeNote />
      <main id="content" ref={main} tabIndex={-1}>
        <Switch>
          {allowed.map(({ path: at, screen }) => (
            <Route key={at} path={at}>
              {h(screen, {})}
            </Route>
          ))}
          <Route path="/">
            <Redirect to={allowed[0]?.path ?? '/nothing'} replace />
          </Route>
          <Route>
            <h1>{shown === undefined ? 'There is no such screen' : 'Not for your role'}</h1>
            <p>
              {shown === undefined
                ? 'The address may be mistyped, or of another version of the portal.'
                : `As ${me.value?.role} you do not see “${shown.title}”. Whoever runs the portal gives roles.`}
            </p>
          </Route>
        </Switch>
      </main>
      <Help
        shortcuts={allowed.flatMap(({ key, title }) => (key === undefined ? [] : [[key, title] as const]))}
      />
    </>
  );
}

function isWithin(path: string, screen: string): boolean {
  if (screen === '/conversations') return path.startsWith('/conversation');
  if (screen === '/search') return path === '/search' || path === '/message';
  return path === screen || path.startsWith(`${screen}/`);
}

/** What a reader does not see he should not take for absent. */
function ScopeNote() {
  const scope = me.value ? scopeText(me.value.scope) : '';
  if (scope === '') return null;
  return (
    <p class="scope">
      You see a part of the archive: <Inert text={scope} plain />.
    </p>
  );
}

/** On paper nothing is folded away. */
function useOpenedDetails(): void {
  useEffect(() => {
    let opened: HTMLDetailsElement[] = [];
    const open = (): void => {
      opened = [...document.querySelectorAll<HTMLDetailsElement>('main details:not([open])')];
      for (const each of opened) each.open = true;
    };
    const close = (): void => {
      for (const each of opened) each.open = false;
    };
    window.addEventListener('beforeprint', open);
    window.addEventListener('afterprint', close);
    return () => {
      window.removeEventListener('beforeprint', open);
      window.removeEventListener('afterprint', close);
    };
  }, []);
}
