// SPDX-License-Identifier: Apache-2.0
// The administrator's console.
import { render } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { call, hasToken, setToken, whenExpired, type Node } from '../api';
import { Head, Notice } from '../frame';
import { t, useSettings } from '../i18n';
import { useNode } from '../node';
import '../style.css';
import type { Word } from '../words';
import { Audit } from './audit';
import { Browse } from './browse';
import { Bulk } from './bulk';
import { Editor } from './edit';
import { History } from './history';
import { Live } from './live';
import { Login } from './login';
import { hashOf, where, type Place } from './route';

const tabs: [Place, Word][] = [['browse', 'browse'], ['bulk', 'bulk'], ['audit', 'audit'], ['live', 'live']];

function Tabs({ place }: { place: Place }) {
	const here = tabs.some(([p]) => p === place) ? place : 'browse';
	return (
		<nav class="tabs" aria-label={t('console')}>
			{tabs.map(([p, word]) => <a key={p} href={hashOf(p)} aria-current={p === here ? 'page' : undefined}>{t(word)}</a>)}
		</nav>
	);
}

function Body({ node, who, place, argument }: { node: Node; who: string; place: Place; argument: string }) {
	switch (place) {
	case 'browse': return <Browse node={node} prefix={argument} />;
	case 'id': return <Editor id={argument} prefix="" who={who} />;
	case 'new': return <Editor id="" prefix={argument} who={who} />;
	case 'history': return <History id={argument} />;
	case 'bulk': return <Bulk />;
	case 'audit': return <Audit />;
	case 'live': return <Live />;
	}
}

function Console() {
	useSettings();
	const [who, setWho] = useState('');
	const [notice, setNotice] = useState('');
	const node = useNode();
	const [spot, setSpot] = useState(where());

	const leave = (why: string) => {
		setToken('');
		setWho('');
		setNotice(why);
	};
	useEffect(() => {
		whenExpired(() => leave(t('loginExpired')));
		if (hasToken())
			call<{ id: string; how: string }>('/api/v1/whoami').then((me) => (me.how === 'public' ? leave('') : setWho(me.id)), () => leave(''));
		const move = () => {
			setSpot(where());
			scrollTo(0, 0);
			document.getElementById('main')?.focus();
		};
		addEventListener('hashchange', move);
		return () => removeEventListener('hashchange', move);
	}, []);
	document.title = 'Helve ' + t('console');

	return (
		<>
			<Head page="console">
				{who && <span class="who quiet" title={who}>{who}</span>}
				{who && <button type="button" class="plain" onClick={() => leave('')}>{t('logout')}</button>}
			</Head>
			{node?.daemon === 'helver' ? (
				<main id="main" class="login">
					<h1>{t('noConsole')}</h1>
					<Notice tone="calm"><p>{t('noConsoleWhy')}</p></Notice>
					<p class="actions"><a class="button second" href="/">{t('title')}</a></p>
				</main>
			) : !who ? node && <Login key={notice} notice={notice} onDone={setWho} /> : (
				<main id="main" class="wide" tabIndex={-1}>
					<Tabs place={spot.place} />
					{node && <Body key={spot.place + '/' + spot.argument} node={node} who={who} {...spot} />}
				</main>
			)}
		</>
	);
}

render(<Console />, document.getElementById('app')!);
