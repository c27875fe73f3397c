// SPDX-License-Identifier: Apache-2.0
// The resolver page: ask, and read the answer.
import { render } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { chain as askChain, resolve, type Answer, type Chain, type Value } from './api';
import { Badge, ChainView, verdictOf } from './chain';
import { LabelDialog } from './code';
import { CopyButton, Head, Notice } from './frame';
import { linkType } from './gs1links';
import { t, useSettings } from './i18n';
import { Icon } from './icons';
import { idOfPage, otherSpellings, pageOf, readIdentifier } from './ident';
import { useNode } from './node';
import { Record, Validity } from './record';
import { ScanDialog } from './scan';
import { Plain } from './text';
import './style.css';

type Outcome =
	| { kind: 'idle' }
	| { kind: 'asking'; id: string }
	| { kind: 'typo'; error: string; instead?: string }
	| { kind: 'answer'; id: string; answer: Answer & { status: number }; asked: Date }
	| { kind: 'silence'; id: string };

function nameOf(values: Value[]): string {
	const isText = (v: Value) => v.data.format === 'string';
	const named = values.find((v) => isText(v) && v.type.toLowerCase() === 'name')
		?? values.find((v) => isText(v) && linkType(v.type).toLowerCase() === 'itemdescription');
	return named ? String(named.data.value).slice(0, 200) : '';
}

function Suggestions({ id, ask }: { id: string; ask: (id: string) => void }) {
	return (
		<>
			{otherSpellings(id).map((s) => (
				<p key={s.why}>{s.why} <Suggestion id={s.id} ask={ask} /></p>
			))}
		</>
	);
}

function Suggestion({ id, ask }: { id: string; ask: (id: string) => void }) {
	return <>{t('didYouMean')} <button type="button" class="link" onClick={() => ask(id)}><Plain text={id} /></button>?</>;
}

// Only a resolver has a cache.
function PastCache({ again }: { again: () => void }) {
	if (useNode()?.daemon !== 'helver')
		return null;
	return <button type="button" class="button second" onClick={again}><Icon name="refresh" />{t('refresh')}</button>;
}

function Failure({ id, answer, ask }: {
	id: string; answer: Answer & { status: number }; ask: (id: string, fresh?: boolean) => void;
}) {
	const said = answer.message ?? `HTTP ${answer.status}`;
	switch (answer.responseCode) {
	case 100:
		return (
			<Notice tone="warn" title={t('notFound')}>
				<p><Plain text={t('notFoundWhy', id)} /></p>
				<Suggestions id={id} ask={ask} />
				<PastCache again={() => ask(id, true)} />
			</Notice>
		);
	case 301: case 302: case 303:
		return <Notice tone="warn" title={t('notServed')}><p><Plain text={t('notServedWhy', id)} /></p></Notice>;
	case 102: case 4:
		return (
			<Notice tone="warn" title={t('badSyntax')}>
				<p><Plain text={said} /></p><Suggestions id={id} ask={ask} />
			</Notice>
		);
	case 400: case 401: case 402: case 403:
		return <Notice tone="warn" title={t('refused')}><p><Plain text={said} /></p></Notice>;
	default:
		return <Notice tone="bad" title={t('trouble')}><p><Plain text={t('troubleWhy', said)} /></p></Notice>;
	}
}

function Found({ id, values, answer, asked, again }: {
	id: string; values: Value[]; answer: Answer; asked: Date; again: () => void;
}) {
	const [trust, setTrust] = useState<Chain | null | undefined>(undefined);
	const [label, setLabel] = useState(false);
	useEffect(() => {
		let gone = false;
		askChain(id).then((c) => gone || setTrust(c));
		return () => {
			gone = true;
		};
	}, [id, asked]);
	const name = nameOf(values);
	return (
		<>
			{trust?.verdict === 'bogus' && <Notice tone="bad" title={t('bogus')}><p>{t('bogusWhy')}</p></Notice>}
			<section class="card" aria-labelledby="what">
				<div class="card-head">
					<h2 id="what">{name ? <Plain text={name} /> : t('record')}</h2>
					{trust !== undefined && <Badge verdict={verdictOf(trust)} />}
				</div>
				<p class="ident"><span class="mono"><Plain text={id} /></span><CopyButton text={id} /></p>
				{values.length ? <Record values={values} /> : <p>{t('nothingPublic')}</p>}
				<Validity values={values} asked={asked} />
				<p class="actions">
					<button type="button" class="button second" onClick={() => setLabel(true)}><Icon name="print" />{t('label')}</button>
					<PastCache again={again} />
				</p>
			</section>
			{trust !== undefined && <ChainView chain={trust} />}
			<details class="card">
				<summary>{t('rawJson')}</summary>
				<pre tabIndex={0} aria-label={t('rawJson')}><Plain text={JSON.stringify({ responseCode: answer.responseCode, handle: answer.handle, values }, null, 2)} /></pre>
			</details>
			{label && <LabelDialog id={id} title={name} onClose={() => setLabel(false)} />}
		</>
	);
}

function Result({ outcome, ask }: { outcome: Outcome; ask: (id: string, fresh?: boolean) => void }) {
	switch (outcome.kind) {
	case 'idle':
	case 'asking':
		return null;
	case 'typo':
		return (
			<Notice tone="warn">
				<p><Plain text={outcome.error} /></p>
				{outcome.instead && <p><Suggestion id={outcome.instead} ask={ask} /></p>}
			</Notice>
		);
	case 'silence':
		return (
			<Notice tone="bad" title={t('trouble')}>
				<p>{t('noAnswer')}</p>
				<button type="button" class="button second" onClick={() => ask(outcome.id)}>{t('retry')}</button>
			</Notice>
		);
	case 'answer': {
		const { id, answer, asked } = outcome;
		const found = answer.responseCode === 1 || answer.responseCode === 200;
		if (!found)
			return <Failure id={id} answer={answer} ask={ask} />;
		return <Found key={id} id={id} values={answer.values ?? []} answer={answer} asked={asked} again={() => ask(id, true)} />;
	}
	}
}

function announced(outcome: Outcome): string {
	if (outcome.kind === 'asking')
		return t('asking');
	return outcome.kind === 'answer' && outcome.answer.values ? t('record') + ': ' + outcome.id : '';
}

function Page() {
	useSettings();
	const [text, setText] = useState(idOfPage(location));
	const [outcome, setOutcome] = useState<Outcome>({ kind: 'idle' });
	const [scanning, setScanning] = useState(false);
	const turn = useRef(0);

	const look = async (input: string, fresh: boolean) => {
		const mine = ++turn.current;
		const reading = readIdentifier(input);
		if ('error' in reading) {
			setOutcome({ kind: 'typo', ...reading });
			return;
		}
		const { id } = reading;
		setOutcome({ kind: 'asking', id });
		const next: Outcome = await resolve(id, fresh).then(
			(answer) => ({ kind: 'answer', id, answer, asked: new Date() }),
			() => ({ kind: 'silence', id }));
		if (mine === turn.current)
			setOutcome(next);
	};
	const ask = (input: string, fresh = false) => {
		const reading = readIdentifier(input);
		if ('id' in reading && !fresh)
			history.pushState(null, '', pageOf(reading.id));
		setText(input);
		void look(input, fresh);
	};

	useEffect(() => {
		const show = () => {
			const id = idOfPage(location);
			setText(id);
			if (id)
				void look(id, false);
			else
				setOutcome({ kind: 'idle' });
		};
		show();
		addEventListener('popstate', show);
		return () => removeEventListener('popstate', show);
	}, []);
	document.title = (outcome.kind === 'answer' ? outcome.id.slice(0, 80) + ' · ' : '') + 'Helve ' + t('resolver');

	return (
		<>
			<Head page="resolver" />
			<main id="main" class={outcome.kind === 'idle' ? 'first' : ''}>
				<h1>{t('title')}</h1>
				<p class="lead">{t('lead')}</p>
				<form class="ask" role="search" onSubmit={(e) => { e.preventDefault(); ask(text); }}>
					<label class="hidden-label" for="id">{t('identifier')}</label>
					<input id="id" type="text" value={text} placeholder={t('placeholder')} autocomplete="off"
						autocapitalize="off" spellcheck={false} maxLength={4096} dir="ltr"
						onInput={(e) => setText(e.currentTarget.value)} />
					<button type="button" class="button second" onClick={() => setScanning(true)}><Icon name="scan" />{t('scan')}</button>
					<button type="submit" class="button"><Icon name="search" />{t('lookUp')}</button>
				</form>
				<p class={outcome.kind === 'asking' ? 'waiting' : 'hidden-label'} role="status">{announced(outcome)}</p>
				<Result outcome={outcome} ask={ask} />
			</main>
			{scanning && <ScanDialog onClose={() => setScanning(false)} onRead={(read) => { setScanning(false); ask(read); }} />}
		</>
	);
}

render(<Page />, document.getElementById('app')!);
